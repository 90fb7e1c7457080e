/* SPDX-License-Identifier: MIT */
/*
 * test_xml.c - XML under attack and in the field: what becomes a tree, what is refused and how
 * (SOAP-07, SOAP-30, SOAP-48, DESC-34, DESC-35, DESC-41).
 */
#include "../../fakeigd/wire/xml.h"

#include "../../fakeigd/wire/utf8.h"

#include "unit.h"

#define UTF8_DECL   "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
#define LATIN1_DECL "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>"
#define DECL(enc)   "<?xml version=\"1.0\" encoding=\"" enc "\"?>"
#define LAUGHS                                                                                     \
	"<!DOCTYPE a [<!ENTITY b \"ha\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">"                  \
	"<!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;\">]><a>&d;</a>"

/* Documents by what becomes of them, strictly and leniently. */
static const struct {
	const char *bytes;
	size_t len;
	enum xml_error strict, lenient;
} documents[] = {
	{BYTES("<a/>"), XML_OK, XML_OK},
	{BYTES(UTF8_DECL "\r\n<a>b</a>\r\n"), XML_OK, XML_OK},
	{BYTES("\xEF\xBB\xBF<a/>"), XML_OK, XML_OK},
	{BYTES("\xFF\xFE<\0a\0/\0>\0"), XML_OK, XML_OK},
	{BYTES("\xFE\xFF\0<\0a\0/\0>"), XML_OK, XML_OK},
	{BYTES(LATIN1_DECL "<a>\xE9</a>"), XML_OK, XML_OK},
	{BYTES("<a><!-- c --><?pi x?><![CDATA[<]]></a><!-- c -->"), XML_OK, XML_OK},
	{BYTES("<a  b='c'\r\n>&#65;&lt;&amp;</a >"), XML_OK, XML_OK},
	{BYTES("<x:a xmlns:x='u'/>"), XML_OK, XML_OK},
	/* not well-formed for ever */
	{BYTES(""), XML_MALFORMED, XML_MALFORMED},
	{BYTES(" "), XML_MALFORMED, XML_MALFORMED},
	{BYTES("\0\0\0\0"), XML_MALFORMED, XML_MALFORMED},
	{BYTES("hello"), XML_MALFORMED, XML_MALFORMED},
	{BYTES("><"), XML_MALFORMED, XML_MALFORMED},
	{BYTES("<"), XML_MALFORMED, XML_MALFORMED},
	{BYTES("<a>"), XML_MALFORMED, XML_MALFORMED},
	{BYTES("<a><b></a></b>"), XML_MALFORMED, XML_MALFORMED},
	{BYTES("<a></b>"), XML_MALFORMED, XML_MALFORMED},
	{BYTES("<a/><b/>"), XML_MALFORMED, XML_OK},
	{BYTES("<a b/>"), XML_MALFORMED, XML_MALFORMED},
	{BYTES("<a b='1' b='2'/>"), XML_MALFORMED, XML_MALFORMED},
	{BYTES("<a>&#0;</a>"), XML_MALFORMED, XML_OK},
	{BYTES("<a>&#x1F;</a>"), XML_MALFORMED, XML_OK},
	{BYTES("<a>&#xFFFFFFFF;</a>"), XML_MALFORMED, XML_OK},
	{BYTES("<a><![CDATA[</a>"), XML_MALFORMED, XML_MALFORMED},
	{BYTES("<a><!-- -- --></a>"), XML_MALFORMED, XML_MALFORMED},
	{BYTES("<?xml version='1.0'?><?xml version='1.0'?><a/>"), XML_MALFORMED, XML_MALFORMED},
	{BYTES("{\"a\": 1}"), XML_MALFORMED, XML_MALFORMED},
	/* what routers send */
	{BYTES("\r\n\r\n" UTF8_DECL "<a/>"), XML_MALFORMED, XML_OK},
	{BYTES("junk<a/>"), XML_MALFORMED, XML_OK},
	{BYTES("<a/>\0"), XML_MALFORMED, XML_OK},
	{BYTES("<a/>junk"), XML_MALFORMED, XML_OK},
	{BYTES("<a>x & y</a>"), XML_MALFORMED, XML_OK},
	{BYTES("<a>VEN_01f2&DEV_0004</a>"), XML_MALFORMED, XML_OK},
	{BYTES("<a>&nbsp;</a>"), XML_MALFORMED, XML_OK},
	{BYTES("<a>&unknown;</a>"), XML_MALFORMED, XML_OK},
	{BYTES("<a>\x18</a>"), XML_MALFORMED, XML_OK},
	{BYTES("<a>\0</a>"), XML_MALFORMED, XML_OK},
	{BYTES("<a><p:b>x</p:b></a>"), XML_MALFORMED, XML_OK},
	{BYTES("<a p:b='c'/>"), XML_MALFORMED, XML_OK},
	{BYTES("<a>\xE9</a>"), XML_BAD_ENCODING, XML_OK},
	{BYTES(UTF8_DECL "<a>\xE9t\xE9</a>"), XML_BAD_ENCODING, XML_OK},
	{BYTES("<a>\xC0\x80</a>"), XML_BAD_ENCODING, XML_OK},
	{BYTES("<a>\xED\xA0\x80</a>"), XML_BAD_ENCODING, XML_OK},
	{BYTES(DECL("windows-1252") "<a>\xE9</a>"), XML_BAD_ENCODING, XML_OK},
	{BYTES(DECL("no-such") "<a/>"), XML_BAD_ENCODING, XML_OK},
	{BYTES(DECL("utf-16") "<a/>"), XML_BAD_ENCODING, XML_OK},
	/* never */
	{BYTES("<!DOCTYPE a><a/>"), XML_FORBIDDEN, XML_FORBIDDEN},
	{BYTES("<!DOCTYPE html><html/>"), XML_FORBIDDEN, XML_FORBIDDEN},
	{BYTES("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>"), XML_FORBIDDEN, XML_FORBIDDEN},
	{BYTES("<!DOCTYPE a PUBLIC \"p\" \"http://192.0.2.1/\"><a/>"), XML_FORBIDDEN,
	 XML_FORBIDDEN},
	{BYTES("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>"), XML_FORBIDDEN,
	 XML_FORBIDDEN},
	{BYTES("<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://192.0.2.1/\">%p;]><a/>"), XML_FORBIDDEN,
	 XML_FORBIDDEN},
	{BYTES(LAUGHS), XML_FORBIDDEN, XML_FORBIDDEN},
	{BYTES("junk" LAUGHS), XML_MALFORMED, XML_FORBIDDEN},
};

static void test_verdicts(void **state)
{
	struct xml_node *root;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		enum xml_error error = xml_parse(documents[i].bytes, documents[i].len, &root);

		assert_row(i, error, documents[i].strict);
		assert_row(i, root != NULL, error == XML_OK);
		xml_free(root);
		error = xml_parse_lenient(documents[i].bytes, documents[i].len, &root);
		assert_row(i, error, documents[i].lenient);
		assert_row(i, root != NULL, error == XML_OK);
		xml_free(root);
		assert_true(*xml_error_text(documents[i].strict));
	}
	assert_int_equal(xml_parse(NULL, 0, &root), XML_MALFORMED);
	assert_int_equal(xml_parse_lenient(NULL, 0, &root), XML_MALFORMED);
}

static void test_tree(void **state)
{
	static const char text[] = "<root xmlns=\"urn:d\"\n xmlns:x=\"urn:x\">\n"
				   " <a>  one\n&amp; <b>two</b> three\t</a>\n"
				   " <x:a x:k=\"1\" k=\"2\" xml:lang=\"en\">\xC3\xA9</x:a>\n"
				   " <c/><c xmlns=\"\"> </c>\n"
				   "</root>";
	struct xml_node *root, *a, *b, *xa, *c;

	(void)state;
	assert_int_equal(xml_parse(BYTES(text), &root), XML_OK);
	assert_string_equal(root->name, "root");
	assert_string_equal(root->ns, "urn:d");
	assert_null(root->parent);
	assert_null(root->next);
	assert_null(root->attributes);
	a = xml_child(root, "a");
	assert_ptr_equal(a, root->first);
	assert_ptr_equal(a->parent, root);
	assert_int_equal(a->line, 3);
	assert_string_equal(a->text, "one\n&  three");
	assert_string_equal(a->raw, "  one\n&  three\t");
	assert_int_equal(a->raw_len, 15);
	b = a->first;
	assert_string_equal(b->text, "two");
	assert_string_equal(xml_text(a, "b"), "two");
	xa = a->next;
	assert_string_equal(xa->name, "a");
	assert_string_equal(xa->ns, "urn:x");
	assert_string_equal(xa->text, "\xC3\xA9");
	assert_string_equal(xml_attribute(xa, "urn:x", "k"), "1");
	assert_string_equal(xml_attribute(xa, "", "k"), "2");
	assert_string_equal(xml_attribute(xa, NULL, "k"), "1");
	assert_string_equal(xml_attribute(xa, NULL, "lang"), "en");
	assert_null(xml_attribute(xa, "urn:y", "k"));
	assert_null(xml_attribute(a, NULL, "k"));
	c = root->last;
	assert_string_equal(c->ns, "");
	assert_string_equal(c->text, "");
	assert_string_equal(c->raw, " ");
	assert_string_equal(xml_child(root, "c")->raw, "");
	assert_null(xml_child(root, "absent"));
	assert_null(xml_child(NULL, "a"));
	assert_null(xml_text(root, "absent"));
	xml_free(root);
	xml_free(NULL);
}

/* The same text whatever it is written in. */
static void test_encodings(void **state)
{
	static const struct slice rows[] = {
		{BYTES("<a>\xC3\xA9\xE2\x82\xAC</a>")},
		{BYTES("\xEF\xBB\xBF" UTF8_DECL "<a>\xC3\xA9\xE2\x82\xAC</a>")},
		{BYTES(DECL("US-ASCII") "<a>&#233;&#x20AC;</a>")},
		{BYTES(LATIN1_DECL "<a>\xE9&#x20AC;</a>")},
		{BYTES("\xFF\xFE<\0a\0>\0\xE9\0\xAC\x20<\0/\0a\0>\0")},
		{BYTES("\xFE\xFF\0<\0a\0>\0\xE9\x20\xAC\0<\0/\0a\0>")},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct xml_node *root;

		assert_row(i, xml_parse(rows[i].ptr, rows[i].len, &root), XML_OK);
		assert_row_slice(i, slice_of(root->text), "\xC3\xA9\xE2\x82\xAC");
		xml_free(root);
	}
}

/* What repair makes of it. */
static void test_repaired_text(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *text, *ns;
	} rows[] = {
		{BYTES("<a xmlns='u'>x & y &amp; &lt;&#65;&bad; &#; &</a>\0\0"),
		 "x & y & <A&bad; &#; &", "u"},
		{BYTES("HTTP junk <a>\x18ok\x01</a> trailing"), "ok", ""},
		{BYTES("<a xmlns='u'>caf\xE9</a>"), "caf\xC3\xA9", "u"},
		{BYTES("<a xmlns='u'>t<p:b/></a>"), "t", ""},
		{BYTES("<a>&#xD800;&#65534;&#1114112;&#x10FFFD;&#9;&#x;&#12x;&#8</a>"),
		 "&#xD800;&#65534;&#1114112;\xF4\x8F\xBF\xBD\t&#x;&#12x;&#8", ""},
		{BYTES("<a>caf\xC3\xA9</a><html>\xE9"), "caf\xC3\xA9", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct xml_node *root;

		assert_row(i, xml_parse_lenient(rows[i].bytes, rows[i].len, &root), XML_OK);
		assert_row_slice(i, slice_of(root->text), rows[i].text);
		assert_row_slice(i, slice_of(root->ns), rows[i].ns);
		xml_free(root);
	}
}

static enum xml_error parse_repeated(const char *before, const char *piece, int count,
				     const char *after_piece, const char *after)
{
	struct xml_node *root;
	struct buf b = {0};
	enum xml_error error;

	buf_puts(&b, before);
	for (int i = 0; i < count; i++)
		buf_puts(&b, piece);
	for (int i = 0; i < count; i++)
		buf_puts(&b, after_piece);
	buf_puts(&b, after);
	error = xml_parse(b.data, b.len, &root);
	assert_int_equal(root != NULL, error == XML_OK);
	xml_free(root);
	error = xml_parse_lenient(b.data, b.len, &root) == error ? error : XML_ERROR_COUNT_;
	xml_free(root);
	buf_free(&b);
	return error;
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(parse_repeated("", "<a>", XML_DEPTH_MAX, "</a>", ""), XML_OK);
	assert_int_equal(parse_repeated("", "<a>", XML_DEPTH_MAX + 1, "</a>", ""), XML_TOO_DEEP);
	assert_int_equal(parse_repeated("", "<a>", 100000, "", ""), XML_TOO_DEEP);
	assert_int_equal(parse_repeated("", "<a>", XML_DEPTH_MAX, "", "<a/>"), XML_TOO_DEEP);
	assert_int_equal(parse_repeated("<r>", "<a/>", XML_ELEMENTS_MAX - 1, "", "</r>"), XML_OK);
	assert_int_equal(parse_repeated("<r>", "<a/>", XML_ELEMENTS_MAX, "", "</r>"),
			 XML_TOO_LARGE);
	assert_int_equal(parse_repeated("<r>", "<a b=''/>", XML_ELEMENTS_MAX / 2, "", "</r>"),
			 XML_TOO_LARGE);
	assert_int_equal(parse_repeated("<r>", "0123456789abcdef", 100000, "", "</r>"), XML_OK);
	assert_int_equal(parse_repeated("<r>", "0123456789abcdef", XML_BYTES_MAX / 16, "", "</r>"),
			 XML_TOO_LARGE);
}

/* A long name space used by many elements must not be copied for each of them. */
static void test_amplification(void **state)
{
	struct buf b = {0};
	struct xml_node *root;

	(void)state;
	buf_puts(&b, "<r xmlns:p='");
	for (int i = 0; i < 10000; i++)
		buf_puts(&b, "uuuuuuuuuu");
	buf_puts(&b, "'>");
	for (int i = 0; i < 10000; i++)
		buf_puts(&b, "<p:a/>");
	buf_puts(&b, "</r>");
	assert_int_equal(xml_parse(b.data, b.len, &root), XML_TOO_LARGE);
	assert_null(root);
	buf_free(&b);
}

static void test_add_text(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *text;
	} rows[] = {
		{BYTES(""), ""},
		{NULL, 0, ""},
		{BYTES("plain \t\n\xC3\xA9\xE6\xBC\xA2"), "plain \t\n\xC3\xA9\xE6\xBC\xA2"},
		{BYTES("a&b<c>\"'"), "a&amp;b&lt;c&gt;&quot;&apos;"},
		{BYTES("a\r\nb"), "a&#13;\nb"},
		{BYTES("\x01"
		       "a\0b\x1F"),
		 "ab"},
		{BYTES("\xFF"), "\xEF\xBF\xBD"},
		{BYTES("a\xC3"), "a\xEF\xBF\xBD"},
		{BYTES("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf b = {0};

		xml_add_text(&b, (struct slice){rows[i].bytes, rows[i].len});
		assert_row_slice(i, buf_slice(&b), rows[i].text);
		buf_free(&b);
	}
}

static void test_utf8(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		size_t size;
	} rows[] = {
		{BYTES("a"), 1},
		{BYTES("\0"), 1},
		{BYTES("\x7F"), 1},
		{BYTES("\xC2\x80"), 2},
		{BYTES("\xDF\xBF"), 2},
		{BYTES("\xE0\xA0\x80"), 3},
		{BYTES("\xEF\xBF\xBD"), 3},
		{BYTES("\xF0\x90\x80\x80"), 4},
		{BYTES("\xF4\x8F\xBF\xBD"), 4},
		{BYTES("\x80"), 0},
		{BYTES("\xC1\x81"), 0},
		{BYTES("\xC2"), 0},
		{BYTES("\xC2\x41"), 0},
		{BYTES("\xE0\x9F\xBF"), 0},
		{BYTES("\xE1\x80"), 0},
		{BYTES("\xED\xA0\x80"), 0},
		{BYTES("\xEF\xBF\xBE"), 0},
		{BYTES("\xEF\xBF\xBF"), 0},
		{BYTES("\xF0\x8F\xBF\xBF"), 0},
		{BYTES("\xF4\x90\x80\x80"), 0},
		{BYTES("\xF5\x80\x80\x80"), 0},
		{BYTES("\xFF\xFF\xFF\xFF"), 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_row(i, utf8_char(rows[i].bytes, rows[i].len), rows[i].size);
		assert_row(i, utf8_is_valid(rows[i].bytes, rows[i].len), rows[i].size != 0);
	}
	assert_true(utf8_is_valid("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),  cmocka_unit_test(test_tree),
		cmocka_unit_test(test_encodings), cmocka_unit_test(test_repaired_text),
		cmocka_unit_test(test_limits),	  cmocka_unit_test(test_amplification),
		cmocka_unit_test(test_add_text),  cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
