/* SPDX-License-Identifier: MIT */
/*
 * test_description.c - device descriptions, the specification's and the field's (UDA 2.0
 * clause 2.3; DESC-23, DESC-34 to DESC-37, DESC-41).
 */
#include "../../fakeigd/wire/description.h"

#include "unit.h"

#define LOCATION "http://192.168.1.1:5431/dir/desc.xml"
#define ROOT	 "<root xmlns=\"urn:schemas-upnp-org:device-1-0\">"
#define DEVICE	 "<device><deviceType>t</deviceType><UDN>uuid:1</UDN>"
#define SERVICE(type, control)                                                                     \
	"<service><serviceType>" type "</serviceType><serviceId>id</serviceId>"                    \
	"<SCPDURL>s.xml</SCPDURL><controlURL>" control "</controlURL><eventSubURL/></service>"

/* clang-format off */
static const char igd[] =
	"<?xml version=\"1.0\"?>\r\n" ROOT
	"<specVersion><major>1</major><minor>0</minor></specVersion>"
	"<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>"
	"<friendlyName>\n A &amp; B \t</friendlyName><manufacturer><![CDATA[<M>]]></manufacturer>"
	"<modelName>m</modelName><UDN> uuid:root </UDN>"
	"<serviceList>" SERVICE("l3f", "/ctl/L3F") "</serviceList>"
	"<deviceList><device><deviceType>wan</deviceType><UDN>uuid:wan</UDN>"
	"<serviceList>" SERVICE("cif", "ctl/CIF") "</serviceList>"
	"<deviceList><device><deviceType>wancon</deviceType><UDN>uuid:con</UDN>"
	"<serviceList>" SERVICE("dsl", "http://192.168.1.1:4444/x?1")
	SERVICE("wanip", "uuid:9/WANIPConnection:1") "</serviceList></device></deviceList>"
	"</device>"
	"<device><deviceType>lan</deviceType><UDN>uuid:lan</UDN>"
	"<serviceList>" SERVICE("hcm", "?ctl") "</serviceList></device></deviceList>"
	"</device></root>\r\n";
/* clang-format on */

/* Parse with LOCATION as the place the document came from. */
static bool parse(const char *data, size_t len, struct description *d, const char **why)
{
	struct url location;

	assert_true(url_parse(slice_of(LOCATION), &location));
	*why = NULL;
	return description_parse(data, len, &location, d, why);
}

static void assert_url(size_t i, const struct url *url, const char *expected)
{
	struct buf text = {0};

	if (*url->host)
		url_format(url, &text);
	assert_row_slice(i, buf_slice(&text), expected);
	buf_free(&text);
}

static void test_whole_tree(void **state)
{
	static const struct {
		const char *type, *udn, *device;
		int depth;
		const char *control;
	} rows[] = {
		{"l3f", "uuid:root", "urn:schemas-upnp-org:device:InternetGatewayDevice:1", 0,
		 "http://192.168.1.1:5431/ctl/L3F"},
		{"cif", "uuid:wan", "wan", 1, "http://192.168.1.1:5431/dir/ctl/CIF"},
		{"dsl", "uuid:con", "wancon", 2, "http://192.168.1.1:4444/x?1"},
		{"wanip", "uuid:con", "wancon", 2,
		 "http://192.168.1.1:5431/dir/uuid:9/WANIPConnection:1"},
		{"hcm", "uuid:lan", "lan", 1, "http://192.168.1.1:5431/dir/desc.xml?ctl"},
	};
	struct description d;
	const char *why;

	(void)state;
	assert_true(parse(BYTES(igd), &d, &why));
	assert_string_equal(d.device_type, rows[0].device);
	assert_string_equal(d.udn, "uuid:root");
	assert_string_equal(d.friendly_name, "A & B");
	assert_string_equal(d.manufacturer, "<M>");
	assert_string_equal(d.model_name, "m");
	assert_int_equal(d.count, ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct description_service *s = &d.services[i];

		assert_row_slice(i, slice_of(s->type), rows[i].type);
		assert_row_slice(i, slice_of(s->id), "id");
		assert_row_slice(i, slice_of(s->udn), rows[i].udn);
		assert_row_slice(i, slice_of(s->device_type), rows[i].device);
		assert_row(i, s->depth, rows[i].depth);
		assert_url(i, &s->control, rows[i].control);
		assert_url(i, &s->scpd, "http://192.168.1.1:5431/dir/s.xml");
		assert_url(i, &s->event, "");
	}
	description_free(&d);
	assert_int_equal(d.count, 0);
}

/* DESC-23 and the catalogue's desc-urlbase-*. */
static void test_url_base(void **state)
{
	static const struct {
		const char *before, *after, *reference, *control;
	} rows[] = {
		{"", "", "/c", "http://192.168.1.1:5431/c"},
		{"", "", "c", "http://192.168.1.1:5431/dir/c"},
		{"<URLBase/>", "", "c", "http://192.168.1.1:5431/dir/c"},
		{"<URLBase> \n </URLBase>", "", "c", "http://192.168.1.1:5431/dir/c"},
		{"<URLBase>http://192.168.1.1:49152</URLBase>", "", "c",
		 "http://192.168.1.1:49152/c"},
		{"<URLBase>http://192.168.1.1:49152/</URLBase>", "", "/c",
		 "http://192.168.1.1:49152/c"},
		{"<URLBase>http://192.168.1.1:49152/x/</URLBase>", "", "c",
		 "http://192.168.1.1:49152/x/c"},
		{"<URLBase>http://192.168.1.1:49152/x</URLBase>", "", "c",
		 "http://192.168.1.1:49152/c"},
		{"", "<URLBase>\r\n http://192.168.1.1:49152/ \r\n</URLBase>", "c",
		 "http://192.168.1.1:49152/c"},
		{"<URLBase>192.168.1.1:49152</URLBase>", "", "c", "http://192.168.1.1:5431/dir/c"},
		{"<URLBase>https://192.168.1.1/</URLBase>", "", "c",
		 "http://192.168.1.1:5431/dir/c"},
		{"<URLBase>/relative/</URLBase>", "", "c", "http://192.168.1.1:5431/dir/c"},
		{"<URLBase>http://192.168.1.1:49152/</URLBase>", "", "http://h/x", "http://h:80/x"},
		{"", "", "", ""},
		{"", "", "  ", ""},
		{"", "", "https://h/", ""},
		{"", "", "http://h:99999/", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf b = {0};
		struct description d;
		const char *why;

		buf_printf(&b,
			   ROOT
			   "%s" DEVICE
			   "<serviceList>" SERVICE("x", "%s") "</serviceList></device>%s</root>",
			   rows[i].before, rows[i].reference, rows[i].after);
		assert_row(i, parse(b.data, b.len, &d, &why), true);
		assert_row(i, d.count, 1);
		assert_url(i, &d.services[0].control, rows[i].control);
		description_free(&d);
		buf_free(&b);
	}
}

/* Documents that routers really send. */
static void test_field_documents(void **state)
{
#define LIST "<serviceList>" SERVICE("x", "/c") "</serviceList>"
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
		{BYTES("<root>" DEVICE LIST "</device></root>")},
		{BYTES("<root xmlns='wrong'>" DEVICE LIST "</device></root>")},
		{BYTES(ROOT DEVICE "<friendlyName   >x</friendlyName>" LIST "</device></root>")},
		{BYTES(ROOT DEVICE "<dlna:X_DLNADOC>x</dlna:X_DLNADOC>" LIST "</device></root>")},
		{BYTES(ROOT DEVICE "<df:id>VEN_01f2&DEV_0004</df:id>" LIST "</device></root>")},
		{BYTES("\r\n\r\n<?xml version='1.0'?>" ROOT DEVICE LIST "</device></root>")},
		{BYTES(ROOT DEVICE LIST "</device></root>\0\0<html>")},
		{BYTES("<?xml version='1.0' encoding='windows-1252'?>" ROOT DEVICE
		       "<modelName>\xE9</modelName>" LIST "</device></root>")},
		{BYTES(ROOT DEVICE "<!-- c --><unknown a='b'/>" LIST "</device><x/></root>")},
		{BYTES("<p:root xmlns:p='urn:schemas-upnp-org:device-1-0'><p:device>"
		       "<p:deviceType>t</p:deviceType><p:serviceList><p:service><p:serviceType>x"
		       "</p:serviceType><p:controlURL>/c</p:controlURL></p:service></p:serviceList>"
		       "</p:device></p:root>")},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct description d;
		const char *why;

		assert_row(i, parse(rows[i].bytes, rows[i].len, &d, &why), true);
		assert_row_slice(i, slice_of(d.device_type), "t");
		assert_row(i, d.count, 1);
		assert_row_slice(i, slice_of(d.services[0].type), "x");
		assert_url(i, &d.services[0].control, "http://192.168.1.1:5431/c");
		description_free(&d);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"", "not well-formed XML"},
		{"404 not found", "not well-formed XML"},
		{ROOT DEVICE, "not well-formed XML"},
		{ROOT DEVICE "</root>", "not well-formed XML"},
		{"<!DOCTYPE root>" ROOT DEVICE "</device></root>",
		 "a document type declaration, which is not allowed"},
		{ROOT "</root>", "there is no device in it"},
		{"<scpd/>", "the root element is not \"root\""},
		{"<html><body/></html>", "the root element is not \"root\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct description d;
		const char *why;

		assert_row(i, parse(rows[i].text, strlen(rows[i].text), &d, &why), false);
		assert_row_slice(i, slice_of(why), rows[i].why);
	}
}

/* What is absent is "", never NULL. */
static void test_bare_device(void **state)
{
	static const char text[] =
		"<root><device><serviceList><service/></serviceList></device></root>";
	struct description d;
	const char *why;

	(void)state;
	assert_true(parse(BYTES(text), &d, &why));
	assert_string_equal(d.device_type, "");
	assert_string_equal(d.udn, "");
	assert_string_equal(d.friendly_name, "");
	assert_int_equal(d.count, 1);
	assert_string_equal(d.services[0].type, "");
	assert_string_equal(d.services[0].udn, "");
	assert_string_equal(d.services[0].control.host, "");
	description_free(&d);
}

/* DESC-41 */
static void test_bounds(void **state)
{
	struct buf b = {0};
	struct description d;
	const char *why;

	(void)state;
	buf_puts(&b, ROOT DEVICE "<serviceList>");
	for (int i = 0; i < 1000; i++)
		buf_puts(&b, "<service/>");
	buf_puts(&b, "</serviceList></device></root>");
	assert_true(parse(b.data, b.len, &d, &why));
	assert_int_equal(d.count, DESCRIPTION_SERVICES_MAX);
	description_free(&d);
	buf_reset(&b);
	buf_puts(&b, ROOT DEVICE);
	for (int i = 0; i < 1000; i++)
		buf_puts(&b, "<deviceList><device>");
	assert_false(parse(b.data, b.len, &d, &why));
	assert_string_equal(why, "elements are nested too deep");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_tree),	cmocka_unit_test(test_url_base),
		cmocka_unit_test(test_field_documents), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bare_device),	cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
