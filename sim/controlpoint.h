/* SPDX-License-Identifier: MIT */
/*
 * controlpoint.h - the reference control point: what a good client does, step by step, explained.
 *
 * It runs where it is started (a lab's node or a real network) with ordinary sockets and no
 * privileges. Every step goes into a report: what was sent, what came back, what was believed and
 * why, how long. Its parts: cp_net.c (interfaces, gateways, hops), cp_discover.c (SSDP), cp_http.c,
 * cp_actions.c (SOAP), cp_choose.c (which router, which service), cp_map.c and cp_move.c (one
 * router), cp_talk.c, cp_natpmp.c and cp_pcp.c (the other two protocols), cp_auto.c (whichever
 * works), cp_layers.c (routers behind routers), cp_keep.c and epoch.c (staying), cp_report.c;
 * what they share is in cp.h.
 */
#ifndef SIM_CONTROLPOINT_H
#define SIM_CONTROLPOINT_H

#include "../fakeigd/wire/description.h"
#include "../fakeigd/wire/soap.h"
#include "cmd.h"
#include "cp_talk.h"
#include "opt.h"

#include <jansson.h>
#include <netinet/in.h>

/** struct naive_mode - a good habit that --naive NAME switches off */
struct naive_mode {
	const char *name;
	const char *summary;
	const char *quirks;	/* of fakeigd/quirks that it falls for, separated by spaces; what
				 * else it falls for is in cases/loop/naive.yaml */
	const char *topologies; /* the same */
};

/* The order is that of the table in controlpoint.c; a mode's bit is 1 << its number. */
enum naive {
	NAIVE_FIRST_REPLY_WINS,
	NAIVE_MULTICAST_ONLY,
	NAIVE_UNICAST_ONLY,
	NAIVE_ONE_SEARCH_TARGET,
	NAIVE_SINGLE_SEARCH,
	NAIVE_IGNORES_NOTIFY,
	NAIVE_CONNECT_UDP_SOCKET,
	NAIVE_CASE_SENSITIVE_HEADERS,
	NAIVE_TRUST_LOCATION,
	NAIVE_WRONG_ST_TYPE,
	NAIVE_SINGLE_RECV,
	NAIVE_TRUST_CONTENT_LENGTH_ONLY,
	NAIVE_TWO_WRITES,
	NAIVE_STRICT_XML,
	NAIVE_LITERAL_CONTROL_URL,
	NAIVE_URLBASE_LITERAL,
	NAIVE_URLBASE_NEEDED,
	NAIVE_FIRST_SERVICE,
	NAIVE_EXACT_SERVICE_VERSION,
	NAIVE_REQUIRES_CONNECTED,
	NAIVE_STOPS_AT_EMPTY_ENTRY,
	NAIVE_ENDLESS_ENUMERATION,
	NAIVE_ALWAYS_DELETES_FIRST,
	NAIVE_BELIEVES_SUCCESS,
	NAIVE_BELIEVES_HTTP_200,
	NAIVE_NO_LEASE_RETRY,
	NAIVE_IGNORES_CONFLICT,
	NAIVE_BELIEVES_EXTERNAL_ADDRESS,
	NAIVE_NEVER_UNMAPS,
	NAIVE_FOLLOWS_REDIRECTS,
	NAIVE_UNBOUNDED_REPLY,
	NAIVE_PERMANENT_LEASE,
	NAIVE_FIRST_INTERFACE,
	NAIVE_STAR_REMOTE_HOST,
	NAIVE_UNESCAPED_TEXT,
	NAIVE_NO_HOST,
	NAIVE_MX_ZERO,
	NAIVE_M_POST_FIRST,
	NAIVE_REVERSED_ARGUMENTS,
	NAIVE_ACCEPT_LANGUAGE,
	NAIVE_POLLS_STATUS,
	NAIVE_NEVER_GIVES_UP,
	NAIVE_SAYS_YES,
	NAIVE_LONG_DESCRIPTION,
	NAIVE_ADDS_ONCE,
	NAIVE_ANY_SENDER,
	NAIVE_HASTY_RETRIES,
	NAIVE_IGNORES_RESULT,
	NAIVE_BELIEVES_WISH,
	NAIVE_TAKES_ANY_ANSWER,
	NAIVE_DELETES_WITH_PORT,
	NAIVE_FIXED_NONCE,
	NAIVE_FRESH_NONCE,
	NAIVE_NO_CLIENT_ADDRESS,
	NAIVE_NEVER_RENEWS,
	NAIVE_RENEWS_LATE,
	NAIVE_RENEWS_ANEW,
	NAIVE_IGNORES_EPOCH,
	NAIVE_ANY_ANNOUNCER,
	NAIVE_RENEWS_AT_ONCE,
	NAIVE_STRICT_OPTIONS,
	NAIVE_RETRIES_ERRORS,
	NAIVE_IGNORES_UPDATES,
	NAIVE_NATPMP_FIRST,
	NAIVE_STRICT_VERSION_REPLY,
	NAIVE_NO_FALLBACK,
	NAIVE_PUBLIC_TOO,
	NAIVE_UNAWAITED,
	NAIVE_NO_FIREWALL_STATUS,
	NAIVE_OPENS_OTHERS,
	NAIVE_TCP_ONLY,
	NAIVE_NAME_ADDRESS,
	NAIVE_ODD_USER_AGENT,
	NAIVE_RENEWS_ALL_THE_TIME,
	NAIVE_COUNT,
};

/** struct naive_set - bits by enum naive */
struct naive_set {
	uint64_t bits[2];
};

static inline bool naive_has(const struct naive_set *set, enum naive mode)
{
	return set->bits[mode / 64] >> mode % 64 & 1;
}

static inline void naive_add(struct naive_set *set, enum naive mode)
{
	set->bits[mode / 64] |= UINT64_C(1) << mode % 64;
}

/** naive_modes - names and summaries; ends with name NULL. */
extern const struct naive_mode naive_modes[];

#define CP_LAYERS_MAX  4
#define CP_SERVERS_MAX 8

/**
 * struct controlpoint_options - from the command line
 * @interface:	restrict to one interface, NULL = all
 * @url:	description already known, NULL = discover
 * @via:	name of a protocol, NULL = igd
 * @layers:	routers at most, 1 to CP_LAYERS_MAX; another one is looked for only behind a router
 *		whose external address is no public one
 * @timeout_us:	for each HTTP exchange, and for a search altogether: it listens as long as MX plus a
 *		second, or until every gateway has answered, or to this end where nobody has
 * @naive:	habits that are switched off
 * @any:	AddAnyPortMapping where the service has version 2
 * @servers, @server_count: --server: the addresses of one server for NAT-PMP and PCP, by preference
 * @ipv6:	PCP over IPv6, for our address of it; else only where there is no gateway of IPv4
 * @own6:	which of our addresses, :: = the one that stays
 * @json:	one JSON object instead of a line for each step
 * @verbose:	requests and replies in the text too
 */
struct controlpoint_options {
	const char *interface;
	const char *url;
	const char *via;
	int layers;
	int64_t timeout_us;
	struct naive_set naive;
	bool any;
	bool json;
	bool verbose;
	struct cp_server servers[CP_SERVERS_MAX];
	size_t server_count;
	bool ipv6;
	struct in6_addr own6;
};

/**
 * struct map_request - what is to be mapped
 * @protocol:	IPPROTO_TCP or IPPROTO_UDP
 * @external_port: wanted; another one is taken when it belongs to somebody else
 * @internal_client: "" = our own address towards the router
 * @lease:	seconds, 0 = permanent
 * @exact:	that external port or none
 */
struct map_request {
	int protocol;
	uint16_t external_port;
	uint16_t internal_port;
	char internal_client[64];
	uint32_t lease;
	const char *description;
	const char *remote_host;
	bool exact;
};

/** enum pinhole_verb - igdlab pinhole VERB */
enum pinhole_verb { PINHOLE_ADD, PINHOLE_UPDATE, PINHOLE_DELETE, PINHOLE_LIST, PINHOLE_CHECK };

/**
 * struct pinhole_request - what is to be done to IPv6 pinholes
 * @remote_host:	"" = any
 * @internal_client:	"" = our own global address
 * @protocol:	IANA number, 65535 = any
 * @lease:	seconds
 * @ids, @id_count: UniqueIDs; PINHOLE_LIST without any tries the first few
 * @readd:	PINHOLE_UPDATE of one that is gone opens it again (6FC-29)
 * @family:	AF_INET, AF_INET6, or 0: over IPv6 where the router is found there
 */
struct pinhole_request {
	enum pinhole_verb verb;
	const char *remote_host;
	const char *internal_client;
	uint16_t remote_port;
	uint16_t internal_port;
	uint16_t protocol;
	uint32_t lease;
	const uint16_t *ids;
	size_t id_count;
	bool readd;
	int family;
};

struct cp;

/** cp_new() - look at interfaces and gateways; @verb for the report. Never NULL. */
struct cp *cp_new(const struct controlpoint_options *options, const char *verb);
/** cp_finish() - print the report's end and free. Return: the exit status for what was found. */
int cp_finish(struct cp *cp);

/* The verbs: each works through its steps and leaves result and exit status in @cp. */

/** cp_map() - map on every layer, inner router first. */
void cp_map(struct cp *cp, const struct map_request *request);
/** cp_keep() - cp_map(), and then renew until a signal says that it is enough. */
void cp_keep(struct cp *cp, const struct map_request *request);
/** cp_unmap() - take away what cp_map() made with the same request, on every layer. */
void cp_unmap(struct cp *cp, const struct map_request *request);
void cp_list(struct cp *cp);
/** cp_pinhole() - WANIPv6FirewallControl on the innermost router (cp_pinhole.c). */
void cp_pinhole(struct cp *cp, const struct pinhole_request *request);
void cp_external_address(struct cp *cp);
void cp_search(struct cp *cp);

/**
 * struct cp_command - options that every verb of the control point has
 * @options:	what they mean
 * The rest is what opt_parse() fills.
 */
struct cp_command {
	struct controlpoint_options options;
	const char *interface, *url, *via, *server;
	long long layers, timeout;
	struct names naive;
	bool any, json, verbose;
};

/** CP_COMMON_HELP - their part of a verb's help. */
#define CP_COMMON_HELP                                                                             \
	"  --interface IF     search on this interface only\n"                                     \
	"  --url URL          the router's description is here: do not search\n"                   \
	"  --via PROTOCOL     igd (default), natpmp, pcp, or auto: the best of them that works\n"  \
	"  --server A[,A...]  addresses of the server for NAT-PMP and PCP (default: the "          \
	"gateway);\n"                                                                              \
	"                     IPv6 ones for PCP alone, as fe80::1%IF where it is link-local\n"     \
	"  --layers N         routers behind routers at most, 1 to 4 (default 4); the next one "   \
	"is\n"                                                                                     \
	"                     looked for only when the external address is no public one\n"        \
	"  --timeout S        seconds for each exchange, and for a search (default 10)\n"          \
	"  --naive MODE       switch a good habit off (repeatable; \"list\" prints them)\n"        \
	"  --json             one JSON object: steps, layers, result\n"                            \
	"  --verbose          requests and replies too\n"

/**
 * cp_command_parse() - read a verb's command line
 * @own, @own_count: the verb's options besides the common ones
 *
 * Return: OPT_GO_ON, or the exit status after help, the list of naive modes or a complaint.
 */
int cp_command_parse(const struct cmd *cmd, struct cp_command *c, const struct opt *own,
		     size_t own_count, int argc, char **argv);

/** cp_plain_command() - the whole of a verb that has no options of its own. */
int cp_plain_command(const struct cmd *cmd, void (*verb)(struct cp *cp), int argc, char **argv);
/**
 * cp_mapping_command() - the whole of igdlab map and igdlab unmap
 * @verb:	cp_map or cp_unmap
 *
 * Return: the exit status.
 */
int cp_mapping_command(const struct cmd *cmd,
		       void (*verb)(struct cp *cp, const struct map_request *request), int argc,
		       char **argv);

/** CP_MAPPING_HELP - the part of the help that map and unmap share. */
#define CP_MAPPING_HELP                                                                            \
	"  --protocol P       tcp or udp (default tcp)\n"                                          \
	"  --external PORT    external port (default 1872)\n"                                      \
	"  --internal PORT    internal port (default: the external one)\n"                         \
	"  --internal-client ADDRESS\n"                                                            \
	"                     where it leads (default: our address towards the router)\n"          \
	"  --remote-host ADDRESS\n"                                                                \
	"                     only packets from there (default: from anywhere)\n"                  \
	"  --ipv6             by PCP, for our IPv6 address: a way in through the firewall\n"       \
	"                     (default where there is no IPv4 gateway, or an address above is "    \
	"of IPv6)\n"

#endif
