/* SPDX-License-Identifier: MIT */
/*
 * test_malformed.c - profile, quirk and rule files that are wrong, and exactly what is said of
 * them: file, line, what was expected, the nearest name. test_profile.c, test_rule.c and
 * test_message.c have more; here is what devices, pages, observations and the effects on bytes add.
 *
 * links: fakeigd
 */
#include "../../fakeigd/profile.h"
#include "folder.h"
#include "unit.h"

#include <sys/stat.h>

static char directory[] = "/tmp/test_malformed.XXXXXX";

#define START  "summary: s\nservices: [WANIPConnection:1]\n"
#define RULE   START "rules:\n  - when: {action: AddPortMapping}\n"
#define SSDP   START "rules:\n  - when: {message: reply}\n"
#define QUIRK  "summary: q\nlayer: soap\nevidence: e\noverlay: {date: {offset: 1s}}\n"
#define WHEN   START "rules:\n  - close: yes\n    when: "
#define DEVICE START "devices:\n"

/* Wrong profiles: complaints are about FILE, which stands for the profile. */
static const struct {
	const char *text;
	const char *complaint;
} profiles[] = {
	{DEVICE "  wan: {tpye: WANDevice:1}\n",
	 "FILE:4: unknown key \"tpye\"; did you mean \"type\"?"},
	{DEVICE "  new: {friendly_name: x}\n", "FILE:4: devices: \"type\" of new is missing"},
	{DEVICE "  new: {type: WFADevice}\n", "FILE:4: type: expected a type and version such as "
					      "WANIPConnection:1, found \"WFADevice\""},
	{DEVICE "  wan: {type: \"WANDevice:0\"}\n",
	 "FILE:4: type: expected a type and version such as WANIPConnection:1, found "
	 "\"WANDevice:0\""},
	{DEVICE "  new: {type: \"X:1\", under: wam}\n",
	 "FILE:4: unknown device \"wam\"; did you mean \"wan\"?"},
	{DEVICE "  root: {under: wan}\n", "FILE:4: devices: root is under nothing"},
	{DEVICE "  a: {type: \"A:1\", under: b}\n  b: {type: \"B:1\", under: a}\n",
	 "FILE:5: devices: b is under itself"},
	{DEVICE "  wan: {place: middle}\n",
	 "FILE:4: unknown place \"middle\"; expected one of: last, first"},
	{DEVICE "  wan: {silent: perhaps}\n",
	 "FILE:4: silent: expected true or false, found \"perhaps\""},
	{DEVICE "  wan: {message: {replace: {nothing: x}}}\n",
	 "FILE:4: replace: device does not contain \"nothing\""},
	{DEVICE "  wan: {message: \"{locatoin}\"}\n",
	 "FILE:4: unknown placeholder in device \"locatoin\"; expected one of: device_type, "
	 "friendly_name, manufacturer, manufacturer_url, model_description, model_name, "
	 "model_number, model_url, serial_number, upc, udn, presentation_url, services, devices, "
	 "lan_address, http_port"},
	{DEVICE "  - root\n", "FILE:4: devices: expected a mapping (key: value), found a list"},
	{DEVICE "  wan: x\n", "FILE:4: wan: expected a mapping (key: value), found a value"},
	{DEVICE "  wan: {udn: [a]}\n", "FILE:4: udn: expected a value, found a list"},
	{START "pages: {path: /x}\n",
	 "FILE:3: pages: expected a list, found a mapping (key: value)"},
	{START "pages: [{body: x}]\n", "FILE:3: pages: \"path\" is missing"},
	{START "pages: [{path: x}]\n",
	 "FILE:3: path: expected a path such as /igd2.xml, found \"x\""},
	{START "pages: [{paht: /x}]\n", "FILE:3: unknown key \"paht\"; did you mean \"path\"?"},
	{START "pages: [{path: /x, replace: [a]}]\n",
	 "FILE:3: replace: expected a mapping (key: value), found a list"},
	{START "pages: [{path: /x, body: \"{devcie}\"}]\n",
	 "FILE:3: unknown placeholder in description \"devcie\"; did you mean \"device\"?"},
	{START "domain: [a]\n", "FILE:3: domain: expected a value, found a list"},
	{START "listen: {htpt: 80}\n", "FILE:3: unknown key \"htpt\"; did you mean \"http\"?"},
	{START "listen: {also: 80}\n", "FILE:3: also: expected a list, found a value"},
	{START "listen: {also: [0]}\n",
	 "FILE:3: expected a whole number from 1 to 65535, found \"0\""},
	{START "listen: {also: [1, 2, 3, 4, 5, 6, 7, 8, 9]}\n", "FILE:3: also: at most 8 ports"},
	{START "urls: {control: \"/{boto}\"}\n",
	 "FILE:3: unknown placeholder \"boto\"; did you mean \"boot\"?"},
	{START "messages: {soap-fault: {repeat: {nowhere: 3}}}\n",
	 "FILE:3: repeat: soap-fault does not contain \"nowhere\""},
	{START "messages: {soap-fault: {repeat: {\"{code}\": many}}}\n",
	 "FILE:3: {code}: expected a whole number from 0 to 2396745, found \"many\""},
	{START "messages: {soap-fault: {repaet: {}}}\n",
	 "FILE:3: unknown key \"repaet\"; did you mean \"repeat\"?"},
	{START "messages: {raw: {text: \"{action}\"}}\n",
	 "FILE:3: unknown placeholder in raw \"action\"; did you mean \"location\"?"},
	{"summary: s\nservices: [{type: \"WANIPConnection:1\", as: \"WANIPConnection:3\"}]\n",
	 "FILE:2: unknown service \"WANIPConnection:3\"; did you mean \"WANIPConnection:1\"?"},
	{"summary: s\nservices: [{type: \"WANIPConnection:1\", device: wna}]\n",
	 "FILE:2: unknown device \"wna\"; did you mean \"wan\"?"},
	{"summary: s\nservices: [{type: \"WANIPConnection:1\", contorl: /x}]\n",
	 "FILE:2: unknown key \"contorl\"; did you mean \"control\"?"},
	{"summary: s\nservices: [{type: \"WANIPConnection:1\", control: \"/{x}\"}]\n",
	 "FILE:2: unknown placeholder \"x\"; expected one of: service, version, udn, service_id, "
	 "boot, connection, lan_address, http_port"},
	{"summary: s\nservices: [{type: \"WANIPConnection:1\", state: {ConnectionStatsu: x}}]\n",
	 "FILE:2: unknown state variable \"ConnectionStatsu\"; did you mean \"ConnectionStatus\"?"},
	{"summary: s\nservices: [{type: \"WANIPConnection:1\", state: x}]\n",
	 "FILE:2: state: expected a mapping (key: value), found a value"},
	{"summary: s\nservices: [{type: \"WANIPConection:1\"}]\n",
	 "FILE:2: unknown service \"WANIPConection:1\"; did you mean \"WANIPConnection:1\"?"},
	{"summary: s\nservices: [{id: x}]\n", "FILE:2: services: \"type\" is missing"},
	{"summary: s\nservices: [WANIPConnection]\n",
	 "FILE:2: services: expected a type and version such as WANIPConnection:1, found "
	 "\"WANIPConnection\""},
	{RULE "    pad: {with: x}\n", "FILE:5: pad: \"bytes\" is missing"},
	{RULE "    pad: {bytes: 1, with: \"\"}\n", "FILE:5: pad: \"with\" is empty"},
	{RULE "    pad: {bytes: lots}\n",
	 "FILE:5: bytes: expected a size such as 1024, 64k, 2M or 3G, found \"lots\""},
	{RULE "    pad: {bytes: 1, in: tail}\n",
	 "FILE:5: unknown in \"tail\"; expected one of: body, head"},
	{RULE "    header: [x]\n", "FILE:5: header: expected a mapping (key: value), found a list"},
	{RULE "    header: {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1}\n",
	 "FILE:5: header: at most 8 lines"},
	{RULE "    header: {A: [x]}\n", "FILE:5: A: expected a value, found a list"},
	{RULE "    replace: x\n",
	 "FILE:5: replace: expected a mapping (key: value), found a value"},
	{RULE "    replace: {\"\": x}\n", "FILE:5: replace: an empty text"},
	{RULE "    content-length: wide\n",
	 "FILE:5: content-length: expected a whole number from -9223372036854775808 to "
	 "9223372036854775807, found \"wide\""},
	{RULE "    content-length: \"+x\"\n",
	 "FILE:5: content-length: expected a whole number from -9223372036854775808 to "
	 "9223372036854775807, found \"x\""},
	{RULE "    truncate: -x\n",
	 "FILE:5: truncate: expected a size such as 1024, 64k, 2M or 3G, found \"x\""},
	{RULE "    rewrite: {}\n", "FILE:5: rewrite: no argument is named"},
	{RULE "    rewrite: x\n",
	 "FILE:5: rewrite: expected a mapping (key: value), found a value"},
	{RULE "    rewrite: {NewProtocol: {case: title}}\n",
	 "FILE:5: unknown case \"title\"; expected one of: upper, lower"},
	{RULE "    rewrite: {NewProtocol: {caes: upper}}\n",
	 "FILE:5: unknown key \"caes\"; did you mean \"case\"?"},
	{RULE "    rewrite: {NewExternalPort: {modulo: 0}}\n",
	 "FILE:5: modulo: expected a whole number from 1 to 4294967296, found \"0\""},
	{RULE "    rewrite: {NewExternalPort: {add: x}}\n",
	 "FILE:5: add: expected a whole number from -4294967296 to 4294967296, found \"x\""},
	{RULE "    redirect: [x]\n", "FILE:5: redirect: expected text, found a list"},
	{RULE "    as-is: perhaps\n", "FILE:5: as-is: expected true or false, found \"perhaps\""},
	{RULE "    reorder: maybe\n", "FILE:5: reorder: expected true or false, found \"maybe\""},
	{RULE "    half-close-abort: yes\n",
	 "FILE:5: unknown key \"half-close-abort\"; did you mean \"half-close-aborts\"?"},
	{RULE "    wan-down: soon\n", "FILE:5: wan-down: expected true or false, found \"soon\""},
	{RULE "    wan-down: 2x\n",
	 "FILE:5: wan-down: expected a duration such as 250ms, 1.5s, 2m, 1h or 7d, found \"2x\""},
	{RULE "    duplicate: 1\n",
	 "FILE:5: duplicate: expected a whole number from 2 to 1000000, found \"1\""},
	{RULE "    duplicate: {gap: 1s}\n", "FILE:5: duplicate: \"copies\" is missing"},
	{RULE "    duplicate: {copies: 2, gap: x}\n",
	 "FILE:5: gap: expected a duration such as 250ms, 1.5s, 2m, 1h or 7d, found \"x\""},
	{RULE "    message: {rwa: x}\n", "FILE:5: unknown message \"rwa\"; did you mean \"raw\"?"},
	{SSDP "    also: x\n", "FILE:5: also: expected a list, found a value"},
	{SSDP "    also: []\n", "FILE:5: also: expected 1 to 64 messages"},
	{SSDP "    also: [{ssdp-reply: {}, raw: x}]\n",
	 "FILE:5: also: expected one message such as {ssdp-reply: {}}"},
	{SSDP "    also: [{ssdp-replay: {}}]\n",
	 "FILE:5: unknown message \"ssdp-replay\"; did you mean \"ssdp-reply\"?"},
	{SSDP "    also: [{soap-head: {}}]\n",
	 "FILE:5: also: \"soap-head\" is no datagram; ssdp-reply, ssdp-alive, ssdp-byebye, "
	 "ssdp-update and raw are"},
	{SSDP "    also: [x]\n", "FILE:5: expected a mapping (key: value), found a value"},
	{SSDP "    also: [{ssdp-reply: {set: {X: \"{code}\"}}}]\n",
	 "FILE:5: unknown placeholder in ssdp-reply \"code\"; expected one of: location, st, usn, "
	 "nts, host, server, max_age, date, boot_id, next_boot_id, config_id, extra, lan_address, "
	 "http_port"},
	{SSDP "    as: [x]\n", "FILE:5: as: expected text, found a list"},
	{WHEN "{message: reply, complete: perhaps}\n",
	 "FILE:5: complete: expected true or false, found \"perhaps\""},
	{WHEN "{message: reply, from-port: x}\n",
	 "FILE:5: from-port: expected a whole number or a range such as 2-4 or 5-"},
	{WHEN "{layer: http, segments: some}\n",
	 "FILE:5: segments: expected a whole number or a range such as 2-4 or 5-"},
	{WHEN "{layer: http, on-connection: x}\n",
	 "FILE:5: on-connection: expected a whole number or a range such as 2-4 or 5-"},
	{WHEN "{layer: http, port: http}\n",
	 "FILE:5: port: expected a whole number or a range such as 2-4 or 5-"},
	{WHEN "{layer: http, bodi: x}\n",
	 "FILE:5: unknown condition \"bodi\"; did you mean \"body\"?"},
	{WHEN "{layer: http, body: {lenght: 3}}\n",
	 "FILE:5: unknown key \"lenght\"; did you mean \"length\"?"},
	{WHEN "{layer: http, header-order: {a: b}}\n",
	 "FILE:5: header-order: expected a list of names, found a mapping (key: value)"},
	{WHEN "{layer: http, within: soon}\n",
	 "FILE:5: within: expected a duration such as 250ms, 1.5s, 2m, 1h or 7d, found \"soon\""},
	{WHEN "{layer: soap, after: {action: AddPortMapping}}\n",
	 "FILE:5: after: \"within\" is missing"},
	{WHEN "{layer: soap, after: {within: 3s}}\n", "FILE:5: after: \"action\" is missing"},
	{WHEN "{layer: soap, after: {action: AddPortMaping, within: 3s}}\n",
	 "FILE:5: unknown action \"AddPortMaping\"; did you mean \"AddPortMapping\"?"},
	{WHEN "{layer: soap, after: {acton: X, within: 3s}}\n",
	 "FILE:5: unknown key \"acton\"; did you mean \"action\"?"},
	{WHEN "{layer: soap, holds: {external_port: 5}}\n",
	 "FILE:5: holds: \"protocol\" is missing"},
	{WHEN "{layer: soap, holds: {protocol: TCP}}\n",
	 "FILE:5: holds: \"external_port\" is missing"},
	{WHEN "{layer: soap, holds: {external_port: 0, protocol: TCP}}\n",
	 "FILE:5: external_port: expected a whole number from 1 to 65535, found \"0\""},
	{WHEN "{layer: soap, holds: {external_port: 5, protocol: SCTP}}\n",
	 "FILE:5: unknown protocol \"SCTP\"; did you mean \"TCP\"?"},
	{WHEN "{layer: soap, state: reconected}\n",
	 "FILE:5: unknown state \"reconected\"; did you mean \"reconnected\"?"},
	{WHEN "{layer: soap, version: []}\n", "FILE:5: version: an empty list matches nothing"},
	{WHEN "{message: pages}\n", "FILE:5: unknown message \"pages\"; did you mean \"page\"?"},
};

/* Wrong quirks. */
static const struct {
	const char *text;
	const char *complaint;
} quirks[] = {
	{QUIRK "observe: x\n", "FILE:5: observe: expected a list, found a value"},
	{QUIRK "observe: [x]\n", "FILE:5: expected a mapping (key: value), found a value"},
	{QUIRK "observe: [{expect: {ok: yes}}]\n",
	 "FILE:5: observe: a step needs a verb: search, notify, get, raw, call, add, subscribe, "
	 "reach, leave, natpmp, pcp, advance, router or again"},
	{QUIRK "observe: [{serach: x}]\n",
	 "FILE:5: unknown key \"serach\"; did you mean \"search\"?"},
	{QUIRK "observe: [{call: A, get: description}]\n",
	 "FILE:5: observe: a step has one verb, found \"get\" and \"call\""},
	{QUIRK "observe: [{call: A, expect: ok}]\n",
	 "FILE:5: expect: expected a mapping (key: value), found a value"},
	{QUIRK "observe: [{call: A, arg: {}}]\n",
	 "FILE:5: unknown key \"arg\"; did you mean \"args\"?"},
	{QUIRK "observe: []\nunobserved: x\n", "FILE:6: \"unobserved\" beside \"observe\""},
	{QUIRK "unobserved: [x]\n", "FILE:5: unobserved: expected text, found a list"},
	{QUIRK "base: conformant-idg1\n",
	 "FILE:5: unknown profile \"conformant-idg1\"; did you mean \"conformant-igd1\"?"},
	{QUIRK "base: [x]\n", "FILE:5: base: expected text, found a list"},
	{QUIRK "also: {a: b}\n",
	 "FILE:5: also: expected a list of names, found a mapping (key: value)"},
	{QUIRK "topology: {router: r1}\n", "FILE:5: topology: \"name\" is missing"},
	{QUIRK "topology: {nmae: flat}\n", "FILE:5: unknown key \"nmae\"; did you mean \"name\"?"},
	{QUIRK "topology: [flat]\n",
	 "FILE:5: topology: expected a mapping (key: value), found a list"},
	{QUIRK "priority: 0\n",
	 "FILE:5: priority: expected a whole number from 1 to 3, found \"0\""},
	{QUIRK "breaks: [x]\n",
	 "FILE:5: breaks: expected requirement ids such as WIPC-27, found \"x\""},
	{QUIRK "client: {must: maped}\n",
	 "FILE:5: unknown must \"maped\"; did you mean \"mapped\"?"},
	{QUIRK "laier: soap\n", "FILE:5: unknown key \"laier\"; did you mean \"layer\"?"},
	{"summary: q\nlayer: soop\nevidence: e\noverlay: {}\n",
	 "FILE:2: unknown layer \"soop\"; did you mean \"soap\"?"},
	{"summary: q\nlayer: soap\nevidence: [{seen: x}]\noverlay: {}\n",
	 "FILE:3: evidence: \"source\" is missing"},
	{"summary: q\nlayer: soap\nevidence: [{source: x, class: felid}]\noverlay: {}\n",
	 "FILE:3: unknown class \"felid\"; did you mean \"field\"?"},
	{"summary: q\nlayer: soap\nevidence: e\noverlay: {device: 3}\n",
	 "FILE:4: device: expected a type and version such as WANIPConnection:1, found \"3\""},
	{"summary: q\nlayer: soap\nevidence: e\noverlay: {quirks: [x]}\n",
	 "FILE:4: unknown key \"quirks\"; did you mean \"urls\"?"},
	{"summary: q\nlayer: soap\nevidence: e\n", "FILE:1: \"overlay\" is missing"},
	{"summary: q\nlayer: soap\nevidence: e\noverlay: {devices: {wan: {place: frist}}}\n",
	 "FILE:4: unknown place \"frist\"; did you mean \"first\"?"},
};

static char *write_file(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s.yaml", directory, name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

/* The complaint with FILE for the file's path, without its line end. */
static char *shortened(const struct diag *d, const char *path)
{
	char *text = d->text.data, *rest;

	assert_non_null(text);
	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, path, strlen(path)) != 0)
		return xstrdup(text);
	rest = text + strlen(path);
	return xasprintf("FILE%s", rest);
}

static void check(const char *text, const char *complaint, bool quirk)
{
	char *path = write_file(quirk ? "quirk" : "profile", text), *got;
	const char *const list[] = {path};
	struct diag d = {0};
	struct profile *p = quirk ? profile_load("conformant-igd1", list, 1, "fakeigd", "s", &d)
				  : profile_load(path, NULL, 0, "fakeigd", "s", &d);

	if (p)
		fail_msg("accepted: %s", text);
	assert_int_equal(d.errors, 1);
	got = shortened(&d, path);
	if (strcmp(got, complaint))
		fail_msg("%s:\n\"%s\", not\n\"%s\"", text, got, complaint);
	free(got);
	diag_free(&d);
	free(path);
}

static void profiles_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++)
		check(profiles[i].text, profiles[i].complaint, false);
}

static void quirks_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(quirks); i++)
		check(quirks[i].text, quirks[i].complaint, true);
}

/* The promise is 80 files, each with its error. */
static void there_are_enough(void **state)
{
	(void)state;
	assert_true(ARRAY_SIZE(profiles) + ARRAY_SIZE(quirks) >= 120);
}

static int group_setup(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	return remove_tree(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(profiles_are_refused),
		cmocka_unit_test(quirks_are_refused),
		cmocka_unit_test(there_are_enough),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
