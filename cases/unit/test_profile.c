/* SPDX-License-Identifier: MIT */
/*
 * test_profile.c - profiles and quirks: resolved, read, refused.
 *
 * The files are written into a directory of the test's own; "D" stands for it in complaints. Run
 * from the top of the tree, where the shipped profiles are checked too.
 *
 * links: fakeigd
 */
#include "../../fakeigd/profile.h"

#include "../../fakeigd/base/clock.h"
#include "../../fakeigd/choice.h"
#include "../../fakeigd/service.h"
#include "folder.h"
#include "unit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATA "fakeigd"

static char directory[] = "/tmp/test_profile.XXXXXX";

static void write_file(const char *kind, const char *name, const char *text)
{
	char *path = xasprintf("%s/%ss/%s.yaml", directory, kind, name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	free(path);
}

static int group_setup(void **state)
{
	char path[64];

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/profiles", directory);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/quirks", directory);
	return mkdir(path, 0755);
}

static int group_teardown(void **state)
{
	(void)state;
	return remove_tree(directory);
}

#define START "summary: s\nservices: [WANIPConnection:1]\n"
#define QUIRK "summary: q\nlayer: soap\nevidence: e\noverlay:\n"

static struct profile *load(const char *profile, const char *quirk, const char *second,
			    struct diag *d)
{
	const char *quirks[] = {"q", "second"};

	write_file("profile", "p", profile);
	write_file("profile", "base",
		   START "policy: {lease: {max: 5}}\n"
			 "assumed: all of it\n");
	write_file("quirk", "q", quirk ? quirk : "");
	write_file("quirk", "second", second ? second : "");
	return profile_load("p", quirks, !!quirk + !!second, directory, "seed", d);
}

static struct profile *loaded(const char *profile, const char *quirk, const char *second)
{
	struct diag d = {0};
	struct profile *p = load(profile, quirk, second, &d);

	if (!p)
		fail_msg("%s", d.text.data);
	return p;
}

static void a_short_profile_gets_the_defaults(void **state)
{
	struct profile *p = loaded(START, NULL, NULL);

	(void)state;
	assert_string_equal(p->name, "p");
	assert_string_equal(p->device, "InternetGatewayDevice");
	assert_int_equal(p->device_version, 1);
	assert_int_equal(p->service_count, 1);
	assert_string_equal(p->services[0].type, "WANIPConnection");
	assert_string_equal(p->services[0].id, "urn:upnp-org:serviceId:WANIPConn1");
	assert_string_equal(p->services[0].domain, "schemas-upnp-org");
	assert_null(p->services[0].optional);
	assert_int_equal(p->http_port, 0);
	assert_int_equal(p->max_age, 1800);
	assert_int_equal(p->policy.table_max, 131070);
	assert_true(policy_is(&p->policy, lease_report, "remaining"));
	assert_int_equal(p->policy.http_idle, 30 * CLOCK_SECOND);
	assert_non_null(p->rules);
	for (int id = 0; id < MESSAGE_COUNT; id++)
		assert_non_null(p->templates[id]);
	profile_free(p);
}

static void everything_is_read(void **state)
{
	struct profile *p = loaded(
		"summary: s\n"
		"device: InternetGatewayDevice:2\n"
		"identity: {server: S, friendly_name: F, upc: \"\", udn: {root: \"uuid:R-{hex}\", "
		"wan: \"{uuid}\"}}\n"
		"listen: {http: 5431}\n"
		"services:\n"
		"  - Layer3Forwarding:1\n"
		"  - {type: \"WANIPConnection:2\", id: X, domain: d, optional: "
		"[SetAutoDisconnectTime]}\n"
		"  - {type: \"WANIPConnection:2\"}\n"
		"  - {type: \"Dummy:7\", domain: schemas-dummy-com}\n"
		"urls: {control: \"/{udn}/{service}:{version}\"}\n"
		"ssdp: {max_age: 100, sets: 3}\n"
		"date: {offset: -90m}\n"
		"external: 100.81.111.102\n"
		"errors: {714: NoSuchEntry, 501: \"\"}\n"
		"policy: {lease: {report: granted, min: 120}, table: {survives-reboot: yes}, http: "
		"{idle: 2s}}\n"
		"state: {mappings: [{external_port: 1, protocol: UDP, internal_port: 2, "
		"internal_client: 10.0.0.1, remote_host: 44.0.1.9, lease: 60, enabled: no, "
		"description: d}]}\n",
		NULL, NULL);
	struct profile_mapping *m = p->mappings;

	(void)state;
	assert_int_equal(p->device_version, 2);
	assert_string_equal(p->server, "S");
	assert_string_equal(p->upc, "");
	assert_int_equal(strlen(p->udn[0]), strlen("uuid:R-") + 12);
	assert_int_equal(strlen(p->udn[1]), 36);
	assert_int_equal(strlen(p->udn[2]), strlen("uuid:") + 36);
	assert_int_equal(p->http_port, 5431);
	assert_string_equal(p->services[1].id, "X");
	assert_int_equal(p->services[1].optionals, 1);
	assert_string_equal(p->services[2].id, "urn:upnp-org:serviceId:WANIPConn2");
	assert_string_equal(p->services[3].domain, "schemas-dummy-com");
	assert_string_equal(p->url_control, "/{udn}/{service}:{version}");
	assert_int_equal(p->max_age, 100);
	assert_int_equal(p->ssdp_sets, 3);
	assert_int_equal(p->date_offset, -5400);
	assert_int_equal(ntohl(p->external.s_addr), 0x64516f66);
	assert_string_equal(profile_error_text(p, 714), "NoSuchEntry");
	assert_string_equal(profile_error_text(p, 501), "");
	assert_null(profile_error_text(p, 713));
	assert_true(policy_is(&p->policy, lease_report, "granted"));
	assert_int_equal(p->policy.lease_min, 120);
	assert_true(p->policy.table_survives_reboot);
	assert_int_equal(p->policy.http_idle, 2 * CLOCK_SECOND);
	assert_int_equal(p->mapping_count, 1);
	assert_int_equal(m->protocol, IPPROTO_UDP);
	assert_false(m->enabled);
	assert_int_equal(m->lease, 60);
	assert_int_equal(ntohl(m->remote_host.s_addr), 0x2c000109);
	profile_free(p);
}

static void devices_and_pages_are_read(void **state)
{
	struct profile *p =
		loaded("summary: s\n"
		       "domain: dslforum-org\n"
		       "devices:\n"
		       "  wan: {type: \"WANDevice:2\", place: first, manufacturer: M}\n"
		       "  second: {type: \"WANConnectionDevice:1\", under: wan, udn: \"uuid:2\"}\n"
		       "  wps: {type: \"WFADevice:1\", domain: schemas-wifialliance-org, silent: "
		       "yes, urn: U}\n"
		       "services:\n"
		       "  - {type: \"WANIPConnection:1\", device: second, state: {Uptime: 7}, "
		       "control: \"\"}\n"
		       "  - {type: \"wanip:1\", as: \"WANIPConnection:2\", urn: \"urn:x\"}\n"
		       "listen: {also: [4444, 9393]}\n"
		       "pages: [{path: /two.xml, replace: {a: b}}]\n",
		       NULL, NULL);

	(void)state;
	assert_int_equal(p->device_count, 6);
	assert_string_equal(p->devices[0].domain, "dslforum-org");
	assert_int_equal(p->devices[1].version, 2);
	assert_true(p->devices[1].first);
	assert_int_equal(p->devices[4].parent, 1);
	assert_string_equal(p->devices[4].udn, "uuid:2");
	assert_string_equal(p->devices[5].domain, "schemas-wifialliance-org");
	assert_int_equal(p->devices[5].parent, 0);
	assert_true(p->devices[5].silent && p->devices[5].written);
	assert_int_equal(strlen(p->devices[5].udn), strlen("uuid:") + 36);
	assert_string_equal(p->devices[5].urn, "U");
	assert_int_equal(p->services[0].device, 4);
	assert_string_equal(p->services[0].control, "");
	assert_string_equal(service_fixed(&p->services[0], "Uptime"), "7");
	assert_null(service_fixed(&p->services[0], "ConnectionStatus"));
	assert_int_equal(service_of(&p->services[1])->version, 2);
	assert_string_equal(p->services[1].domain, "dslforum-org");
	assert_int_equal(p->also_ports, 2);
	assert_int_equal(p->also_port[1], 9393);
	assert_int_equal(p->page_count, 1);
	assert_string_equal(p->pages[0].path, "/two.xml");
	profile_free(p);
}

static void a_profile_comes_from_memory_too(void **state)
{
	static const char text[] = "summary: t\nextends: conformant-igd2\nlisten: {http: 80}\n";
	struct diag d = {0};
	struct profile *p = profile_load_text("mem/mine.yaml", text, strlen(text), DATA, "s", &d);

	(void)state;
	assert_non_null(p);
	assert_string_equal(p->name, "mine");
	assert_int_equal(p->device_version, 2);
	assert_int_equal(p->http_port, 80);
	profile_free(p);
	assert_null(profile_load_text("mem", "x: y\n", 5, DATA, "s", &d));
	assert_true(d.errors);
	diag_free(&d);
}

static char *rendered(const struct profile *p, enum message_id id)
{
	struct message_values values = {0};
	struct buf out = {0};

	template_render(p->templates[id], &values, &out);
	return buf_steal(&out);
}

static void layers_are_laid_over_each_other(void **state)
{
	struct profile *p =
		loaded("summary: t\nextends: base\npolicy: {lease: {min: 3}}\n"
		       "messages: {error-head: \"A\\nX: 1\\nY: 2\\n\"}\n"
		       "rules: [{when: {layer: http}, delay: 1s, name: own}]\n",
		       QUIRK "  policy: {lease: {report: zero}}\n"
			     "  messages: {error-head: {remove: X}}\n"
			     "  rules: [{when: {layer: http}, close: yes, name: quirk}]\n",
		       QUIRK "  messages: {error-head: {remove: [Y], add: [\"Z: 3\"]}}\n");
	struct rule_event event = {.layer = RULE_HTTP, .message = "get"};
	struct effects e;
	char *head;

	(void)state;
	effects_init(&e);
	assert_string_equal(p->summary, "t");
	assert_int_equal(p->policy.lease_max, 5);
	assert_int_equal(p->policy.lease_min, 3);
	assert_true(policy_is(&p->policy, lease_report, "zero"));
	head = rendered(p, MESSAGE_ERROR_HEAD);
	assert_string_equal(head, "A\r\nZ: 3\r\n\r\n");
	free(head);
	rules_apply(p->rules, NULL, &event, &e);
	assert_string_equal(e.rules, "own,quirk");
	/* what describes a file is not handed down */
	assert_null(doc_get(p->document, "assumed"));
	assert_int_equal(doc_get(p->document, "quirks")->count, 2);
	profile_free(p);
}

static void what_was_made_was_not_seen(void **state)
{
	struct diag d = {0};

	(void)state;
	profile_free(loaded(START "conforms: [IWF-*]\n", NULL, NULL));
	profile_free(loaded(START "conforms: []\n", NULL, NULL));
	assert_null(load(START "conforms: []\nevidence: a field\n", NULL, NULL, &d));
	assert_non_null(strstr(d.text.data, "p.yaml:3: conforms: "));
	diag_free(&d);
	assert_null(load(START "conforms: {a: b}\n", NULL, NULL, &d));
	diag_free(&d);
}

static void a_quirk_named_twice_counts_once(void **state)
{
	const char *quirks[] = {"q"};
	struct rule_event event = {.layer = RULE_HTTP, .message = "get"};
	struct diag d = {0};
	struct profile *p;
	struct effects e;

	(void)state;
	write_file("profile", "p", START "quirks: [q]\n");
	write_file("quirk", "q", QUIRK "  rules: [{when: {layer: http}, close: yes, name: q}]\n");
	p = profile_load("p", quirks, 1, directory, "seed", &d);
	assert_non_null(p);
	effects_init(&e);
	rules_apply(p->rules, NULL, &event, &e);
	assert_string_equal(e.rules, "q");
	profile_free(p);
}

static void udns_follow_from_the_seed(void **state)
{
	struct diag d = {0};
	struct profile *a, *b, *c;

	(void)state;
	write_file("profile", "p", START);
	a = profile_load("p", NULL, 0, directory, "r1/02", &d);
	b = profile_load("p", NULL, 0, directory, "r1/02", &d);
	c = profile_load("p", NULL, 0, directory, "r2/02", &d);
	for (int i = 0; i < 3; i++) {
		assert_string_equal(a->udn[i], b->udn[i]);
		assert_string_not_equal(a->udn[i], c->udn[i]);
		assert_string_not_equal(a->udn[i], a->udn[(i + 1) % 3]);
	}
	assert_int_equal(a->udn[0][5 + 14], '4');
	profile_free(a);
	profile_free(b);
	profile_free(c);
}

static const struct {
	const char *profile, *quirk, *second;
	const char *complaint;
} refused[] = {
	{"", NULL, NULL, "D/profiles/p.yaml:1: the file is empty"},
	{"summary: [\n", NULL, NULL,
	 "D/profiles/p.yaml:2: not YAML: did not find expected node content, while parsing a flow "
	 "node"},
	{"services: [WANIPConnection:1]\n", NULL, NULL,
	 "D/profiles/p.yaml: \"summary\" is missing"},
	{"summary: s\n", NULL, NULL, "D/profiles/p.yaml: \"services\" is missing"},
	{START "sumary: x\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown key \"sumary\"; did you mean \"summary\"?"},
	{START "summary: x\n", NULL, NULL,
	 "D/profiles/p.yaml:3: key \"summary\" occurs twice (first at line 1)"},
	{START "device: InternetGatewayDevice\n", NULL, NULL,
	 "D/profiles/p.yaml:3: device: expected a type and version such as WANIPConnection:1, "
	 "found "
	 "\"InternetGatewayDevice\""},
	{START "device: InternetGatewayDevice:3\n", NULL, NULL,
	 "D/profiles/p.yaml:3: device: expected a type and version such as WANIPConnection:1, "
	 "found "
	 "\"InternetGatewayDevice:3\""},
	{START "identity: {freindly_name: x}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown key \"freindly_name\"; did you mean \"friendly_name\"?"},
	{START "identity: {udn: {rot: x}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown key \"rot\"; did you mean \"root\"?"},
	{START "listen: {http: 65536}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: http: expected a whole number from 0 to 65535, found \"65536\""},
	{START "upstream: {}\n", NULL, NULL, "D/profiles/p.yaml:3: upstream: \"pcp\" is missing"},
	{START "upstream: {pmp: {server: gateway}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown key \"pmp\"; did you mean \"pcp\"?"},
	{START "upstream: {pcp: {}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: pcp: \"server\" is missing; expected gateway or an IPv4 address"},
	{START "upstream: {pcp: {server: gatway}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: server: expected gateway or an IPv4 address, found \"gatway\""},
	{START "upstream: {pcp: {server: 0.0.0.0}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: server: expected gateway or an IPv4 address, found \"0.0.0.0\""},
	{START "upstream: {pcp: {server: [gateway, gatway]}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: server: expected gateway or an IPv4 address, found \"gatway\""},
	{START "upstream: {pcp: {server: [[gateway]]}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: expected a value, found a list"},
	{START "upstream: {pcp: {server: []}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: server: expected 1 to 8 servers, found 0"},
	{START "upstream: {pcp: {server: gateway, retrys: 1}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown key \"retrys\"; did you mean \"retries\"?"},
	{START "upstream: {pcp: {server: gateway, retries: 11}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: retries: expected a whole number from 0 to 10, found \"11\""},
	{START "upstream: {pcp: {server: gateway, port: 0}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: port: expected a whole number from 1 to 65535, found \"0\""},
	{START "upstream: {pcp: {server: gateway, initial: 0}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: initial: expected a time above 0, such as 3s"},
	{START "upstream: {pcp: {server: gateway, initial: 10s, maximum: 5s}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: pcp: \"initial\" is above \"maximum\""},
	{START "upstream: {pcp: {server: gateway, external: asked}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown external \"asked\"; did you mean \"ask\"?"},
	{START "urls: {control: \"/{sevice}\"}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown placeholder \"sevice\"; did you mean \"service\"?"},
	{START "ssdp: 1800\n", NULL, NULL,
	 "D/profiles/p.yaml:3: ssdp: expected a mapping (key: value), found a value"},
	{START "date: {offset: later}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: offset: expected a duration such as 250ms, 1.5s, 2m, 1h or 7d, "
	 "found "
	 "\"later\""},
	{START "external: example.org\n", NULL, NULL,
	 "D/profiles/p.yaml:3: external: expected an IPv4 address such as 192.168.1.1, found "
	 "\"example.org\""},
	{"summary: s\nservices: WANIPConnection:1\n", NULL, NULL,
	 "D/profiles/p.yaml:2: services: expected a list, found a value"},
	{"summary: s\nservices: [WANIPConection:1]\n", NULL, NULL,
	 "D/profiles/p.yaml:2: unknown service \"WANIPConection:1\"; did you mean "
	 "\"WANIPConnection:1\"?"},
	{"summary: s\nservices: [{type: \"WANIPConnection:1\", optional: [GetStatusInfo]}]\n", NULL,
	 NULL, NULL},
	{"summary: s\nservices: [{id: x}]\n", NULL, NULL,
	 "D/profiles/p.yaml:2: services: \"type\" is missing"},
	{START "state: {mapings: []}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown key \"mapings\"; did you mean \"mappings\"?"},
	{START "state: {mappings: [{protocol: ICMP, internal_client: 10.0.0.1, external_port: 1, "
	       "internal_port: 1}]}\n",
	 NULL, NULL, "D/profiles/p.yaml:3: unknown protocol \"ICMP\"; did you mean \"TCP\"?"},
	{START
	 "state: {mappings: [{protocol: TCP, internal_client: 10.0.0.1, internal_port: 1}]}\n",
	 NULL, NULL, "D/profiles/p.yaml:3: mappings: \"external_port\" is missing"},
	{START "policy: {lease: {reprot: zero}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown policy \"lease.reprot\"; did you mean \"lease.report\"?"},
	{START "policy: {lease: {report: never}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown report \"never\"; expected one of: remaining, granted, "
	 "zero"},
	{START "policy: {lease: 60}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: lease: expected a mapping (key: value), found a value"},
	{START "policy: {table: {max: 0}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: max: expected a whole number from 1 to 131070, found \"0\""},
	{START "policy: {table: {survives-reboot: 7}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: survives-reboot: expected true or false, found \"7\""},
	{START "messages: {ssdp-replay: x}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown key \"ssdp-replay\"; did you mean \"ssdp-reply\"?"},
	{START "messages: {ssdp-reply: \"{loction}\"}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown placeholder in ssdp-reply \"loction\"; did you mean "
	 "\"location\"?"},
	{START "messages: [x]\n", NULL, NULL,
	 "D/profiles/p.yaml:3: messages: expected a mapping (key: value), found a list"},
	{START "rules: {when: {layer: http}}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: rules: expected a list, found a mapping (key: value)"},
	{START "rules:\n  - when: {layer: htpp}\n    drop: yes\n", NULL, NULL,
	 "D/profiles/p.yaml:4: unknown layer \"htpp\"; did you mean \"http\"?"},
	{START "evidence: {sorce: x}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown key \"sorce\"; did you mean \"source\"?"},
	{START "evidence: {seen: x}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: evidence: \"source\" is missing"},
	{START "client: {must: work}\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown must \"work\"; expected one of: mapped, reports-failure, "
	 "survives, inner, retries"},
	{START "extends: bse\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown profile \"bse\"; did you mean \"base\"?"},
	{START "extends: p\n", NULL, NULL,
	 "D/profiles/p.yaml:3: \"extends\" goes in a circle: p extends itself"},
	{START "extends: ./none.yaml\n", NULL, NULL,
	 "D/profiles/p.yaml:3: profile file \"D/profiles/./none.yaml\" cannot be read: No such "
	 "file "
	 "or directory"},
	{START "quirks: [secnd]\n", NULL, NULL,
	 "D/profiles/p.yaml:3: unknown quirk \"secnd\"; did you mean \"second\"?"},
	{START "quirks: q\n", NULL, NULL,
	 "D/profiles/p.yaml:3: quirks: expected a list, found a value"},
	{START, "summary: q\nlayer: soap\nevidence: e\n", NULL,
	 "D/quirks/q.yaml:1: \"overlay\" is missing"},
	{START, "layer: soap\nevidence: e\noverlay: {}\n", NULL,
	 "D/quirks/q.yaml:1: \"summary\" is missing"},
	{START, QUIRK "  {}\nlayr: 3\n", NULL,
	 "D/quirks/q.yaml:6: unknown key \"layr\"; did you mean \"layer\"?"},
	{START, "summary: q\nlayer: sopa\nevidence: e\noverlay: {}\n", NULL,
	 "D/quirks/q.yaml:2: unknown layer \"sopa\"; did you mean \"soap\"?"},
	{START, QUIRK "  {}\nbreaks: [WIPC]\n", NULL,
	 "D/quirks/q.yaml:6: breaks: expected requirement ids such as WIPC-27, found \"WIPC\""},
	{START, QUIRK "  {}\npriority: 4\n", NULL,
	 "D/quirks/q.yaml:6: priority: expected a whole number from 1 to 3, found \"4\""},
	{START, QUIRK "  {}\nclient: {note: x}\n", NULL,
	 "D/quirks/q.yaml:6: client: \"must\" is missing"},
	{START, QUIRK "  summary: mine\n", NULL,
	 "D/quirks/q.yaml:5: unknown key \"summary\"; expected one of: device, identity, listen, "
	 "services, urls, ssdp, date, external, messages, policy, rules, state, domain, devices, "
	 "pages, errors, upstream"},
	{START, QUIRK "  policy: {lease: {max: x}}\n", NULL,
	 "D/quirks/q.yaml:5: max: expected a whole number from 0 to 4294967295, found \"x\""},
	{START, QUIRK "  policy: {lease: {max: 7}}\n", QUIRK "  policy: {lease: {max: 8}}\n",
	 "D/quirks/second.yaml:5: quirks disagree about \"policy.lease.max\": D/quirks/q.yaml:5 "
	 "sets it differently"},
	{START, QUIRK "  messages: {scpd: a}\n", QUIRK "  messages: {scpd: b}\n",
	 "D/quirks/second.yaml:5: quirks disagree about \"messages.scpd\": D/quirks/q.yaml:5 sets "
	 "it differently"},
	{START, QUIRK "  messages: {error-head: {remove: EXT}}\n",
	 QUIRK "  messages: {error-head: b}\n",
	 "D/quirks/second.yaml:5: quirks disagree about \"messages.error-head\": "
	 "D/quirks/q.yaml:5 sets it differently"},
	{START, QUIRK "  messages: {error-head: {set: {A: 1}}}\n",
	 QUIRK "  messages: {error-head: {set: {A: 2}}}\n",
	 "D/quirks/second.yaml:5: quirks disagree about \"messages.error-head.set.A\": "
	 "D/quirks/q.yaml:5 sets it differently"},
	{START, QUIRK "  services: [WANIPConnection:1]\n", QUIRK "  services: []\n",
	 "D/quirks/second.yaml:5: quirks disagree about \"services\": D/quirks/q.yaml:5 sets it "
	 "differently"},
};

/* A complaint with "D" for the directory, without the line end. */
static char *shortened(const char *text)
{
	struct buf out = {0};

	for (const char *c = text; *c && *c != '\n';) {
		if (!strncmp(c, directory, strlen(directory))) {
			buf_putc(&out, 'D');
			c += strlen(directory);
		} else {
			buf_putc(&out, *c++);
		}
	}
	return buf_steal(&out);
}

static void mistakes_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct diag d = {0};
		struct profile *p =
			load(refused[i].profile, refused[i].quirk, refused[i].second, &d);
		char *got = shortened(d.text.data ? d.text.data : "");

		if (!refused[i].complaint) {
			assert_null(p);
			assert_int_equal(d.errors, 1);
		} else if (p || strcmp(got, refused[i].complaint)) {
			fail_msg("row %zu: \"%s\", not \"%s\"", i, got, refused[i].complaint);
		}
		diag_free(&d);
		free(got);
	}
}

static void quirks_that_agree_go_together(void **state)
{
	static const char *const pairs[][2] = {
		{QUIRK "  policy: {lease: {max: 7}}\n",
		 QUIRK "  policy: {lease: {max: 7, min: 1}}\n"},
		{QUIRK "  messages: {error-head: \"A\\nB: 1\\n\"}\n",
		 QUIRK "  messages: {error-head: {remove: B}}\n"},
		{QUIRK "  messages: {error-head: {remove: A}}\n",
		 QUIRK "  messages: {error-head: {remove: B}}\n"},
		{QUIRK "  rules: [{when: {layer: http}, drop: yes}]\n",
		 QUIRK "  rules: [{when: {layer: http}, close: yes}]\n"},
		{QUIRK "  services: [WANIPConnection:1]\n",
		 QUIRK "  services: [\"WANIPConnection:1\"]\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		profile_free(loaded(START, pairs[i][0], pairs[i][1]));
}

static void a_resolved_profile_is_a_profile(void **state)
{
	struct diag d = {0};
	struct doc *doc = profile_resolve("broadcom-brcm400", NULL, 0, DATA, &d), *again;
	struct buf text = {0};

	(void)state;
	assert_non_null(doc);
	doc_to_yaml(doc, &text);
	again = doc_load_text(text.data, text.len, "again", &d);
	assert_non_null(again);
	assert_null(doc_get(doc, "extends"));
	assert_int_equal(doc_get(again, "rules")->count, doc_get(doc, "rules")->count);
	assert_string_equal(doc_get(doc_get(again, "messages"), "soap-argument")->text,
			    "<{name}>{value}</{name}>");
	buf_free(&text);
	doc_free(doc);
	doc_free(again);
}

/* The profile on which a quirk file says it is shown. */
static char *base_of(const char *path)
{
	struct diag d = {0};
	struct doc *doc = doc_load_file(path, &d);
	const struct doc *base = doc_get(doc, "base");
	char *name = xstrdup(base ? base->text : "conformant-igd1");

	doc_free(doc);
	diag_free(&d);
	return name;
}

/* Every file of profiles/ and quirks/ loads; every quirk alone over the profile it is shown on. */
static void what_is_shipped_loads(void **state)
{
	static const char *const kinds[] = {"profiles", "quirks"};
	size_t files = 0;

	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		char path[64];
		struct dirent *entry;
		DIR *dir;

		snprintf(path, sizeof(path), DATA "/%s", kinds[kind]);
		dir = opendir(path);
		assert_non_null(dir);
		while ((entry = readdir(dir))) {
			char *name = xasprintf("%s/%s", path, entry->d_name);
			const char *quirks[] = {name};
			struct diag d = {0};
			struct profile *p;

			if (strstr(entry->d_name, ".yaml")) {
				char *base = base_of(name);

				p = kind ? profile_load(base, quirks, 1, DATA, "s", &d)
					 : profile_load(name, NULL, 0, DATA, "s", &d);
				free(base);
				if (!p)
					fail_msg("%s", d.text.data);
				profile_free(p);
				files++;
			}
			free(name);
		}
		closedir(dir);
	}
	assert_true(files >= 7);
}

/* The schemas beside the loader are those that it would write. */
static void schemas_have_not_drifted(void **state)
{
	static const struct {
		const char *file;
		json_t *(*make)(void);
	} schemas[] = {
		{DATA "/profile.schema.json", profile_schema},
		{DATA "/quirk.schema.json", quirk_schema},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(schemas); i++) {
		json_t *made = schemas[i].make(), *kept = json_load_file(schemas[i].file, 0, NULL);

		if (!json_equal(made, kept))
			fail_msg("%s has drifted; write it again by fakeigd --schema",
				 schemas[i].file);
		json_decref(made);
		json_decref(kept);
	}
}

static void policies_are_listed(void **state)
{
	json_t *list = policy_list_json(), *schema = profile_schema(), *item, *node;
	struct buf text = {0};
	size_t i;

	(void)state;
	policy_list_text(&text);
	assert_true(json_array_size(list) > 50);
	json_array_foreach(list, i, item)
	{
		char *name = xstrdup(json_string_value(json_object_get(item, "name"))),
		     *rest = name;
		const char *part;

		assert_non_null(strstr(text.data, name));
		assert_true(*json_string_value(json_object_get(item, "summary")));
		assert_true(*json_string_value(json_object_get(item, "clause")));
		assert_true(*json_string_value(json_object_get(item, "evidence")));
		assert_non_null(json_object_get(item, "default"));
		node = json_object_get(json_object_get(schema, "properties"), "policy");
		while ((part = strsep(&rest, ".")))
			node = json_object_get(json_object_get(node, "properties"), part);
		assert_non_null(node);
		free(name);
	}
	json_decref(list);
	json_decref(schema);
	buf_free(&text);
}

/* A choice's default must be one of the choices, or it silently means the first. */
static void defaults_are_choices(void **state)
{
	json_t *list = policy_list_json(), *item, *choice;
	size_t i, j;

	(void)state;
	json_array_foreach(list, i, item)
	{
		json_t *choices = json_object_get(item, "choices");
		bool found = !choices;

		json_array_foreach(choices, j, choice) found |=
			json_equal(choice, json_object_get(item, "default"));
		if (!found)
			fail_msg("%s", json_string_value(json_object_get(item, "name")));
	}
	json_decref(list);
}

static void loading_is_fast(void **state)
{
	struct diag d = {0};
	int64_t start = clock_now();
	int rounds = 50;

	(void)state;
	for (int i = 0; i < rounds; i++)
		profile_free(profile_load("broadcom-brcm400", NULL, 0, DATA, "s", &d));
	print_message("          broadcom-brcm400 with its ancestor and quirks: %.2f ms\n",
		      (double)(clock_now() - start) / rounds / 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_profile_gets_the_defaults),
		cmocka_unit_test(everything_is_read),
		cmocka_unit_test(devices_and_pages_are_read),
		cmocka_unit_test(a_profile_comes_from_memory_too),
		cmocka_unit_test(layers_are_laid_over_each_other),
		cmocka_unit_test(what_was_made_was_not_seen),
		cmocka_unit_test(a_quirk_named_twice_counts_once),
		cmocka_unit_test(udns_follow_from_the_seed),
		cmocka_unit_test(mistakes_are_refused),
		cmocka_unit_test(quirks_that_agree_go_together),
		cmocka_unit_test(a_resolved_profile_is_a_profile),
		cmocka_unit_test(what_is_shipped_loads),
		cmocka_unit_test(schemas_have_not_drifted),
		cmocka_unit_test(policies_are_listed),
		cmocka_unit_test(defaults_are_choices),
		cmocka_unit_test(loading_is_fast),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
