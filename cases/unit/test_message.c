/* SPDX-License-Identifier: MIT */
/*
 * test_message.c - templates: what is written, what is sent, what is refused.
 *
 * links: fakeigd
 */
#include "../../fakeigd/message.h"

#include "../../fakeigd/message_edit.h"
#include "unit.h"

#include <unistd.h>

static struct doc *yaml(const char *text)
{
	struct diag d = {0};
	struct doc *doc = doc_load_text(text, strlen(text), "t.yaml", &d);

	if (!doc)
		fail_msg("%s: %s", text, d.text.data);
	return doc;
}

static struct message_values values_of(void)
{
	struct message_values v = {0};

	v.v[PLACEHOLDER_STATUS] = slice_of("200");
	v.v[PLACEHOLDER_REASON] = slice_of("OK");
	v.v[PLACEHOLDER_SERVER] = slice_of("S/1");
	v.v[PLACEHOLDER_EXTRA] = slice_of("X-A: 1\r\n");
	v.v[PLACEHOLDER_NAME] = slice_of("NewPort");
	v.v[PLACEHOLDER_VALUE] = slice_of("7");
	return v;
}

/* What the message of that YAML (NULL: its default) sends. */
static char *sent(enum message_id id, const char *text)
{
	struct message_values v = values_of();
	struct doc *doc = text ? yaml(text) : NULL;
	struct diag d = {0};
	struct template *t = template_parse(id, doc, &d);
	struct buf out = {0};

	if (!t)
		fail_msg("%s: %s", text, d.text.data);
	template_render(t, &v, &out);
	template_free(t);
	doc_free(doc);
	return buf_steal(&out);
}

#define HEAD_TEXT "HTTP/1.1 {status} {reason}\\nServer: {server}\\nEXT:\\n{extra}"

static const struct {
	enum message_id id;
	const char *yaml;
	const char *sent;
} forms[] = {
	/* line ends and the empty line of heads */
	{MESSAGE_ERROR_HEAD, "\"HTTP/1.1 {status} {reason}\\nServer: {server}\\n\"",
	 "HTTP/1.1 200 OK\r\nServer: S/1\r\n\r\n"},
	{MESSAGE_ERROR_HEAD, "\"HTTP/1.1 {status} {reason}\"", "HTTP/1.1 200 OK\r\n\r\n"},
	{MESSAGE_ERROR_HEAD, "\"A\\r\\nB: 1\\n\\n\"", "A\r\nB: 1\r\n\r\n"},
	{MESSAGE_ERROR_HEAD, "\"" HEAD_TEXT "\"",
	 "HTTP/1.1 200 OK\r\nServer: S/1\r\nEXT:\r\nX-A: 1\r\n\r\n"},
	{MESSAGE_ERROR_HEAD, "{text: \"A\\nB: 1\\n\", line-ends: lf}", "A\nB: 1\n\n"},
	{MESSAGE_ERROR_HEAD, "{text: \"A\\nB: 1\\n\", line-ends: cr}", "A\rB: 1\r\r"},
	{MESSAGE_ERROR_HEAD, "{text: \"A\\nB: 1\\r\\n\", line-ends: as-is}", "A\nB: 1\r\n"},
	{MESSAGE_ERROR_BODY, "\"a\\nb\"", "a\nb"},
	{MESSAGE_ERROR_BODY, "{text: \"a\\nb\\n\", line-ends: crlf}", "a\r\nb\r\n"},
	{MESSAGE_ERROR_BODY, "|\n  a\n   b\n", "a\n b\n"},
	{MESSAGE_ERROR_BODY, "\"\"", ""},
	/* placeholders */
	{MESSAGE_SOAP_ARGUMENT, "\"<{name}>{value}</{name}>\"", "<NewPort>7</NewPort>"},
	{MESSAGE_SOAP_ARGUMENT, "\"{{name} } {{{{ {value}\"", "{name} } {{ 7"},
	{MESSAGE_SOAP_ARGUMENT, "\"{if value}v={value};{end}{name}\"", "v=7;NewPort"},
	{MESSAGE_ERROR_BODY, "\"{if reason}r{end}{status}\"", "r200"},
	{MESSAGE_DEVICE, "\"a{if udn}<u>{udn}</u>{end}b\"", "ab"},
	{MESSAGE_SOAP_ARGUMENT, "{text: \"{x}{value}{\", placeholders: no}", "{x}{value}{"},
	/* edits of the default */
	{MESSAGE_EVENT_PROPERTY, "{replace: {\"<e:property>\": \"<e:Property>\"}}",
	 "<e:Property><NewPort>7</NewPort></e:property>\n"},
	{MESSAGE_EVENT_PROPERTY, "{prepend: \"\\uFEFF\", append: \"\\0\\0\"}",
	 "\xef\xbb\xbf<e:property><NewPort>7</NewPort></e:property>\n"},
	{MESSAGE_ERROR_HEAD, "{text: \"" HEAD_TEXT "\", remove: ext}",
	 "HTTP/1.1 200 OK\r\nServer: S/1\r\nX-A: 1\r\n\r\n"},
	{MESSAGE_ERROR_HEAD, "{text: \"" HEAD_TEXT "\", remove: [EXT, Server, None]}",
	 "HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n"},
	{MESSAGE_ERROR_HEAD, "{text: \"" HEAD_TEXT "\", set: {SERVER: \"x  y\", New: 1}}",
	 "HTTP/1.1 200 OK\r\nServer: x  y\r\nEXT:\r\nNew: 1\r\nX-A: 1\r\n\r\n"},
	{MESSAGE_ERROR_HEAD, "{text: \"" HEAD_TEXT "\", add: [\"EXT: again\", \"Foo:1\"]}",
	 "HTTP/1.1 200 OK\r\nServer: S/1\r\nEXT:\r\nEXT: again\r\nFoo:1\r\nX-A: 1\r\n\r\n"},
	{MESSAGE_ERROR_HEAD, "{text: \"A: b\\nServer: {server}\\nEXT:\\n\", header-names: lower}",
	 "A: b\r\nserver: S/1\r\next:\r\n\r\n"},
	{MESSAGE_ERROR_HEAD, "{text: \"A b\\nServer: {server}\\nExt:\\n\", header-names: upper}",
	 "A b\r\nSERVER: S/1\r\nEXT:\r\n\r\n"},
	{MESSAGE_ERROR_BODY, "{text: \"a\\u00e9b\", encoding: latin-1}",
	 "a\xe9"
	 "b"},
};

static void forms_are_sent(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		char *got = sent(forms[i].id, forms[i].yaml);

		if (strcmp(got, forms[i].sent))
			fail_msg("row %zu: \"%s\", not \"%s\"", i, got, forms[i].sent);
		free(got);
	}
}

static const struct {
	enum message_id id;
	const char *yaml;
	const char *complaint;
} refused[] = {
	{MESSAGE_SOAP_ARGUMENT, "\"<{nmae}>\"",
	 "t.yaml:1: unknown placeholder in soap-argument \"nmae\"; did you mean \"name\"?\n"},
	{MESSAGE_SOAP_ARGUMENT, "\"{location}\"",
	 "t.yaml:1: unknown placeholder in soap-argument \"location\"; expected one of: name, "
	 "value, type\n"},
	{MESSAGE_SOAP_ARGUMENT, "\"{name\"",
	 "t.yaml:1: soap-argument: \"{\" without \"}\"; write {{ for a brace\n"},
	{MESSAGE_SOAP_ARGUMENT, "\"{a{b}\"",
	 "t.yaml:1: soap-argument: \"{\" without \"}\"; write {{ for a brace\n"},
	{MESSAGE_SOAP_ARGUMENT, "\"{if name}x\"", "t.yaml:1: soap-argument: {if} without {end}\n"},
	{MESSAGE_SOAP_ARGUMENT, "\"{end}x\"", "t.yaml:1: soap-argument: {end} without {if}\n"},
	{MESSAGE_SOAP_ARGUMENT, "\"{if name}{if value}{end}{end}\"",
	 "t.yaml:1: soap-argument: {if} inside {if}\n"},
	{MESSAGE_SOAP_ARGUMENT, "[a]", "t.yaml:1: expected a value, found a list\n"},
	{MESSAGE_SOAP_ARGUMENT, "{txet: a}",
	 "t.yaml:1: unknown key \"txet\"; did you mean \"text\"?\n"},
	{MESSAGE_SOAP_ARGUMENT, "{text: a, file: b}",
	 "t.yaml:1: \"text\" and \"file\" exclude each other\n"},
	{MESSAGE_SOAP_ARGUMENT, "{file: none.xml}",
	 "t.yaml:1: file \"./none.xml\" cannot be read: No such file or directory\n"},
	{MESSAGE_SOAP_ARGUMENT, "{text: a, line-ends: crfl}",
	 "t.yaml:1: unknown line-ends \"crfl\"; did you mean \"crlf\"?\n"},
	{MESSAGE_SOAP_ARGUMENT, "{text: a, replace: {b: c}}",
	 "t.yaml:1: replace: soap-argument does not contain \"b\"\n"},
	{MESSAGE_SOAP_ARGUMENT, "{remove: EXT}",
	 "t.yaml:1: \"remove\" is about header lines, and soap-argument is a body; use "
	 "\"replace\"\n"},
	{MESSAGE_SOAP_ARGUMENT, "{text: \"\\u20ac\", encoding: latin-1}",
	 "t.yaml:1: encoding: a character beyond U+00FF is not in latin-1\n"},
	{MESSAGE_ERROR_HEAD, "{set: [a]}",
	 "t.yaml:1: set: expected a mapping (key: value), found a list\n"},
	{MESSAGE_ERROR_HEAD, "{placeholders: maybe}",
	 "t.yaml:1: placeholders: expected true or false, found \"maybe\"\n"},
};

static void mistakes_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct doc *doc = yaml(refused[i].yaml);
		struct diag d = {0};

		if (template_parse(refused[i].id, doc, &d))
			fail_msg("row %zu: taken", i);
		if (strcmp(d.text.data, refused[i].complaint))
			fail_msg("row %zu: \"%s\", not \"%s\"", i, d.text.data,
				 refused[i].complaint);
		diag_free(&d);
		doc_free(doc);
	}
}

static void every_default_compiles(void **state)
{
	(void)state;
	for (int id = 0; id < MESSAGE_COUNT; id++) {
		char *text = sent((enum message_id)id, NULL);
		size_t len = strlen(text);
		bool head = message_kind((enum message_id)id) == MESSAGE_KIND_HEAD;

		if (head && (len < 4 || strcmp(text + len - 4, "\r\n\r\n")))
			fail_msg("%s does not end with an empty line",
				 message_name((enum message_id)id));
		assert_int_equal(message_find(message_name((enum message_id)id)), id);
		free(text);
	}
	assert_int_equal(message_find("nothing"), -1);
}

static void a_file_is_found_beside_the_profile(void **state)
{
	char directory[] = "/tmp/test_message.XXXXXX", yaml_path[64], xml_path[64];
	const char text[] = "description: {file: captured.xml, placeholders: false}\n";
	struct diag d = {0};
	struct message_values v = {0};
	struct template *t;
	struct buf out = {0};
	struct doc *doc;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(yaml_path, sizeof(yaml_path), "%s/p.yaml", directory);
	snprintf(xml_path, sizeof(xml_path), "%s/captured.xml", directory);
	f = fopen(xml_path, "we");
	fputs("<root>\r\n{not a placeholder}\n</root>", f);
	fclose(f);
	doc = doc_load_text(text, strlen(text), yaml_path, &d);
	t = template_parse(MESSAGE_DESCRIPTION, doc_get(doc, "description"), &d);
	assert_non_null(t);
	template_render(t, &v, &out);
	assert_string_equal(out.data, "<root>\r\n{not a placeholder}\n</root>");
	assert_int_equal(template_message(t), MESSAGE_DESCRIPTION);
	template_free(t);
	buf_free(&out);
	doc_free(doc);
	unlink(xml_path);
	rmdir(directory);
}

/* Two layers of YAML: what the upper one leaves of the lower one. */
static const struct {
	const char *base, *over, *merged;
} merges[] = {
	{"\"A\\nB: 1\\nC: 2\\n\"", "{remove: B}", "A\r\nC: 2\r\n\r\n"},
	{"{text: \"A\\nB: 1\\nC: 2\\n\", remove: B}", "{remove: [C]}", "A\r\n\r\n"},
	{"{text: \"A\\nB: 1\\n\", add: \"X: 1\"}", "{add: \"Y: 2\", set: {b: 3}}",
	 "A\r\nB: 3\r\nX: 1\r\nY: 2\r\n\r\n"},
	{"{text: \"A\\nB: 1\\n\", remove: B}", "\"Z\\n\"", "Z\r\n\r\n"},
	{"{text: \"A\\n\", line-ends: lf}", "{text: \"Z\\n\"}", "Z\r\n\r\n"},
};

static void edits_are_laid_over(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(merges); i++) {
		struct doc *base = yaml(merges[i].base), *over = yaml(merges[i].over);
		struct doc *merged = message_edit_merge(base, over);
		struct message_values v = {0};
		struct diag d = {0};
		struct template *t = template_parse(MESSAGE_ERROR_HEAD, merged, &d);
		struct buf out = {0};

		assert_non_null(t);
		template_render(t, &v, &out);
		assert_row_slice(i, buf_slice(&out), merges[i].merged);
		buf_free(&out);
		template_free(t);
		doc_free(base);
		doc_free(over);
		doc_free(merged);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_sent),
		cmocka_unit_test(mistakes_are_refused),
		cmocka_unit_test(every_default_compiles),
		cmocka_unit_test(a_file_is_found_beside_the_profile),
		cmocka_unit_test(edits_are_laid_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
