/* SPDX-License-Identifier: MIT */
/* controlpoint.c - the reference control point: its habits, its options, its life (see
 * controlpoint.h). */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "cp.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* Whoever searches badly listens badly: the modes that narrow the search hear no announcements. */
const struct naive_mode naive_modes[] = {
	[NAIVE_FIRST_REPLY_WINS] = {"first-reply-wins", "uses whatever answers the search first",
				    "", "two-routers"},
	[NAIVE_MULTICAST_ONLY] = {"multicast-only", "never asks the gateway by unicast", "",
				  "no-multicast"},
	[NAIVE_UNICAST_ONLY] = {"unicast-only", "asks the gateway alone, no multicast",
				"ssdp-multicast-only ssdp-notify-instead-of-reply", ""},
	[NAIVE_ONE_SEARCH_TARGET] = {"one-search-target", "searches InternetGatewayDevice:1 alone",
				     "ssdp-rootdevice-only ssdp-answers-service-st-only", ""},
	[NAIVE_SINGLE_SEARCH] = {"single-search", "searches once and stops listening at MX",
				 "ssdp-late-reply", ""},
	[NAIVE_IGNORES_NOTIFY] = {"ignores-notify", "takes replies alone, no announcement",
				  "ssdp-notify-instead-of-reply", ""},
	[NAIVE_CONNECT_UDP_SOCKET] =
		{"connect-udp-socket",
		 "searches from a socket connected to the gateway's port 1900",
		 "ssdp-reply-other-source-port ssdp-reply-port-changes-each-reply "
		 "ssdp-reply-other-source-ip",
		 ""},
	[NAIVE_CASE_SENSITIVE_HEADERS] = {"case-sensitive-headers",
					  "looks for the bytes \"LOCATION: \"",
					  "ssdp-header-case-and-space ssdp-location-al-header", ""},
	[NAIVE_TRUST_LOCATION] = {"trust-location", "follows any LOCATION and control URL",
				  "ssdp-location-loopback ssdp-location-hostname", ""},
	[NAIVE_WRONG_ST_TYPE] = {"wrong-st-type",
				 "uses the search target as service type, not the description's",
				 "ssdp-st-vs-desc-mismatch soap-version-mismatch-400-401", ""},
	[NAIVE_SINGLE_RECV] = {"single-recv",
			       "reads a reply with one recv(), and a head of 2 KiB at most",
			       "head-and-body-in-two-segments http-large-headers", ""},
	[NAIVE_TRUST_CONTENT_LENGTH_ONLY] = {"trust-content-length-only",
					     "knows no other end of a body than Content-Length",
					     "http-no-content-length http-always-chunked", ""},
	[NAIVE_TWO_WRITES] = {"two-writes", "sends head and body of a request apart",
			      "http-single-segment-post", ""},
	[NAIVE_STRICT_XML] = {"strict-xml", "reads SOAP by the letter",
			      "http-bom-or-leading-junk http-trailing-garbage http-control-chars",
			      ""},
	[NAIVE_LITERAL_CONTROL_URL] = {"literal-control-url",
				       "appends controlURL to host and port as it is",
				       "desc-control-absolute desc-control-no-leading-slash "
				       "desc-relative-url-fallback http-control-on-other-port",
				       ""},
	[NAIVE_URLBASE_LITERAL] = {"urlbase-literal",
				   "appends controlURL to URLBase as it is, where there is one",
				   "desc-urlbase-empty desc-urlbase-slash-joins", ""},
	[NAIVE_URLBASE_NEEDED] = {"urlbase-needed", "takes a missing URLBase for an empty one",
				  "desc-urlbase-missing", ""},
	[NAIVE_FIRST_SERVICE] =
		{"first-service", "uses the first port mapping service",
		 "desc-both-wanip-and-wanppp desc-multi-wandevice-first-dead desc-multi-pppoe", ""},
	[NAIVE_EXACT_SERVICE_VERSION] = {"exact-service-version", "accepts version 1 alone",
					 "desc-v2-service-in-v1-root", ""},
	[NAIVE_REQUIRES_CONNECTED] =
		{"requires-connected", "refuses a router that does not say Connected",
		 "soap-status-disconnected-but-works soap-401-optional-actions soap-extip-empty",
		 ""},
	[NAIVE_STOPS_AT_EMPTY_ENTRY] = {"stops-at-empty-entry",
					"takes an empty entry for the end of the table",
					"pm-generic-placeholder pm-generic-empty-200", ""},
	[NAIVE_ENDLESS_ENUMERATION] = {"endless-enumeration",
				       "ends a table at 713 and nothing else",
				       "pm-generic-end-codes pm-generic-repeat-last", ""},
	[NAIVE_ALWAYS_DELETES_FIRST] = {"always-deletes-first",
					"deletes the wanted port whoever holds it",
					"pm-delete-before-add-confuses", ""},
	[NAIVE_BELIEVES_SUCCESS] =
		{"believes-success", "does not look whether the mapping is there",
		 "pm-success-but-absent lease-silent-fail pm-int-equals-ext-forced", ""},
	[NAIVE_BELIEVES_HTTP_200] = {"believes-http-200", "takes every 200 for success",
				     "http-fault-with-200", ""},
	[NAIVE_NO_LEASE_RETRY] = {"no-lease-retry", "never tries a permanent lease instead",
				  "lease-725 lease-402-instead-of-725 lease-718-for-lease "
				  "lease-silent-fail pm-402-catch-all",
				  ""},
	[NAIVE_IGNORES_CONFLICT] = {"ignores-conflict",
				    "asks for the same port whoever holds it, and gives up",
				    "pm-conflict-718-other-client pm-conflict-718-nothing-listed "
				    "pm-729-other-mechanism",
				    ""},
	[NAIVE_BELIEVES_EXTERNAL_ADDRESS] = {"believes-external-address",
					     "takes any external address for a public one",
					     "soap-extip-private-or-cgnat soap-extip-lan-address",
					     ""},
	[NAIVE_NEVER_UNMAPS] = {"never-unmaps", "says that a mapping is removed and leaves it", "",
				""},
	[NAIVE_FOLLOWS_REDIRECTS] = {"follows-redirects", "follows redirects to any host", "", ""},
	[NAIVE_UNBOUNDED_REPLY] = {"unbounded-reply", "reads replies of up to 128 MB", "", ""},
	[NAIVE_PERMANENT_LEASE] = {"permanent-lease", "asks for mappings without an end", "", ""},
	[NAIVE_FIRST_INTERFACE] =
		{"first-interface",
		 "searches on its first interface and gives that one's address to every router", "",
		 ""},
	[NAIVE_STAR_REMOTE_HOST] = {"star-remote-host", "writes * for any remote host", "", ""},
	[NAIVE_UNESCAPED_TEXT] = {"unescaped-text", "puts texts into XML as they are", "", ""},
	[NAIVE_NO_HOST] = {"no-host", "sends no Host", "http-get-needs-headers", ""},
	[NAIVE_MX_ZERO] = {"mx-zero", "searches with MX 0", "", ""},
	[NAIVE_M_POST_FIRST] = {"m-post-first", "calls actions by M-POST", "", ""},
	[NAIVE_REVERSED_ARGUMENTS] = {"reversed-arguments", "sends arguments in another order", "",
				      ""},
	[NAIVE_ACCEPT_LANGUAGE] = {"accept-language", "sends Accept-Language on control", "", ""},
	[NAIVE_POLLS_STATUS] = {"polls-status", "asks for the status again and again", "", ""},
	[NAIVE_NEVER_GIVES_UP] = {"never-gives-up", "tries five hundred times", "", ""},
	[NAIVE_SAYS_YES] = {"says-yes", "says that the port is open whatever the router said",
			    "pm-501-catch-all-every-add", ""},
	[NAIVE_LONG_DESCRIPTION] = {"long-description", "describes a mapping with 200 letters", "",
				    ""},
	[NAIVE_ADDS_ONCE] = {"adds-once", "does not add what it has added before", "", ""},
	[NAIVE_ANY_SENDER] = {"any-sender", "takes answers on port 5351 from any address", "", ""},
	[NAIVE_HASTY_RETRIES] = {"hasty-retries",
				 "repeats requests to port 5351 ten times a second", "", ""},
	[NAIVE_IGNORES_RESULT] = {"ignores-result",
				  "takes every answer of NAT-PMP or PCP for a success", "", ""},
	[NAIVE_BELIEVES_WISH] = {"believes-wish",
				 "believes in the port and the lifetime that it suggested", "", ""},
	[NAIVE_TAKES_ANY_ANSWER] = {"takes-any-answer",
				    "compares no opcode, port or nonce with the request", "", ""},
	[NAIVE_DELETES_WITH_PORT] = {"deletes-with-port", "suggests an external port in a deletion",
				     "", ""},
	[NAIVE_FIXED_NONCE] = {"fixed-nonce", "has the same nonce for every mapping", "", ""},
	[NAIVE_FRESH_NONCE] = {"fresh-nonce", "has another nonce in every request", "", ""},
	[NAIVE_NO_CLIENT_ADDRESS] = {"no-client-address", "leaves its own address out of PCP", "",
				     ""},
	[NAIVE_NEVER_RENEWS] = {"never-renews", "stays and does not renew", "", ""},
	[NAIVE_RENEWS_LATE] = {"renews-late", "renews when little is left of the lifetime", "", ""},
	[NAIVE_RENEWS_ANEW] = {"renews-anew",
			       "suggests what it wanted first, not what it was given", "", ""},
	[NAIVE_IGNORES_EPOCH] = {"ignores-epoch", "does not look at the gateway's seconds", "", ""},
	[NAIVE_ANY_ANNOUNCER] = {"any-announcer", "believes announcements of anybody", "", ""},
	[NAIVE_RENEWS_AT_ONCE] = {"renews-at-once", "does not wait 0 to 5 s after an announcement",
				  "", ""},
	[NAIVE_STRICT_OPTIONS] = {"strict-options",
				  "drops answers with an option that it does not know", "", ""},
	[NAIVE_RETRIES_ERRORS] = {"retries-errors",
				  "asks again at once whatever lifetime an error has", "", ""},
	[NAIVE_IGNORES_UPDATES] = {"ignores-updates", "does not hear a Mapping Update", "", ""},
	[NAIVE_NATPMP_FIRST] = {"natpmp-first", "asks by NAT-PMP before PCP", "", ""},
	[NAIVE_STRICT_VERSION_REPLY] = {"strict-version-reply",
					"drops \"unsupported version\" with opcode 0", "", ""},
	[NAIVE_NO_FALLBACK] = {"no-fallback", "gives up with the first protocol that answers", "",
			       ""},
	[NAIVE_PUBLIC_TOO] = {"public-too", "asks by NAT-PMP with a public address of its own", "",
			      ""},
	[NAIVE_UNAWAITED] = {"unawaited", "sends the next request before the answer to the last",
			     "", ""},
	[NAIVE_NO_FIREWALL_STATUS] = {"no-firewall-status",
				      "adds a pinhole without a look at the firewall's switches",
				      "", ""},
	[NAIVE_OPENS_OTHERS] = {"opens-others", "opens a link-local address in a pinhole", "", ""},
	[NAIVE_TCP_ONLY] = {"tcp-only", "asks for TCP where it was told UDP", "", ""},
	[NAIVE_NAME_ADDRESS] = {"name-address",
				"gives the address that its own name has, 127.0.1.1", "", ""},
	[NAIVE_ODD_USER_AGENT] = {"odd-user-agent", "names neither system nor UPnP in User-Agent",
				  "", ""},
	[NAIVE_RENEWS_ALL_THE_TIME] = {"renews-all-the-time", "stays and renews twice a second", "",
				       ""},
	[NAIVE_COUNT] = {0},
};

static_assert(NAIVE_COUNT <= 128, "one bit for each mode");

/* PCP goes over IPv6 where somebody says so, or where there is no gateway to ask otherwise. */
static void choose_family(struct cp *cp)
{
	bool possible =
		cp->method == &cp_methods[CP_WAY_PCP] || cp->method == &cp_methods[CP_WAY_AUTO];

	cp->ipv6 = cp->options.ipv6 || (possible && !cp->options.server_count &&
					!cp->gateway_count && cp->gateway6_count);
	if (cp->ipv6)
		cp_own_address6(cp);
}

struct cp *cp_new(const struct controlpoint_options *options, const char *verb)
{
	struct cp *cp = xcalloc(1, sizeof(*cp));
	struct buf text = {0};

	cp->options = *options;
	cp->method = &cp_methods[0];
	for (const struct cp_method *m = cp_methods; options->via && m->name; m++)
		if (!strcmp(m->name, options->via))
			cp->method = m;
	cp->verb = verb;
	cp->stop_fd = -1;
	cp->started = clock_now();
	cp->result = json_object();
	cp->status = EXIT_VERDICT;
	cp_step(cp, 0, "interfaces");
	cp_find_interfaces(cp);
	cp_find_gateways(cp);
	for (size_t i = 0; i < cp->interface_count; i++) {
		char address[INET_ADDRSTRLEN];

		inet_ntop(AF_INET, &cp->interfaces[i].address, address, sizeof(address));
		buf_printf(&text, "%s%s %s", i ? ", " : "", cp->interfaces[i].name, address);
	}
	for (size_t i = 0; i < cp->gateway_count; i++) {
		char address[INET_ADDRSTRLEN];

		inet_ntop(AF_INET, &cp->gateways[i].address, address, sizeof(address));
		buf_printf(&text, "%s%s", i ? ", " : "; gateway ", address);
	}
	for (size_t i = 0; i < cp->gateway6_count; i++) {
		char address[CP_SERVER_TEXT];

		buf_printf(&text, "%s%s", i || cp->gateway_count ? ", " : "; gateway ",
			   cp_server_text(&cp->gateways6[i], address));
	}
	cp_believe(cp, "%s", text.len ? text.data : "no interface is up");
	buf_free(&text);
	choose_family(cp);
	return cp;
}

static void free_step(struct cp_step *s)
{
	buf_free(&s->request);
	buf_free(&s->reply);
	buf_free(&s->believed);
	buf_free(&s->why);
}

int cp_finish(struct cp *cp)
{
	int status = cp->status;

	cp_report_end(cp);
	cp_candidates_free(cp);
	for (size_t i = 0; i < cp->step_count; i++)
		free_step(&cp->steps[i]);
	cp_drop_layers(cp, 0);
	free(cp->steps);
	buf_free(&cp->text);
	buf_free(&cp->sentence);
	json_decref(cp->result);
	free(cp);
	return status;
}
