/* SPDX-License-Identifier: MIT */
/*
 * test_options.c - the command line of fakeigd, and that the manual page says the same.
 *
 * links: fakeigd
 */
#include "../../fakeigd/options.h"

#include "../../fakeigd/base/mem.h"
#include "../../fakeigd/message_edit.h"
#include "../../fakeigd/profile_parts.h"
#include "../../fakeigd/rule_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define WORDS_MAX 8

/** struct line - a command line and the complaint that it must give; NULL = none */
struct line {
	const char *words[WORDS_MAX];
	const char *complaint;
};

static const struct line table[] = {
	{{"--lan", "br0"}, NULL},
	{{"--lan=br0", "--wan=wan0", "--http-port=5431"}, NULL},
	{{"--lan", "a,b,c", "--quirk", "x", "--quirk", "y"}, NULL},
	{{"--check"}, NULL},
	{{"--list-policy", "--json"}, NULL},
	{{NULL}, "--lan is required; fakeigd --help lists the options\n"},
	{{"--lna", "br0"}, "unknown option \"--lna\"; did you mean \"--lan\"?\n"},
	{{"--profil=x"}, "unknown option \"--profil=x\"; did you mean \"--profile\"?\n"},
	{{"br0"}, "unexpected argument \"br0\"; everything is an option\n"},
	{{"--lan"}, "--lan needs a value: IFNAME[,IFNAME...]\n"},
	{{"--lan", ""}, "--lan: expected interface names with commas between, not \"\"\n"},
	{{"--lan", "a,,b"}, "--lan: expected interface names with commas between, not \"a,,b\"\n"},
	{{"--lan", "a,"}, "--lan: expected interface names with commas between, not \"a,\"\n"},
	{{"--lan", "a,a"}, "--lan: a is named twice\n"},
	{{"--lan", "a", "--lan", "b,c"}, NULL},
	{{"--lan", "a,b", "--lan", "b"}, "--lan: b is named twice\n"},
	{{"--lan", "a,b,c,d,e,f,g,h,i"}, "--lan: more than 8 interfaces\n"},
	{{"--lan", "a", "--wan", "a"}, "a is given as --lan and as --wan\n"},
	{{"--http-port", "0"}, "--http-port: expected a whole number from 1 to 65535, not \"0\"\n"},
	{{"--http-port", "65536"},
	 "--http-port: expected a whole number from 1 to 65535, not \"65536\"\n"},
	{{"--http-port", "80x"},
	 "--http-port: expected a whole number from 1 to 65535, not \"80x\"\n"},
	{{"--http-port", "-1"},
	 "--http-port: expected a whole number from 1 to 65535, not \"-1\"\n"},
	{{"--ready-fd", "999999"}, "--ready-fd: descriptor 999999 is not open\n"},
	{{"--ready-fd", "one"},
	 "--ready-fd: expected a whole number from 0 to 1048576, not \"one\"\n"},
	{{"--help=me"}, "--help takes no value\n"},
	{{"--json", "--check"}, "--json goes with --list-policy\n"},
	{{"--lan", "a", "--journal", "-", "--journal-fd", "1"},
	 "--journal and --journal-fd exclude each other\n"},
};

static void command_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *argv[WORDS_MAX + 1] = {(char *)(uintptr_t) "fakeigd"};
		struct options o;
		struct diag d = {0};
		int argc = 1;
		bool fine;

		for (; argc <= WORDS_MAX && table[i].words[argc - 1]; argc++)
			argv[argc] = (char *)(uintptr_t)table[i].words[argc - 1];
		fine = options_parse(&o, argc, argv, &d);
		if (!table[i].complaint)
			assert_null(d.text.data);
		else if (!d.text.data || strcmp(d.text.data, table[i].complaint) != 0)
			fail_msg("line %zu: expected: %sgot: %s", i, table[i].complaint,
				 d.text.data ? d.text.data : "(nothing)");
		assert_int_equal(fine, !table[i].complaint);
		options_free(&o);
		diag_free(&d);
	}
}

static void values(void **state)
{
	const char *argv[] = {"fakeigd",
			      "--profile=broadcom-brcm400",
			      "--lan=lan0,lan1",
			      "--wan",
			      "wan0",
			      "--quirk",
			      "a",
			      "--quirk=b"};
	struct options o;
	struct diag d = {0};

	(void)state;
	assert_true(options_parse(&o, 8, (char **)(uintptr_t)argv, &d));
	assert_string_equal(o.profile, "broadcom-brcm400");
	assert_int_equal(o.lans, 2);
	assert_string_equal(o.lan[0], "lan0");
	assert_string_equal(o.lan[1], "lan1");
	assert_string_equal(o.wan, "wan0");
	assert_int_equal(o.quirk_count, 2);
	assert_string_equal(o.quirks[1], "b");
	assert_int_equal(o.journal_fd, -1);
	options_free(&o);
}

/* The text of a file with every run of white space as one space, mdoc's line macros dropped. */
static struct buf manual_text(void)
{
	struct buf out = {0};
	char line[1024];
	FILE *f = fopen("fakeigd/fakeigd.8", "re");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		size_t len = strcspn(line, "\n");

		if (out.len)
			buf_putc(&out, ' ');
		buf_add(&out, line, len);
	}
	fclose(f);
	return out;
}

static void must_hold(const struct buf *manual, const char *text, size_t len)
{
	if (!memmem(manual->data, manual->len, text, len))
		fail_msg("fakeigd.8 does not say: %.*s", (int)len, text);
}

static void has_keys(const struct buf *manual, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *item = xasprintf(" %s ", keys[i]);

		must_hold(manual, item, strlen(item));
		free(item);
	}
}

/* Every key of profiles, quirks, messages and rules is explained. */
static void manual_has_every_key(void **state)
{
	struct buf manual = manual_text();
	const char *const *keys;
	size_t count;

	(void)state;
	keys = profile_keys(&count);
	has_keys(&manual, keys, count);
	keys = quirk_keys(&count);
	has_keys(&manual, keys, count);
	keys = message_edit_keys(&count);
	has_keys(&manual, keys, count);
	keys = rule_when_keys(&count);
	has_keys(&manual, keys, count);
	keys = rule_effect_keys(&count);
	has_keys(&manual, keys, count);
	keys = rule_rewrite_keys(&count);
	has_keys(&manual, keys, count);
	has_keys(&manual, rule_state_names(), RULE_STATE_COUNT);
	buf_free(&manual);
}

static void manual_has_the_options(void **state)
{
	struct buf manual = manual_text(), help = {0}, paragraph = {0};

	(void)state;
	options_help(&help);
	for (char *at = strstr(help.data, "\n--"); at; at = strstr(at, "\n--")) {
		char macro[64];
		char *end = ++at;

		end += strcspn(at, "\n");
		snprintf(macro, sizeof(macro), ".It Fl -%.*s", (int)strcspn(at + 2, " \n"), at + 2);
		must_hold(&manual, macro, strlen(macro));
		buf_reset(&paragraph);
		while (!strncmp(end, "\n        ", 9)) {
			size_t len = strcspn(end + 9, "\n");

			if (paragraph.len)
				buf_putc(&paragraph, ' ');
			buf_add(&paragraph, end + 9, len);
			end += 9 + len;
		}
		assert_true(paragraph.len > 0);
		must_hold(&manual, paragraph.data, paragraph.len);
	}
	buf_free(&paragraph);
	buf_free(&help);
	buf_free(&manual);
}

static void manual_has_the_policies(void **state)
{
	struct buf manual = manual_text();
	json_t *list = policy_list_json(), *policy;
	size_t i;

	(void)state;
	assert_true(json_array_size(list) > 20);
	json_array_foreach(list, i, policy)
	{
		const char *name = json_string_value(json_object_get(policy, "name"));
		const char *summary = json_string_value(json_object_get(policy, "summary"));
		char macro[96];

		assert_non_null(name);
		assert_non_null(summary);
		snprintf(macro, sizeof(macro), ".It Cm %s ", name);
		must_hold(&manual, macro, strlen(macro));
		must_hold(&manual, summary, strlen(summary));
	}
	json_decref(list);
	buf_free(&manual);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_lines),	   cmocka_unit_test(values),
		cmocka_unit_test(manual_has_the_options),  cmocka_unit_test(manual_has_every_key),
		cmocka_unit_test(manual_has_the_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
