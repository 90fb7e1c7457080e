/* SPDX-License-Identifier: MIT */
/*
 * test_doc.c - YAML documents: every reader and its complaint, merging, writing, and bad input with
 * the exact sentence that a person gets.
 */
#include "../../fakeigd/base/doc.h"

#include "unit.h"

#include <arpa/inet.h>
#include <unistd.h>

static struct doc *load(const char *text, struct diag *d)
{
	return doc_load_text(text, strlen(text), "f.yaml", d);
}

/* A document that must be fine. */
static struct doc *load_good(const char *text)
{
	struct diag d = {0};
	struct doc *root = load(text, &d);

	if (!root)
		fail_msg("%s", d.text.data);
	assert_int_equal(d.errors, 0);
	diag_free(&d);
	return root;
}

static void test_tree(void **state)
{
	struct doc *root = load_good("# comment\n"
				     "name: flat\n"
				     "list: [a, \"b c\", 3]\n"
				     "nested:\n"
				     "  empty:\n"
				     "  text: |\n"
				     "    two\n"
				     "    lines\n");
	struct doc *node;

	(void)state;
	assert_int_equal(root->kind, DOC_MAP);
	assert_int_equal(root->count, 3);
	assert_null(root->key);
	node = doc_get(root, "name");
	assert_string_equal(node->text, "flat");
	assert_string_equal(node->key, "name");
	assert_string_equal(node->file, "f.yaml");
	assert_int_equal(node->line, 2);
	assert_int_equal(node->key_line, 2);
	assert_false(node->quoted);
	node = doc_get(root, "list");
	assert_int_equal(node->kind, DOC_LIST);
	assert_int_equal(node->count, 3);
	assert_string_equal(node->items[1]->text, "b c");
	assert_true(node->items[1]->quoted);
	assert_null(node->items[1]->key);
	node = doc_get(root, "nested");
	assert_int_equal(node->key_line, 4);
	assert_int_equal(node->line, 5);
	assert_true(doc_is_null(doc_get(node, "empty")));
	node = doc_get(node, "text");
	assert_string_equal(node->text, "two\nlines\n");
	assert_int_equal(node->len, 10);
	assert_true(node->quoted);
	assert_null(doc_get(root, "absent"));
	assert_null(doc_get(NULL, "x"));
	assert_null(doc_get(doc_get(root, "name"), "x"));
	doc_free(root);
	doc_free(NULL);
}

/* Documents that are refused as such: the sentence, with its line. */
static void test_refused(void **state)
{
	static const struct {
		const char *text;
		const char *complaint; /* its beginning */
	} rows[] = {
		{"", "f.yaml:1: the file is empty\n"},
		{"# nothing\n", "f.yaml:1: the file is empty\n"},
		{"a: 1\na: 2\n", "f.yaml:2: key \"a\" occurs twice (first at line 1)\n"},
		{"a: 1\nb: {x: 1, y: 2, x: 3}\n",
		 "f.yaml:2: key \"x\" occurs twice (first at line 2)\n"},
		{"a: 1\n\"a\": 2\n", "f.yaml:2: key \"a\" occurs twice (first at line 1)\n"},
		{"a: &x 1\nb: *x\n",
		 "f.yaml:1: anchors (&name) and tags (!name) are not allowed\n"},
		{"a: &x [1]\n", "f.yaml:1: anchors (&name) and tags (!name) are not allowed\n"},
		{"a: &x {b: 1}\n", "f.yaml:1: anchors (&name) and tags (!name) are not allowed\n"},
		{"a: !!str 1\n", "f.yaml:1: anchors (&name) and tags (!name) are not allowed\n"},
		{"a: !!python/object:os.system x\n",
		 "f.yaml:1: anchors (&name) and tags (!name) are not allowed\n"},
		{"a:\n  - *x\n", "f.yaml:2: aliases (*name) are not allowed; write the value\n"},
		{"*x : 1\n", "f.yaml:1: a key must be a plain name\n"},
		{"{[a]: b}\n", "f.yaml:1: a key must be a plain name\n"},
		{"? {a: b}\n: c\n", "f.yaml:1: a key must be a plain name\n"},
		{"\"a\\0b\": 1\n", "f.yaml:1: a key must not hold a NUL byte\n"},
		{"&x a: 1\n", "f.yaml:1: anchors (&name) and tags (!name) are not allowed\n"},
		{"a: 1\n---\nb: 2\n",
		 "f.yaml:2: a second document starts here; one file holds one\n"},
		{"a: [1, 2\n", "f.yaml:2: not YAML: did not find expected ',' or ']'"},
		{"a: \"x\n", "f.yaml:2: not YAML: found unexpected end of stream"},
		{"a: b: c\n", "f.yaml:1: not YAML: mapping values are not allowed in this context"},
		{"a: 1\n b: 2\n", "f.yaml:2: not YAML: "},
		{"\tindented: by tab\n",
		 "f.yaml:1: not YAML: found character that cannot start any token"},
		{"a: \x01\n", "f.yaml:1: not YAML: control characters are not allowed"},
		{"a: \xFF\n", "f.yaml:1: not YAML: invalid leading UTF-8 octet"},
		{"a: \xC3\n", "f.yaml:1: not YAML: "},
		{"%YAML 9.9\n---\na: 1\n", "f.yaml:1: not YAML: found incompatible YAML document"},
		{"}", "f.yaml:1: not YAML: did not find expected node content"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct diag d = {0};
		struct doc *root = load(rows[i].text, &d);

		assert_row(i, root != NULL, false);
		assert_row(i, d.errors, 1);
		if (strncmp(d.text.data, rows[i].complaint, strlen(rows[i].complaint)) != 0)
			fail_msg("row %zu: %s", i, d.text.data);
		diag_free(&d);
	}
}

/* Repeat a piece; what must come out is the beginning of the complaint, or NULL for none. */
static void load_repeated(const char *piece, int count, bool numbered, const char *complaint)
{
	struct diag d = {0};
	struct buf b = {0};
	struct doc *root;

	for (int i = 0; i < count; i++) {
		buf_puts(&b, piece);
		if (numbered)
			buf_printf(&b, "%d: x\n", i);
	}
	root = load(b.data, &d);
	if (complaint)
		assert_null(root);
	else
		assert_non_null(root);
	if (complaint && strncmp(d.text.data, complaint, strlen(complaint)) != 0)
		fail_msg("%s", d.text.data);
	doc_free(root);
	diag_free(&d);
	buf_free(&b);
}

static void test_limits(void **state)
{
	(void)state;
	load_repeated("[", 60, false, "f.yaml:2: not YAML");
	load_repeated("[", 65, false, "f.yaml:1: too deep or too large (limits: 64 levels");
	load_repeated("[", 100000, false, "f.yaml:1: too deep or too large (limits: 64 levels");
	load_repeated("- ", 100000, false, "f.yaml:1: too deep or too large (limits: 64 levels");
	load_repeated("- a\n", 100000, false, NULL);
	load_repeated("- a\n", 300000, false, "f.yaml:200000: too deep or too large");
	load_repeated("k", 4096, true, NULL);
	load_repeated("k", 5000, true, "f.yaml:4097: more than 4096 keys in one mapping");
}

static void test_files(void **state)
{
	static const char text[] = "a: 1\nb: [\n";
	char path[] = "/tmp/test_doc.XXXXXX";
	int fd = mkstemp(path);
	struct diag d = {0};
	struct doc *root;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, 5), 5);
	root = doc_load_file(path, &d);
	assert_non_null(root);
	assert_string_equal(root->file, path);
	doc_free(root);
	assert_int_equal(write(fd, text + 5, 5), 5);
	assert_null(doc_load_file(path, &d));
	assert_int_equal(strncmp(d.text.data, path, strlen(path)), 0);
	buf_reset(&d.text);
	close(fd);
	unlink(path);
	assert_null(doc_load_file("/no/such/file", &d));
	assert_string_equal(d.text.data,
			    "/no/such/file: cannot be read: No such file or directory\n");
	buf_reset(&d.text);
	assert_null(doc_load_file("/", &d));
	assert_string_equal(d.text.data, "/: cannot be read: Is a directory\n");
	diag_free(&d);
}

/* The typed readers, each over all kinds of values; NULL: it must read, else the complaint. */

enum reader { STRING, NUMBER, REAL, BOOL, CHOICE, DURATION, SIZE, IPV4, IPV6 };

static bool read_as(enum reader reader, const struct doc *node, struct buf *out, struct diag *d)
{
	static const char *const names[] = {"host", "router"};
	char text[INET6_ADDRSTRLEN];
	const char *string = "";
	long long number = 0;
	double real = 0;
	bool truth = false, fine;
	int choice = 0;
	struct in6_addr addr;

	switch (reader) {
	case STRING:
		fine = doc_string(node, &string, d);
		buf_puts(out, string);
		return fine;
	case NUMBER:
		fine = doc_number(node, 0, 65535, &number, d);
		buf_printf(out, "%lld", number);
		return fine;
	case REAL:
		fine = doc_double(node, 0, 1, &real, d);
		buf_printf(out, "%g", real);
		return fine;
	case BOOL:
		fine = doc_bool(node, &truth, d);
		buf_puts(out, truth ? "true" : "false");
		return fine;
	case CHOICE:
		fine = doc_choice(node, names, 2, &choice, d);
		buf_puts(out, names[choice]);
		return fine;
	case DURATION:
		fine = doc_duration_us(node, &number, d);
		buf_printf(out, "%lld", number);
		return fine;
	case SIZE:
		fine = doc_size(node, &number, d);
		buf_printf(out, "%lld", number);
		return fine;
	case IPV4:
		fine = doc_ipv4(node, (struct in_addr *)&addr, d);
		buf_puts(out, fine ? inet_ntop(AF_INET, &addr, text, sizeof(text)) : "");
		return fine;
	case IPV6:
		fine = doc_ipv6(node, &addr, d);
		buf_puts(out, fine ? inet_ntop(AF_INET6, &addr, text, sizeof(text)) : "");
		return fine;
	}
	return false;
}

static const struct {
	enum reader reader;
	const char *value;
	const char *result;    /* as text */
	const char *complaint; /* after "f.yaml:1: k: ", or in full for CHOICE */
} readings[] = {
	{STRING, "abc", "abc", NULL},
	{STRING, "\"\"", "", NULL},
	{STRING, "12", "12", NULL},
	{STRING, "\"null\"", "null", NULL},
	{STRING, "", NULL, "expected text, found \"\""},
	{STRING, "~", NULL, "expected text, found \"~\""},
	{STRING, "null", NULL, "expected text, found \"null\""},
	{STRING, "[a]", NULL, "expected text, found a list"},
	{STRING, "{a: b}", NULL, "expected text, found a mapping (key: value)"},
	{NUMBER, "0", "0", NULL},
	{NUMBER, "65535", "65535", NULL},
	{NUMBER, "010", "10", NULL},
	{NUMBER, "65536", NULL, "expected a whole number from 0 to 65535, found \"65536\""},
	{NUMBER, "-1", NULL, "expected a whole number from 0 to 65535, found \"-1\""},
	{NUMBER, "+1", NULL, "expected a whole number from 0 to 65535, found \"+1\""},
	{NUMBER, "1.0", NULL, "expected a whole number from 0 to 65535, found \"1.0\""},
	{NUMBER, "1e3", NULL, "expected a whole number from 0 to 65535, found \"1e3\""},
	{NUMBER, "0x10", NULL, "expected a whole number from 0 to 65535, found \"0x10\""},
	{NUMBER, "\"80\"", NULL, "expected a whole number from 0 to 65535, found \"80\""},
	{NUMBER, "", NULL, "expected a whole number from 0 to 65535, found \"\""},
	{NUMBER, "99999999999999999999", NULL,
	 "expected a whole number from 0 to 65535, found \"99999999999999999999\""},
	{NUMBER, "[1]", NULL, "expected a whole number from 0 to 65535, found a list"},
	{REAL, "0.25", "0.25", NULL},
	{REAL, "1", "1", NULL},
	{REAL, "1e-3", "0.001", NULL},
	{REAL, ".5", "0.5", NULL},
	{REAL, "1.5", NULL, "expected a number from 0 to 1, found \"1.5\""},
	{REAL, "-0.1", NULL, "expected a number from 0 to 1, found \"-0.1\""},
	{REAL, "nan", NULL, "expected a number from 0 to 1, found \"nan\""},
	{REAL, "inf", NULL, "expected a number from 0 to 1, found \"inf\""},
	{REAL, "0x1p-1", NULL, "expected a number from 0 to 1, found \"0x1p-1\""},
	{REAL, "0,5", NULL, "expected a number from 0 to 1, found \"0,5\""},
	{REAL, "50%", NULL, "expected a number from 0 to 1, found \"50%\""},
	{REAL, "-.", NULL, "expected a number from 0 to 1, found \"-.\""},
	{REAL, "\"0.5\"", NULL, "expected a number from 0 to 1, found \"0.5\""},
	{BOOL, "true", "true", NULL},
	{BOOL, "YES", "true", NULL},
	{BOOL, "on", "true", NULL},
	{BOOL, "1", "true", NULL},
	{BOOL, "False", "false", NULL},
	{BOOL, "no", "false", NULL},
	{BOOL, "off", "false", NULL},
	{BOOL, "0", "false", NULL},
	{BOOL, "2", NULL, "expected true or false, found \"2\""},
	{BOOL, "y", NULL, "expected true or false, found \"y\""},
	{BOOL, "\"true\"", NULL, "expected true or false, found \"true\""},
	{BOOL, "", NULL, "expected true or false, found \"\""},
	{CHOICE, "host", "host", NULL},
	{CHOICE, "\"router\"", "router", NULL},
	{CHOICE, "rooter", NULL, "f.yaml:1: unknown k \"rooter\"; did you mean \"router\"?"},
	{CHOICE, "Host", NULL, "f.yaml:1: unknown k \"Host\"; did you mean \"host\"?"},
	{CHOICE, "zebra", NULL, "f.yaml:1: unknown k \"zebra\"; expected one of: host, router"},
	{CHOICE, "[host]", NULL, "f.yaml:1: k: expected a name, found a list"},
	{DURATION, "250ms", "250000", NULL},
	{DURATION, "1.5s", "1500000", NULL},
	{DURATION, "300us", "300", NULL},
	{DURATION, "2m", "120000000", NULL},
	{DURATION, "1h", "3600000000", NULL},
	{DURATION, "7d", "604800000000", NULL},
	{DURATION, "60", "60000000", NULL},
	{DURATION, "0", "0", NULL},
	{DURATION, "-1s", NULL,
	 "expected a duration such as 250ms, 1.5s, 2m, 1h or 7d, found \"-1s\""},
	{DURATION, "1w", NULL,
	 "expected a duration such as 250ms, 1.5s, 2m, 1h or 7d, found \"1w\""},
	{DURATION, "ms", NULL,
	 "expected a duration such as 250ms, 1.5s, 2m, 1h or 7d, found \"ms\""},
	{DURATION, "1 s", NULL,
	 "expected a duration such as 250ms, 1.5s, 2m, 1h or 7d, found \"1 s\""},
	{DURATION, "0x1d", NULL,
	 "expected a duration such as 250ms, 1.5s, 2m, 1h or 7d, found \"0x1d\""},
	{DURATION, "nan", NULL,
	 "expected a duration such as 250ms, 1.5s, 2m, 1h or 7d, found \"nan\""},
	{DURATION, "1e300d", NULL,
	 "expected a duration such as 250ms, 1.5s, 2m, 1h or 7d, found \"1e300d\""},
	{DURATION, "[1]", NULL,
	 "expected a duration such as 250ms, 1.5s, 2m, 1h or 7d, found a list"},
	{SIZE, "1024", "1024", NULL},
	{SIZE, "64k", "65536", NULL},
	{SIZE, "2M", "2097152", NULL},
	{SIZE, "3G", "3221225472", NULL},
	{SIZE, "64K", NULL, "expected a size such as 1024, 64k, 2M or 3G, found \"64K\""},
	{SIZE, "64kb", NULL, "expected a size such as 1024, 64k, 2M or 3G, found \"64kb\""},
	{SIZE, "-1", NULL, "expected a size such as 1024, 64k, 2M or 3G, found \"-1\""},
	{SIZE, "k", NULL, "expected a size such as 1024, 64k, 2M or 3G, found \"k\""},
	{SIZE, "1.5M", NULL, "expected a size such as 1024, 64k, 2M or 3G, found \"1.5M\""},
	{SIZE, "99999999999G", NULL,
	 "expected a size such as 1024, 64k, 2M or 3G, found \"99999999999G\""},
	{IPV4, "192.168.1.1", "192.168.1.1", NULL},
	{IPV4, "\"0.0.0.0\"", "0.0.0.0", NULL},
	{IPV4, "192.168.1", NULL,
	 "expected an IPv4 address such as 192.168.1.1, found \"192.168.1\""},
	{IPV4, "192.168.1.256", NULL,
	 "expected an IPv4 address such as 192.168.1.1, found \"192.168.1.256\""},
	{IPV4, "192.168.1.0/24", NULL,
	 "expected an IPv4 address such as 192.168.1.1, found \"192.168.1.0/24\""},
	{IPV4, "::1", NULL, "expected an IPv4 address such as 192.168.1.1, found \"::1\""},
	{IPV4, "router", NULL, "expected an IPv4 address such as 192.168.1.1, found \"router\""},
	{IPV6, "2001:db8::1", "2001:db8::1", NULL},
	{IPV6, "\"::\"", "::", NULL},
	{IPV6, "2001:db8", NULL,
	 "expected an IPv6 address such as 2001:db8::1, found \"2001:db8\""},
	{IPV6, "fe80::1%eth0", NULL,
	 "expected an IPv6 address such as 2001:db8::1, found \"fe80::1%eth0\""},
	{IPV6, "192.168.1.1", NULL,
	 "expected an IPv6 address such as 2001:db8::1, found \"192.168.1.1\""},
};

static void test_readers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
		struct buf text = {0}, result = {0}, complaint = {0};
		struct diag d = {0};
		struct doc *root;

		buf_printf(&text, "k: %s\n", readings[i].value);
		root = load_good(text.data);
		assert_row(i, read_as(readings[i].reader, doc_get(root, "k"), &result, &d),
			   readings[i].complaint == NULL);
		assert_row(i, d.errors, readings[i].complaint != NULL);
		if (readings[i].complaint) {
			buf_printf(&complaint, "%s%s\n",
				   readings[i].reader == CHOICE ? "" : "f.yaml:1: k: ",
				   readings[i].complaint);
			assert_row_slice(i, buf_slice(&d.text), complaint.data);
		} else {
			assert_row_slice(i, buf_slice(&result), readings[i].result);
		}
		buf_free(&complaint);
		buf_free(&result);
		buf_free(&text);
		diag_free(&d);
		doc_free(root);
	}
}

static void test_lists_of_strings(void **state)
{
	struct doc *root =
		load_good("l: [a, 'b', 3]\none: a\nempty: []\nbad: [a, [b], ~]\nmap: {a: b}\n"
			  "null: ~\n");
	struct diag d = {0};
	const char **list = NULL;
	size_t count = 99;

	(void)state;
	assert_true(doc_list_strings(doc_get(root, "l"), &list, &count, &d));
	assert_int_equal(count, 3);
	assert_string_equal(list[1], "b");
	assert_string_equal(list[2], "3");
	free(list);
	assert_true(doc_list_strings(doc_get(root, "one"), &list, &count, &d));
	assert_int_equal(count, 1);
	assert_string_equal(list[0], "a");
	free(list);
	assert_true(doc_list_strings(doc_get(root, "empty"), &list, &count, &d));
	assert_int_equal(count, 0);
	free(list);
	assert_int_equal(d.errors, 0);
	count = 99;
	assert_false(doc_list_strings(doc_get(root, "bad"), &list, &count, &d));
	assert_false(doc_list_strings(doc_get(root, "map"), &list, &count, &d));
	assert_false(doc_list_strings(doc_get(root, "null"), &list, &count, &d));
	assert_int_equal(count, 99);
	assert_string_equal(
		d.text.data,
		"f.yaml:4: expected text, found a list\n"
		"f.yaml:4: expected text, found \"~\"\n"
		"f.yaml:5: map: expected a list of names, found a mapping (key: value)\n"
		"f.yaml:6: null: expected a list of names, found \"~\"\n");
	diag_free(&d);
	doc_free(root);
}

static void test_want_and_keys(void **state)
{
	static const char *const allowed[] = {"kind", "attach", "gateway"};
	struct doc *root = load_good("kind: host\nattach: x\n");
	struct doc *bad = load_good("kind: host\natach: x\n\nzzzzzz: 1\n");
	struct diag d = {0};

	(void)state;
	assert_true(doc_keys(root, allowed, 3, &d));
	assert_true(doc_want(root, DOC_MAP, &d));
	assert_int_equal(d.errors, 0);
	assert_false(doc_keys(bad, allowed, 3, &d));
	assert_false(doc_keys(doc_get(root, "kind"), allowed, 3, &d));
	assert_false(doc_want(root, DOC_LIST, &d));
	assert_string_equal(
		d.text.data,
		"f.yaml:2: unknown key \"atach\"; did you mean \"attach\"?\n"
		"f.yaml:4: unknown key \"zzzzzz\"; expected one of: kind, attach, gateway\n"
		"f.yaml:1: kind: expected a mapping (key: value), found a value\n"
		"f.yaml:1: expected a list, found a mapping (key: value)\n");
	diag_free(&d);
	doc_free(root);
	doc_free(bad);
}

static void test_merge(void **state)
{
	struct doc *base = load_good("a: 1\nm: {x: 1, y: {p: 1, q: 2}}\nl: [1, 2]\ns: text\n");
	struct diag d = {0};
	static const char over_text[] =
		"\n\nm: {y: {q: 3, r: 4}, z: 5}\nl: [9]\ns: {now: map}\nb: 7\n";
	struct doc *over = doc_load_text(over_text, strlen(over_text), "over.yaml", &d);
	struct doc *m;

	(void)state;
	assert_non_null(over);
	doc_merge(base, over);
	m = doc_get(base, "m");
	assert_string_equal(doc_get(m, "x")->text, "1");
	assert_string_equal(doc_get(doc_get(m, "y"), "p")->text, "1");
	assert_string_equal(doc_get(doc_get(m, "y"), "q")->text, "3");
	assert_string_equal(doc_get(doc_get(m, "y"), "r")->text, "4");
	assert_string_equal(doc_get(m, "z")->text, "5");
	assert_int_equal(doc_get(base, "l")->count, 1);
	assert_int_equal(doc_get(base, "s")->kind, DOC_MAP);
	assert_string_equal(doc_get(base, "b")->text, "7");
	assert_string_equal(doc_get(base, "a")->text, "1");
	/* the overlay is as it was, and what came from it says so */
	assert_int_equal(over->count, 4);
	assert_int_equal(doc_get(over, "m")->count, 2);
	assert_string_equal(doc_get(base, "b")->file, "over.yaml");
	assert_int_equal(doc_get(base, "b")->line, 6);
	assert_string_equal(doc_get(m, "x")->file, "f.yaml");
	doc_free(over);
	/* a complaint about a merged key names the file it was written in */
	assert_false(doc_keys(base, (const char *const[]){"a", "m", "l", "s"}, 4, &d));
	assert_string_equal(d.text.data, "over.yaml:6: unknown key \"b\"; did you mean \"a\"?\n");
	doc_merge(base, doc_get(base, "l"));
	doc_free(base);
	diag_free(&d);
}

static void test_set_and_remove(void **state)
{
	struct doc *map = doc_new(DOC_MAP, NULL, 0), *value = doc_new(DOC_SCALAR, "x", 3);

	(void)state;
	doc_set(map, "a", value);
	assert_ptr_equal(doc_get(map, "a"), value);
	assert_string_equal(value->key, "a");
	doc_set(map, "b", doc_new(DOC_LIST, "x", 4));
	doc_set(map, "a", doc_new(DOC_LIST, "x", 5));
	assert_int_equal(map->count, 2);
	assert_int_equal(doc_get(map, "a")->line, 5);
	assert_ptr_equal(map->items[0], doc_get(map, "a"));
	doc_append(doc_get(map, "b"), doc_new(DOC_SCALAR, "x", 6));
	assert_int_equal(doc_get(map, "b")->count, 1);
	doc_remove(map, "a");
	doc_remove(map, "a");
	doc_remove(NULL, "a");
	assert_int_equal(map->count, 1);
	assert_null(doc_get(map, "a"));
	doc_free(map);
}

static void test_json(void **state)
{
	struct doc *root =
		load_good("i: 12\nneg: -3\nzero: 0\nlead: 007\nr: 1.5\nt: true\nf: false\n"
			  "yes: yes\nq: '12'\nn:\ntilde: ~\nl: [a, 1]\nm: {}\nip: 1.2.3.4\n");
	json_t *json = doc_to_json(root);
	char *text = json_dumps(json, JSON_COMPACT);

	(void)state;
	assert_string_equal(text, "{\"i\":12,\"neg\":-3,\"zero\":0,\"lead\":\"007\",\"r\":1.5,"
				  "\"t\":true,\"f\":false,\"yes\":\"yes\",\"q\":\"12\",\"n\":null,"
				  "\"tilde\":null,\"l\":[\"a\",1],\"m\":{},\"ip\":\"1.2.3.4\"}");
	free(text);
	json_decref(json);
	doc_free(root);
}

static void test_from_json(void **state)
{
	static const char text[] = "{\"s\":\"text\",\"n\":12,\"r\":0.5,\"r1\":1.0,\"r2\":-1e300,"
				   "\"r3\":1e-7,\"t\":true,\"z\":null,\"e\":\"\","
				   "\"q\":\"12\",\"qt\":\"true\",\"qz\":\"null\",\"d\":\"250ms\","
				   "\"l\":[1,[\"a\"],{}],\"m\":{\"k\":\"a\\u0000b\"}}";
	json_t *json = json_loads(text, JSON_ALLOW_NUL, NULL), *again;
	struct doc *root;
	struct diag d = {0};
	long long us = 0;

	(void)state;
	assert_non_null(json);
	root = doc_from_json(json, "rule");
	again = doc_to_json(root);
	assert_true(json_equal(json, again));
	assert_false(doc_get(root, "n")->quoted);
	assert_true(doc_get(root, "q")->quoted);
	assert_true(doc_get(root, "qt")->quoted);
	assert_true(doc_is_null(doc_get(root, "z")));
	assert_false(doc_is_null(doc_get(root, "qz")));
	assert_false(doc_is_null(doc_get(root, "e")));
	assert_int_equal(doc_get(doc_get(root, "m"), "k")->len, 3);
	assert_true(doc_duration_us(doc_get(root, "d"), &us, &d));
	assert_int_equal(us, 250000);
	assert_false(doc_duration_us(doc_get(root, "l"), &us, &d));
	assert_string_equal(d.text.data,
			    "rule:1: l: expected a duration such as 250ms, 1.5s, 2m, 1h or "
			    "7d, found a list\n");
	json_decref(json);
	json_decref(again);
	diag_free(&d);
	doc_free(root);
}

/* Equal but for the places; a plain scalar may come back quoted when it could not stay plain. */
static bool same(const struct doc *a, const struct doc *b)
{
	if (a->kind != b->kind || a->count != b->count || !a->key != !b->key ||
	    (a->key && strcmp(a->key, b->key) != 0))
		return false;
	if (a->kind == DOC_SCALAR)
		return a->len == b->len && !memcmp(a->text, b->text, a->len) &&
		       (a->quoted == b->quoted || b->quoted) && doc_is_null(a) == doc_is_null(b);
	for (size_t i = 0; i < a->count; i++)
		if (!same(a->items[i], b->items[i]))
			return false;
	return true;
}

static void test_yaml_round_trip(void **state)
{
	static const char *const rows[] = {
		"a: 1\nb: [x, 'y', \"12\", ~, '']\nc: {d: {e: f}}\n",
		"empty: {}\nlist: []\nnull:\n",
		"- a\n- - b\n  - c\n- {d: e}\n",
		"scalar\n",
		"---\n",
		"--- ~\n",
		"'12'\n",
		"text: |\n  two\n  lines\n",
		"text: |-\n  no end\n",
		"text: |+\n  many ends\n\n\n",
		"text: |2\n    leading\n   space\n",
		"text: \"HTTP/1.1 200 OK\\r\\nExt:\\r\\n\\r\\n\"\n",
		"text: \"\\n\"\ntab: \"\\t\"\nspace: ' '\nnul: \"a\\0b\"\n",
		"text: \"trailing \\nspace\"\n",
		"'a: b': 1\n'': 2\n'# c': 3\n\"tab\\t\": 4\n'- x': 5\n'null': 6\n'{': 7\n",
		"a: plain text with 'quotes' and \"quotes\"\nb: x:y\nc: a#b\nd: http://h/a?b=c\n",
		"plain: folded\n  over\n\n  lines\n",
		"u: \"\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80\"\nv: \xC3\xA9\nbom: \"\\uFEFF\"\nnel: "
		"\"\\x85\"\n",
		"long: this is a text that is longer than the width of one hundred and twenty "
		"columns at "
		"which the writer would like to fold it, and it goes on\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct doc *root = load_good(rows[i]), *again, *copy = doc_copy(root);
		struct buf text = {0};

		doc_to_yaml(root, &text);
		again = load_good(text.data);
		if (!same(root, again))
			fail_msg("row %zu comes back as:\n%s", i, text.data);
		assert_row(i, same(root, copy) && same(copy, root), true);
		buf_free(&text);
		doc_free(root);
		doc_free(again);
		doc_free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),	       cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),	       cmocka_unit_test(test_files),
		cmocka_unit_test(test_readers),	       cmocka_unit_test(test_lists_of_strings),
		cmocka_unit_test(test_want_and_keys),  cmocka_unit_test(test_merge),
		cmocka_unit_test(test_set_and_remove), cmocka_unit_test(test_json),
		cmocka_unit_test(test_from_json),      cmocka_unit_test(test_yaml_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
