/* SPDX-License-Identifier: MIT */
/* cp_command.c - the command lines of the control point's verbs (see controlpoint.h). */
#include "../fakeigd/base/clock.h"
#include "cp.h"

#include <assert.h>
#include <stdio.h>

#define DEFAULT_TIMEOUT 10
#define DEFAULT_PORT	1872
#define DEFAULT_LEASE	3600
#define LEASE_MAX	604800 /* WIPC-22 */

static void print_modes(bool json)
{
	json_t *list = json_array();

	for (const struct naive_mode *m = naive_modes; m->name; m++) {
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "name", m->name,
						      "summary", m->summary, "quirks", m->quirks,
						      "topologies", m->topologies));
		if (!json)
			printf("%-26s %s\n", m->name, m->summary);
		if (!json && (*m->quirks || *m->topologies))
			printf("%27sfalls for %s%s%s\n", "", m->quirks,
			       *m->topologies ? "topology " : "", m->topologies);
	}
	if (json) {
		json_dumpf(list, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(list);
}

/* The bits of --naive. Return: OPT_GO_ON or an exit status. */
static int read_modes(const struct cmd *cmd, struct cp_command *c)
{
	const char *names[NAIVE_COUNT + 1];

	for (size_t i = 0; i < NAIVE_COUNT; i++)
		names[i] = naive_modes[i].name;
	names[NAIVE_COUNT] = "list";
	for (size_t i = 0; i < c->naive.count; i++) {
		const char *word = c->naive.items[i], *near;
		size_t mode = 0;

		while (mode <= NAIVE_COUNT && strcmp(names[mode], word) != 0)
			mode++;
		if (mode == NAIVE_COUNT) {
			print_modes(c->json);
			return EXIT_FINE;
		}
		if (mode > NAIVE_COUNT) {
			near = suggest_nearest(word, names, NAIVE_COUNT + 1);
			return cmd_usage_error(cmd, "--naive: unknown mode \"%s\"; %s%s%s", word,
					       near ? "did you mean \"" : "\"list\" prints them",
					       near ? near : "", near ? "\"?" : "");
		}
		naive_add(&c->options.naive, (enum naive)mode);
	}
	return OPT_GO_ON;
}

static int check_via(const struct cmd *cmd, const char *via)
{
	struct buf known = {0};
	int status = OPT_GO_ON;

	for (const struct cp_method *m = cp_methods; m->name; m++) {
		if (!strcmp(m->name, via))
			goto out;
		buf_printf(&known, "%s%s", known.len ? ", " : "", m->name);
	}
	status = cmd_usage_error(cmd, "--via: no \"%s\" here; there is: %s", via, known.data);
out:
	buf_free(&known);
	return status;
}

/* Who says --ipv6, or gives an address of it, means PCP. Return: OPT_GO_ON or an exit status. */
static int check_ipv6(const struct cmd *cmd, const struct cp_command *c)
{
	if (!c->options.ipv6 || !strcmp(c->via, "pcp") || !strcmp(c->via, "auto"))
		return OPT_GO_ON;
	return cmd_usage_error(cmd, "IPv6 is for --via pcp or auto (by IGD: igdlab pinhole)");
}

/* --server ADDRESS[,ADDRESS]... Return: OPT_GO_ON or an exit status. */
static int read_servers(const struct cmd *cmd, struct cp_command *c)
{
	struct slice rest = slice_of(c->server ? c->server : ""), word;
	char text[CP_SERVER_TEXT];

	while (rest.len) {
		const char *comma = memchr(rest.ptr, ',', rest.len);

		word = (struct slice){rest.ptr, comma ? (size_t)(comma - rest.ptr) : rest.len};
		rest = (struct slice){word.ptr + word.len, rest.len - word.len};
		if (comma)
			rest = (struct slice){comma + 1, rest.len - 1};
		snprintf(text, sizeof(text), "%.*s", (int)word.len, word.ptr);
		if (c->options.server_count == CP_SERVERS_MAX)
			return cmd_usage_error(cmd, "--server: more than %d addresses",
					       CP_SERVERS_MAX);
		if (!cp_parse_server(text, &c->options.servers[c->options.server_count]))
			return cmd_usage_error(
				cmd,
				"--server: expected addresses with commas between, a link-local "
				"one as fe80::1%%IF, found \"%s\"",
				text);
		c->options.ipv6 |= !IN6_IS_ADDR_V4MAPPED(
			&c->options.servers[c->options.server_count++].address);
	}
	for (size_t i = 0; i < c->options.server_count && c->options.ipv6; i++)
		if (IN6_IS_ADDR_V4MAPPED(&c->options.servers[i].address))
			return cmd_usage_error(cmd, "--server: expected addresses of one family");
	return check_ipv6(cmd, c);
}

static int check_values(const struct cmd *cmd, const struct cp_command *c)
{
	struct url url;
	struct in_addr ignored;

	if (c->interface && strlen(c->interface) > 15)
		return cmd_usage_error(cmd, "--interface: no interface has the name \"%s\"",
				       c->interface);
	if (c->url && (!url_parse(slice_of(c->url), &url) || !cp_parse_address(url.host, &ignored)))
		return cmd_usage_error(
			cmd, "--url: expected http://IPV4-ADDRESS[:PORT]/PATH, found \"%s\"",
			c->url);
	return check_via(cmd, c->via);
}

int cp_command_parse(const struct cmd *cmd, struct cp_command *c, const struct opt *own,
		     size_t own_count, int argc, char **argv)
{
	const struct opt common[] = {
		{0, "interface", OPT_TEXT, &c->interface, 0, 0},
		{0, "url", OPT_TEXT, &c->url, 0, 0},
		{0, "via", OPT_TEXT, &c->via, 0, 0},
		{0, "server", OPT_TEXT, &c->server, 0, 0},
		{0, "layers", OPT_NUMBER, &c->layers, 1, CP_LAYERS_MAX},
		{0, "timeout", OPT_NUMBER, &c->timeout, 1, 3600},
		{0, "naive", OPT_LIST, &c->naive, 0, 0},
		{0, "json", OPT_FLAG, &c->json, 0, 0},
		{'v', "verbose", OPT_FLAG, &c->verbose, 0, 0},
	};
	struct opt all[ARRAY_SIZE(common) + 16];
	struct operands rest;
	int status;

	assert(own_count <= 16);
	memcpy(all, common, sizeof(common));
	if (own_count)
		memcpy(all + ARRAY_SIZE(common), own, own_count * sizeof(*own));
	*c = (struct cp_command){.layers = CP_LAYERS_MAX, .timeout = DEFAULT_TIMEOUT, .via = "igd"};
	status = opt_parse(cmd, all, ARRAY_SIZE(common) + own_count, false, argc, argv, &rest);
	if (status == OPT_GO_ON && rest.argc)
		status = cmd_usage_error(cmd, "unexpected operand \"%s\"", rest.argv[0]);
	if (status == OPT_GO_ON)
		status = check_values(cmd, c);
	if (status == OPT_GO_ON)
		status = read_servers(cmd, c);
	if (status == OPT_GO_ON)
		status = read_modes(cmd, c);
	names_free(&c->naive);
	c->options.interface = c->interface;
	c->options.url = c->url;
	c->options.via = c->via;
	c->options.layers = (int)c->layers;
	c->options.timeout_us = c->timeout * CLOCK_SECOND;
	c->options.any = c->any;
	c->options.json = c->json;
	c->options.verbose = c->verbose;
	return status;
}

/* What opt_parse() fills; the rest is in struct cp_command. */
struct words {
	const char *protocol, *client, *remote, *description;
	long long external, internal, lease;
};

/* The addresses of a request, which say the family too. Return: OPT_GO_ON or an exit status. */
static int read_addresses(const struct cmd *cmd, const struct words *w, struct cp_command *c)
{
	struct cp_server client = {0}, remote = {0};
	bool own6, remote6;

	if (*w->client && !cp_parse_server(w->client, &client))
		return cmd_usage_error(cmd, "--internal-client: expected an address, found \"%s\"",
				       w->client);
	if (*w->remote && !cp_parse_server(w->remote, &remote))
		return cmd_usage_error(cmd, "--remote-host: expected an address, found \"%s\"",
				       w->remote);
	own6 = *w->client && !IN6_IS_ADDR_V4MAPPED(&client.address);
	remote6 = *w->remote && !IN6_IS_ADDR_V4MAPPED(&remote.address);
	c->options.ipv6 |= own6 || remote6;
	if (own6)
		c->options.own6 = client.address;
	if (c->options.ipv6 &&
	    ((*w->client && !own6) || (*w->remote && !remote6) ||
	     (c->options.server_count && IN6_IS_ADDR_V4MAPPED(&c->options.servers[0].address))))
		return cmd_usage_error(cmd, "addresses of IPv4 and of IPv6 do not go together");
	return check_ipv6(cmd, c);
}

/* Return: OPT_GO_ON or an exit status. @description has room for a default. */
static int read_request(const struct cmd *cmd, const struct words *w, struct map_request *out,
			char *description, size_t size)
{
	*out = (struct map_request){.external_port = (uint16_t)w->external,
				    .internal_port =
					    (uint16_t)(w->internal ? w->internal : w->external),
				    .lease = (uint32_t)w->lease,
				    .remote_host = w->remote};
	if (!strcasecmp(w->protocol, "tcp"))
		out->protocol = IPPROTO_TCP;
	else if (!strcasecmp(w->protocol, "udp"))
		out->protocol = IPPROTO_UDP;
	else
		return cmd_usage_error(cmd, "--protocol: expected tcp or udp, found \"%s\"",
				       w->protocol);
	snprintf(out->internal_client, sizeof(out->internal_client), "%s", w->client);
	/* Some routers take the description for a key, and few take more than letters in it. */
	snprintf(description, size, "igdlab %s %lld", out->protocol == IPPROTO_TCP ? "tcp" : "udp",
		 w->external);
	out->description = w->description ? w->description : description;
	return OPT_GO_ON;
}

int cp_plain_command(const struct cmd *cmd, void (*verb)(struct cp *cp), int argc, char **argv)
{
	struct cp_command c;
	int status = cp_command_parse(cmd, &c, NULL, 0, argc, argv);
	struct cp *cp;

	if (status != OPT_GO_ON)
		return status;
	cp = cp_new(&c.options, cmd->name);
	verb(cp);
	return cp_finish(cp);
}

int cp_mapping_command(const struct cmd *cmd,
		       void (*verb)(struct cp *cp, const struct map_request *request), int argc,
		       char **argv)
{
	struct words w = {.protocol = "tcp",
			  .client = "",
			  .remote = "",
			  .external = DEFAULT_PORT,
			  .lease = DEFAULT_LEASE};
	struct cp_command c;
	bool any = false, keep = false, exact = false, ipv6 = false;
	const struct opt options[] = {
		{0, "protocol", OPT_TEXT, &w.protocol, 0, 0},
		{0, "external", OPT_NUMBER, &w.external, 1, UINT16_MAX},
		{0, "internal", OPT_NUMBER, &w.internal, 1, UINT16_MAX},
		{0, "internal-client", OPT_TEXT, &w.client, 0, 0},
		{0, "remote-host", OPT_TEXT, &w.remote, 0, 0},
		{0, "ipv6", OPT_FLAG, &ipv6, 0, 0},
		{0, "lease", OPT_NUMBER, &w.lease, 0, LEASE_MAX},
		{0, "description", OPT_TEXT, &w.description, 0, 0},
		{0, "any", OPT_FLAG, &any, 0, 0},
		{0, "exact", OPT_FLAG, &exact, 0, 0},
		{0, "keep", OPT_FLAG, &keep, 0, 0},
	};
	/* Removing needs no lease, no text and no choice of action: the last five. */
	size_t count = ARRAY_SIZE(options) - (verb == cp_map ? 0 : 5);
	struct map_request request;
	char description[64];
	int status = cp_command_parse(cmd, &c, options, count, argc, argv);
	struct cp *cp;

	c.options.ipv6 |= ipv6;
	if (status == OPT_GO_ON)
		status = read_addresses(cmd, &w, &c);
	if (status == OPT_GO_ON)
		status = read_request(cmd, &w, &request, description, sizeof(description));
	if (status != OPT_GO_ON)
		return status;
	c.options.any = any;
	request.exact = exact;
	cp = cp_new(&c.options, cmd->name);
	if (cp_naive(cp, NAIVE_TCP_ONLY))
		request.protocol = IPPROTO_TCP;
	(keep ? cp_keep : verb)(cp, &request);
	return cp_finish(cp);
}
