/* SPDX-License-Identifier: MIT */
/* cmd_pinhole.c - igdlab pinhole: open IPv6 ports in the router's firewall. */
#include "controlpoint.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define DEFAULT_PORT  1872
#define DEFAULT_LEASE 3600
#define LEASE_MAX     86400 /* WANIPv6FirewallControl:1 clause 2.4.8 */

static const char *const verbs[] = {"add", "update", "delete", "list", "check"};

/** struct words - what opt_parse() fills */
struct words {
	const char *protocol, *client, *remote, *over;
	long long port, remote_port, lease;
	struct names ids;
};

static int read_protocol(const char *text, uint16_t *out)
{
	static const struct {
		const char *name;
		uint16_t number;
	} known[] = {{"tcp", IPPROTO_TCP},
		     {"udp", IPPROTO_UDP},
		     {"udplite", IPPROTO_UDPLITE},
		     {"any", 65535}};
	uint64_t number;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcasecmp(text, known[i].name) != 0)
			continue;
		*out = known[i].number;
		return OPT_GO_ON;
	}
	if (!slice_number(slice_of(text), UINT16_MAX, &number))
		return cmd_usage_error(
			&cmd_pinhole,
			"--protocol: expected tcp, udp, udplite, any or a number, found \"%s\"",
			text);
	*out = (uint16_t)number;
	return OPT_GO_ON;
}

static int check_address(const char *option, const char *text)
{
	struct in6_addr ignored;

	if (!*text || inet_pton(AF_INET6, text, &ignored) == 1)
		return OPT_GO_ON;
	return cmd_usage_error(&cmd_pinhole, "%s: expected an IPv6 address, found \"%s\"", option,
			       text);
}

static int read_family(const char *text, int *out)
{
	*out = !strcmp(text, "ipv6") ? AF_INET6 : !strcmp(text, "ipv4") ? AF_INET : 0;
	if (*out || !strcmp(text, "any"))
		return OPT_GO_ON;
	return cmd_usage_error(&cmd_pinhole, "--over: expected ipv4, ipv6 or any, found \"%s\"",
			       text);
}

/* @ids has room for all. */
static int read_ids(const struct words *w, struct pinhole_request *q, uint16_t *ids)
{
	bool needed = q->verb != PINHOLE_ADD && q->verb != PINHOLE_LIST;

	for (size_t i = 0; i < w->ids.count; i++) {
		uint64_t number;

		if (!slice_number(slice_of(w->ids.items[i]), UINT16_MAX, &number))
			return cmd_usage_error(&cmd_pinhole,
					       "--id: expected 0 to 65535, found \"%s\"",
					       w->ids.items[i]);
		ids[i] = (uint16_t)number;
	}
	q->ids = ids;
	q->id_count = w->ids.count;
	if (needed && !q->id_count)
		return cmd_usage_error(&cmd_pinhole, "which one? --id NUMBER, as \"add\" told");
	return OPT_GO_ON;
}

static int read_request(const struct words *w, struct pinhole_request *q, uint16_t *ids)
{
	int status = read_protocol(w->protocol, &q->protocol);

	if (status == OPT_GO_ON)
		status = check_address("--internal-client", w->client);
	if (status == OPT_GO_ON)
		status = check_address("--remote-host", w->remote);
	if (status == OPT_GO_ON)
		status = read_family(w->over, &q->family);
	if (status == OPT_GO_ON)
		status = read_ids(w, q, ids);
	q->remote_host = w->remote;
	q->internal_client = w->client;
	q->remote_port = (uint16_t)w->remote_port;
	q->readd = w->port >= 0;
	q->internal_port = (uint16_t)(q->readd ? w->port : DEFAULT_PORT);
	q->lease = (uint32_t)w->lease;
	return status;
}

/* The verb behind "pinhole". Return: OPT_GO_ON or an exit status. */
static int read_verb(const char *word, enum pinhole_verb *out)
{
	const char *near;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		*out = (enum pinhole_verb)i;
		if (!strcmp(word, verbs[i]))
			return OPT_GO_ON;
	}
	near = suggest_nearest(word, verbs, ARRAY_SIZE(verbs));
	return cmd_usage_error(
		&cmd_pinhole, "expected add, update, delete, list or check, found \"%s\"%s%s%s",
		word, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int main_pinhole(int argc, char **argv)
{
	struct words w = {.protocol = "tcp",
			  .client = "",
			  .remote = "",
			  .over = "any",
			  .port = -1,
			  .lease = DEFAULT_LEASE};
	const struct opt options[] = {
		{0, "protocol", OPT_TEXT, &w.protocol, 0, 0},
		{0, "internal", OPT_NUMBER, &w.port, 0, UINT16_MAX},
		{0, "internal-client", OPT_TEXT, &w.client, 0, 0},
		{0, "remote-host", OPT_TEXT, &w.remote, 0, 0},
		{0, "remote-port", OPT_NUMBER, &w.remote_port, 0, UINT16_MAX},
		{0, "lease", OPT_NUMBER, &w.lease, 1, LEASE_MAX},
		{0, "id", OPT_LIST, &w.ids, 0, 0},
		{0, "over", OPT_TEXT, &w.over, 0, 0},
	};
	bool named = argc > 1 && argv[1][0] != '-';
	struct pinhole_request q = {.verb = PINHOLE_LIST};
	struct cp_command c;
	uint16_t *ids;
	struct cp *cp;
	int status = named ? read_verb(argv[1], &q.verb) : OPT_GO_ON;

	if (status == OPT_GO_ON)
		status = cp_command_parse(&cmd_pinhole, &c, options, ARRAY_SIZE(options),
					  argc - named, argv + named);
	if (status != OPT_GO_ON)
		return status;
	ids = xcalloc(w.ids.count + 1, sizeof(*ids));
	status = named ? read_request(&w, &q, ids)
		       : cmd_usage_error(
				 &cmd_pinhole,
				 "what to do is missing: add, update, delete, list or check");
	if (status == OPT_GO_ON) {
		cp = cp_new(&c.options, cmd_pinhole.name);
		cp_pinhole(cp, &q);
		status = cp_finish(cp);
	}
	names_free(&w.ids);
	free(ids);
	return status;
}

const struct cmd cmd_pinhole = {
	.name = "pinhole",
	.arguments = "add|update|delete|list|check [OPTION]...",
	.summary = "open an IPv6 port in the router's firewall (WANIPv6FirewallControl)",
	.details = "  --internal PORT    port to be opened, 0 = all (default 1872); update: open "
		   "it again when it is gone\n"
		   "  --protocol P       tcp, udp, udplite, any or an IANA number (default tcp)\n"
		   "  --internal-client ADDRESS\n"
		   "                     whose port (default: our own global address)\n"
		   "  --remote-host ADDRESS, --remote-port PORT\n"
		   "                     only packets from there (default: from anywhere)\n"
		   "  --lease S          seconds, 1 to 86400 (default 3600)\n"
		   "  --id N             UniqueID, as add told (update, delete, list, check; "
		   "repeatable)\n"
		   "  --over FAMILY      ipv6, ipv4 or any: how to talk to the router (default "
		   "any: ipv6\n"
		   "                     where it is found there, which careful routers insist "
		   "on)\n" CP_COMMON_HELP "\n"
		   "Exit status: 0 done, or the firewall is off; 1 no router, a refusal, or check "
		   "without traffic;\n"
		   "2 wrong use.\n",
	.main = main_pinhole,
};
