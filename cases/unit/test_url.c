/* SPDX-License-Identifier: MIT */
/* test_url.c - http URLs, and references as routers write them (RFC 3986; DESC-23, GENA-46). */
#include "../../fakeigd/wire/url.h"

#include "unit.h"

static void assert_url(const struct url *url, const char *expected)
{
	struct buf text = {0};

	url_format(url, &text);
	assert_string_equal(text.data, expected);
	buf_free(&text);
}

static void test_parse(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{"http://192.168.1.1", "http://192.168.1.1:80/"},
		{"http://192.168.1.1/", "http://192.168.1.1:80/"},
		{"HTTP://192.168.1.1:5431/a", "http://192.168.1.1:5431/a"},
		{"http://192.168.1.1:/a", "http://192.168.1.1:80/a"},
		{"http://router.lan?x", "http://router.lan:80/?x"},
		{"http://h/a?b=c&d#fragment", "http://h:80/a?b=c&d"},
		{"http://h#fragment", "http://h:80/"},
		{"http://h/#a/b?c", "http://h:80/"},
		{"  http://h:65535/a\t ", "http://h:65535/a"},
		{"http://h:0080/", "http://h:80/"},
		{"http://[::1]/", "http://[::1]:80/"},
		{"http://[fe80::1%eth0]:5000/x", "http://[fe80::1%25eth0]:5000/x"},
		{"http://[fe80::1%25eth0]:5000/x", "http://[fe80::1%25eth0]:5000/x"},
		{"http://[fe80::1%25]/", "http://[fe80::1%2525]:80/"},
		{"http://[::ffff:1.2.3.4]:1/", "http://[::ffff:1.2.3.4]:1/"},
		{"http://h/a b\xC3\xA9\"<>", "http://h:80/a%20b%C3%A9%22%3C%3E"},
		{"http://h/a%20b%zz", "http://h:80/a%20b%zz"},
		{"http://h/ctl/IPConn:1;x=(y)", "http://h:80/ctl/IPConn:1;x=(y)"},
		{"http://h?a/../b", "http://h:80/?a/../b"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct url url, again;
		struct buf text = {0};

		assert_row(i, url_parse(slice_of(rows[i].text), &url), true);
		assert_url(&url, rows[i].expected);
		url_format(&url, &text);
		assert_row(i, url_parse(buf_slice(&text), &again), true);
		assert_string_equal(url.host, again.host);
		assert_string_equal(url.path, again.path);
		buf_free(&text);
	}
}

static void test_refused(void **state)
{
	static const struct slice rows[] = {
		{"", 0},
		{NULL, 0},
		{"http", 4},
		{"http:", 5},
		{"http:/", 6},
		{"http://", 7},
		{"http:///", 8},
		{"http:///path", 12},
		{"http://:80/", 11},
		{"http://?", 8},
		{"/path", 5},
		{"192.168.1.1:5431/x", 18},
		{"https://h/", 10},
		{"ftp://h/", 8},
		{"file:///etc/passwd", 18},
		{"*", 1},
		{"http://user@h/", 14},
		{"http://user:pw@h/", 17},
		{"http://h:0/", 11},
		{"http://h:65536/", 15},
		{"http://h:99999999999999999999/", 30},
		{"http://h:-1/", 12},
		{"http://h:8x/", 12},
		{"http://h:80:80/", 15},
		{"http://h h/", 11},
		{"http://h\\x/", 11},
		{"http://h\0/", 10},
		{"http://h/a\nb", 12},
		{"http://h/a\r\nX: y", 16},
		{"http://h/a\0b", 12},
		{"http://h/\x7f", 10},
		{"http://[::1/", 12},
		{"http://[::1]x/", 14},
		{"http://[]/", 10},
		{"http://[1.2.3.4]/", 17},
		{"http://[::g]/", 13},
		{"http://[::1%]/", 14},
		{"http://[::1%a/b]/", 17},
		{"http://[::1%e\0h]/", 17},
		{"http://fe80::1/", 15},
		{"http://]:80/", 12},
		{"http://[0000:0000:0000:0000:0000:0000:0000:0000:0000]/", 54},
	};
	struct url url;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_row(i, url_parse(rows[i], &url), false);
	}
}

/* Whole or not at all: no path or host is ever cut (GENA-12). */
static void test_lengths(void **state)
{
	struct url url;
	struct buf text = {0};
	size_t prefix = strlen("http://h");

	(void)state;
	buf_puts(&text, "http://h/");
	while (text.len < prefix + URL_PATH_MAX - 1)
		buf_putc(&text, 'x');
	assert_true(url_parse(buf_slice(&text), &url));
	assert_int_equal(strlen(url.path), URL_PATH_MAX - 1);
	buf_putc(&text, 'x');
	assert_false(url_parse(buf_slice(&text), &url));
	buf_reset(&text);
	buf_puts(&text, "http://");
	while (text.len < 7 + sizeof(url.host) - 1)
		buf_putc(&text, 'x');
	assert_true(url_parse(buf_slice(&text), &url));
	buf_putc(&text, 'x');
	assert_false(url_parse(buf_slice(&text), &url));
	buf_reset(&text);
	buf_puts(&text, "http://h/");
	for (int i = 0; i < URL_PATH_MAX / 3; i++)
		buf_putc(&text, ' ');
	buf_puts(&text, "x");
	assert_false(url_parse(buf_slice(&text), &url));
	buf_free(&text);
}

static const struct {
	const char *base, *reference, *expected; /* NULL: refused */
} references[] = {
	/* RFC 3986 clause 5.4, as far as it is http */
	{"http://a/b/c/d;p?q", "g", "http://a:80/b/c/g"},
	{"http://a/b/c/d;p?q", "./g", "http://a:80/b/c/g"},
	{"http://a/b/c/d;p?q", "g/", "http://a:80/b/c/g/"},
	{"http://a/b/c/d;p?q", "/g", "http://a:80/g"},
	{"http://a/b/c/d;p?q", "//g", "http://g:80/"},
	{"http://a/b/c/d;p?q", "?y", "http://a:80/b/c/d;p?y"},
	{"http://a/b/c/d;p?q", "g?y", "http://a:80/b/c/g?y"},
	{"http://a/b/c/d;p?q", "#s", "http://a:80/b/c/d;p?q"},
	{"http://a/b/c/d;p?q", "g#s", "http://a:80/b/c/g"},
	{"http://a/b/c/d;p?q", "", "http://a:80/b/c/d;p?q"},
	{"http://a/b/c/d;p?q", ".", "http://a:80/b/c/"},
	{"http://a/b/c/d;p?q", "./", "http://a:80/b/c/"},
	{"http://a/b/c/d;p?q", "..", "http://a:80/b/"},
	{"http://a/b/c/d;p?q", "../g", "http://a:80/b/g"},
	{"http://a/b/c/d;p?q", "../../g", "http://a:80/g"},
	{"http://a/b/c/d;p?q", "../../../g", "http://a:80/g"},
	{"http://a/b/c/d;p?q", "/./g", "http://a:80/g"},
	{"http://a/b/c/d;p?q", "/../g", "http://a:80/g"},
	{"http://a/b/c/d;p?q", "g.", "http://a:80/b/c/g."},
	{"http://a/b/c/d;p?q", "..g", "http://a:80/b/c/..g"},
	{"http://a/b/c/d;p?q", "./g/.", "http://a:80/b/c/g/"},
	{"http://a/b/c/d;p?q", "g/../h", "http://a:80/b/c/h"},
	{"http://a/b/c/d;p?q", "g?y/../x", "http://a:80/b/c/g?y/../x"},
	/* as routers write them */
	{"http://192.168.1.1:5431/igd.xml", "ctl/IPConn", "http://192.168.1.1:5431/ctl/IPConn"},
	{"http://h:5000", "/soap.cgi?service=WANIPConn1",
	 "http://h:5000/soap.cgi?service=WANIPConn1"},
	{"http://h:5000/d/x", "uuid:c03e-0f91/WANPPPConnection:1",
	 "http://h:5000/d/uuid:c03e-0f91/WANPPPConnection:1"},
	{"http://h/", "_urn:schemas-upnp-org:service:X_control",
	 "http://h:80/_urn:schemas-upnp-org:service:X_control"},
	{"http://h/", "http://h:4444/wanipcn", "http://h:4444/wanipcn"},
	{"http://h/", " /a ", "http://h:80/a"},
	{"http://h/", "//g/a/../b", "http://g:80/b"},
	{"http://h/a/../b", "", "http://h:80/b"},
	{"http://h/", "http://g/a/./b/..", "http://g:80/a/"},
	{"http://[fe80::1%2]:80/d", "/c", "http://[fe80::1%252]:80/c"},
	{"http://h/a%20b/d", "c d", "http://h:80/a%20b/c%20d"},
	{"http://h/", "https://h/", NULL},
	{"http://h/", "file:///etc/passwd", NULL},
	{"http://h/", "//", NULL},
	{"http://h/", "//h:0/", NULL},
	{"http://h/", "/a\r\nX: y", NULL},
};

static void test_resolve(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(references); i++) {
		struct url base, url;

		assert_row(i, url_parse(slice_of(references[i].base), &base), true);
		if (!references[i].expected) {
			assert_row(i, url_resolve(&base, slice_of(references[i].reference), &url),
				   false);
			continue;
		}
		assert_row(i, url_resolve(&base, slice_of(references[i].reference), &url), true);
		assert_url(&url, references[i].expected);
		assert_row(i, url_resolve(&base, slice_of(references[i].reference), &base), true);
		assert_url(&base, references[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_resolve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
