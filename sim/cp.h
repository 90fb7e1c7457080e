/* SPDX-License-Identifier: MIT */
/* cp.h - what the parts of the reference control point (controlpoint.h) share. */
#ifndef SIM_CP_H
#define SIM_CP_H

#include "../fakeigd/wire/epoch.h"
#include "controlpoint.h"
#include "cp_talk.h"

#define CP_INTERFACES_MAX 16
#define CP_GATEWAYS_MAX	  8
#define CP_CANDIDATES_MAX 64
#define CP_HOPS_MAX	  8
#define CP_ENTRIES_MAX	  65536 /* of a table: there are no more ports (CP-12) */

/* Addresses (cp_address.c) */

enum cp_address {
	CP_PUBLIC,
	CP_PRIVATE,	/* RFC 1918 */
	CP_SHARED,	/* carrier-grade NAT, RFC 6598 */
	CP_PROTOCOL,	/* 192.0.0.0/24, RFC 6890: DS-Lite and the like */
	CP_BENCHMARK,	/* 198.18.0.0/15, RFC 2544: used behind NAT as well */
	CP_LINK_LOCAL,	/* 169.254.0.0/16 */
	CP_LOOPBACK,	/* 127.0.0.0/8 */
	CP_UNSPECIFIED, /* 0.0.0.0/8 */
	CP_RESERVED,	/* documentation, multicast, class E */
	CP_ADDRESS_COUNT,
};

enum cp_address cp_address_kind(struct in_addr address);
/** cp_address_text() - "private (RFC 1918)" */
const char *cp_address_text(enum cp_address kind);
/** cp_address_behind_nat() - whether a router with it outside must have another NAT before it. */
bool cp_address_behind_nat(enum cp_address kind);
/** cp_parse_address() - strict dotted quad, blanks around it allowed. */
bool cp_parse_address(const char *text, struct in_addr *out);

/* Interfaces and gateways (cp_net.c) */

struct cp_interface {
	char name[16];
	int index;
	struct in_addr address;
	struct in_addr mask;
};

/* Of IPv6 there is only a struct cp_server (cp.gateways6). */
struct cp_gateway {
	struct in_addr address;
	int interface; /* index into cp.interfaces, -1 = none of them */
	bool closed;   /* its SSDP port answered "unreachable" */
	bool answered; /* a usable reply that names an IGD came from it */
};

/* The report (cp_report.c) */

/**
 * struct cp_step - one step
 * @layer:	router it concerns, 1 = innermost; 0 = none
 * @started_us:	since the start of the program's work
 */
struct cp_step {
	const char *name;
	int layer;
	int64_t started_us;
	int64_t took_us;
	struct buf request, reply, believed, why;
};

/* Discovery (cp_discover.c, cp_choose.c) */

/**
 * struct cp_candidate - something that answered with a LOCATION
 * @from:	source address of the datagram
 * @interface:	index into cp.interfaces, -1 when unknown
 * @location:	as sent; @url: what is used, see @substituted
 * @target, @usn: of its first reply; @igd: any reply of this LOCATION names an IGD part
 * @gateway:	the description lies on a gateway
 * @substituted: LOCATION's host was useless, the sender's address stands in for it
 * @refused:	why it is not used at all, NULL = it may be
 * @order:	in which the first reply came
 * @boot_id:	BOOTID.UPNP.ORG of it, -1 when it has none
 */
struct cp_candidate {
	struct in_addr from;
	int interface;
	char *location;
	char *target;
	char *usn;
	struct url url;
	struct in_addr host;
	bool igd;
	bool gateway;
	bool same_subnet;
	bool substituted;
	const char *refused;
	int order;
	long boot_id;
};

/** struct cp_router - a router that is used: one service of one description */
struct cp_router {
	char *location;
	char *friendly_name;
	char *type; /* service type, exactly as described */
	unsigned version;
	struct url control;
	struct in_addr host;
	struct in_addr local; /* our address towards it */
	long boot_id;	      /* the last that was heard of it, -1 = none */
	bool connected;
	char *status;
	bool has_external;
	struct in_addr external;
	enum cp_address kind;
	char *external_text; /* as the router wrote it; NULL: it gave a fault. Of IPv6: all there
			      * is, and @external is 0.0.0.0 */
};

void cp_router_free(struct cp_router *r);

/* Actions (cp_http.c, cp_actions.c) */

struct cp_http_request {
	const char *method;
	const struct url *url;
	const char *action; /* SOAPACTION's value without quotes, NULL = none */
	bool extension;	    /* M-POST with a 01- prefix instead of POST */
	struct slice body;
};

struct cp_http_reply {
	int status;
	struct buf raw;	 /* head and what followed */
	struct buf body; /* decoded */
	struct in_addr local;
	const char *note; /* a departure that was lived with, or NULL */
};

/**
 * cp_http() - one exchange
 * @why:	a sentence when false; static
 */
bool cp_http(struct cp *cp, const struct cp_http_request *request, struct cp_http_reply *reply,
	     const char **why);
void cp_http_free(struct cp_http_reply *reply);

enum cp_outcome {
	CP_DONE,    /* the action's response */
	CP_FAULT,   /* a UPnP error; also an HTTP error without one: code = -status */
	CP_NO_REPLY /* no exchange: refused, reset, timed out, no SOAP */
};

/**
 * struct cp_answer - what came of an action; cp_answer_free()
 * @code, @text: of CP_FAULT
 * @why:	of CP_NO_REPLY
 * @message:	of CP_DONE; may be empty (tree NULL) for a reply without body
 */
struct cp_answer {
	enum cp_outcome outcome;
	int code;
	char *text;
	const char *why;
	struct soap_message message;
	struct in_addr local;
};

struct cp_argument {
	const char *name;
	const char *value;
};

void cp_call(struct cp *cp, const struct cp_router *r, const char *action,
	     const struct cp_argument *arguments, size_t count, struct cp_answer *out);
void cp_answer_free(struct cp_answer *a);
/** cp_value() - an output argument by name in any case, or NULL. */
const char *cp_value(const struct cp_answer *a, const char *name);
/** cp_say_answer() - add an answer to the current step's reply. */
void cp_say_answer(struct cp *cp, const struct cp_answer *a);

/** struct cp_entry - a row of a router's table */
struct cp_entry {
	int protocol; /* IPPROTO_*, 0 = empty or unreadable */
	char remote_host[64];
	uint16_t external_port;
	uint16_t internal_port;
	char internal_client[64];
	bool enabled;
	char description[128];
	uint32_t lease;
};

/** struct cp_table - a router's table as far as it was told */
struct cp_table {
	struct cp_entry *entries;
	size_t count;
	size_t empty;	 /* entries without content, skipped */
	int end_code;	 /* fault that ended it, 0 = none */
	bool told;	 /* the router lists at all */
	const char *why; /* how it ended */
};

/** cp_enumerate() - read the whole table of a router into @out; cp_table_free() empties it. */
void cp_enumerate(struct cp *cp, int layer, const struct cp_router *r, struct cp_table *out);
void cp_table_free(struct cp_table *t);
/** cp_get_specific() - Return: outcome; the row to @out when CP_DONE and readable. */
enum cp_outcome cp_get_specific(struct cp *cp, const struct cp_router *r, const char *remote_host,
				uint16_t port, int protocol, struct cp_entry *out, int *code);
enum cp_outcome cp_delete(struct cp *cp, const struct cp_router *r, const char *remote_host,
			  uint16_t port, int protocol, int *code);
/** cp_get_external() - GetExternalIPAddress into @r. */
void cp_get_external(struct cp *cp, int layer, struct cp_router *r);
/** cp_get_status() - GetStatusInfo into @r; returns whether it counts as connected. */
bool cp_get_status(struct cp *cp, int layer, struct cp_router *r);

/* Decisions (cp_move.c) */

/** struct cp_attempt - what the next AddPortMapping asks for, and what was tried already */
struct cp_attempt {
	uint16_t external_port;
	uint16_t internal_port;
	uint32_t lease;
	const char *remote_host;
	const char *description;
	bool any;	  /* AddAnyPortMapping */
	bool taken;	  /* the port is known to be somebody else's */
	bool lease_tried; /* lease 0 was tried */
	bool port_tried;  /* another port was tried after 501 */
	bool same_tried;  /* external = internal was tried */
	bool text_tried;  /* a plain description was tried */
	int remote_tried; /* forms of the wildcard tried */
	int moves;	  /* ports tried */
};

#define CP_MOVES_MAX 32

enum cp_move {
	CP_GIVE_UP,
	CP_LEASE_ZERO,
	CP_SAME_PORT,
	CP_NEXT_PORT,
	CP_REMOTE_FORM,
	CP_PLAIN_TEXT,
	CP_PLAIN_ADD,
	CP_MOVE_COUNT,
};

/** cp_next_move() - what to change after a fault; @attempt is changed but for the port. */
enum cp_move cp_next_move(struct cp_attempt *attempt, int code, const struct naive_set *naive);
const char *cp_move_text(enum cp_move move);
/** cp_next_port() - the next port after @port that no entry of @table holds; wraps at 65535 to
 * 1024. Return: 0 when there is none. */
uint16_t cp_next_port(const struct cp_table *table, int protocol, uint16_t port);

const struct cp_entry *cp_find_port(const struct cp_table *table, int protocol, uint16_t port);
/** cp_take_lease_zero(), cp_take_same_port() - make that change if it was not made before. */
bool cp_take_lease_zero(struct cp_attempt *attempt, int code);
bool cp_take_same_port(struct cp_attempt *attempt);

/* Mapping on one router (cp_map.c) */

#define CP_NONCE_LEN 12

/**
 * struct cp_hold - what it takes to renew and to take away what was made by NAT-PMP or PCP
 * @request:	what this router was asked for
 * @talk:	PCP: stays open, because a Mapping Update comes to it (PCP-85)
 * @nonce:	PCP: of this mapping on this server
 * @assigned:	PCP: external address, as it was told
 * @granted_us:	when
 * @stage:	renewals that were tried since then
 * @tried_us:	when the last of them was
 * @due_us:	when the next one is
 * @error_s:	seconds for which a refusal is to be believed, 0 = nothing was said of that
 * @lost:	the last answer's epoch says that the mappings are forgotten
 */
struct cp_hold {
	struct map_request request;
	struct cp_talk talk;
	uint8_t nonce[CP_NONCE_LEN];
	struct in6_addr assigned;
	struct epoch epoch;
	int64_t granted_us;
	unsigned stage;
	int64_t tried_us;
	int64_t due_us;
	uint32_t error_s;
	bool lost;
};

struct cp_method;

/** struct cp_layer - what was done on one router */
struct cp_layer {
	struct cp_router router;
	const struct cp_method *how;
	unsigned ways; /* --via auto: what is left to try, bits by the number in cp_methods */
	struct cp_hold hold;
	struct in_addr gateway;
	struct cp_server server; /* --via auto: the one that answers, :: = any */
	char internal_client[64];
	uint16_t internal_port;
	uint16_t external_port;
	uint32_t lease;
	bool mapped;
	bool verified;
	char failure[80]; /* "refuses (501)": what the router did when it is not mapped */
};

/** struct cp_grant - an external port, for so long */
struct cp_grant {
	uint16_t port;
	uint32_t seconds;
};

/** cp_take_grant() - a success of NAT-PMP or PCP into @l, as it was @given. False, with l->failure:
 * it grants nothing. */
bool cp_take_grant(struct cp *cp, struct cp_layer *l, const struct cp_grant *asked,
		   const struct cp_grant *given);
/** cp_cannot() - tell why a layer's router is not even asked. Return: false. */
bool cp_cannot(struct cp *cp, struct cp_layer *l, const char *why);

/** cp_map_router() - work the request through on one router. Return: whether it is mapped. */
bool cp_map_router(struct cp *cp, int layer, const struct map_request *request,
		   struct cp_layer *out);
/** cp_unmap_router() - find and delete it; out->external_port tells which, out->mapped whether it
 * is still there. Return: one of ours was found. */
bool cp_unmap_router(struct cp *cp, int layer, const struct map_request *request,
		     struct cp_layer *out);

/**
 * struct cp_method - a protocol that opens ports, --via NAME
 * @lists:	it can tell the mappings of a router
 * @find:	the router of a layer: layer 1 by everything there is, others at out->gateway.
 *		False: none, with a reason in the step
 * @learn:	its external address where @find did not tell it; may be NULL
 * @map, @unmap: one router
 * @renew:	what @map made, once more; NULL = by @map
 * @hear:	a datagram of the gateway that nobody asked for, or that came late. Return: the
 *		mapping is another one now, or is to be renewed (hold.lost)
 * @jitter:	renewals vary (RFC 6887 clause 11.2.1)
 */
struct cp_method {
	const char *name;
	bool lists;
	bool jitter;
	bool (*find)(struct cp *cp, int layer, struct cp_layer *out);
	bool (*learn)(struct cp *cp, int layer, struct cp_layer *out);
	bool (*map)(struct cp *cp, int layer, const struct map_request *request,
		    struct cp_layer *out);
	bool (*unmap)(struct cp *cp, int layer, const struct map_request *request,
		      struct cp_layer *out);
	bool (*renew)(struct cp *cp, int layer, struct cp_layer *out);
	bool (*hear)(struct cp *cp, struct cp_layer *l, const char *data, size_t len);
};

enum cp_way { CP_WAY_IGD, CP_WAY_NATPMP, CP_WAY_PCP, CP_WAY_AUTO };

/* By the numbers of enum cp_way; ends with name NULL. */
extern const struct cp_method cp_methods[];

#define CP_USUAL_LIFETIME 7200 /* seconds; RFC 6886 clause 3.3 recommends it */

/* By NAT-PMP (cp_natpmp.c) */
bool cp_natpmp_find(struct cp *cp, int layer, struct cp_layer *out);
bool cp_natpmp_map(struct cp *cp, int layer, const struct map_request *request,
		   struct cp_layer *out);
bool cp_natpmp_unmap(struct cp *cp, int layer, const struct map_request *request,
		     struct cp_layer *out);
bool cp_natpmp_renew(struct cp *cp, int layer, struct cp_layer *l);
bool cp_natpmp_hear(struct cp *cp, struct cp_layer *l, const char *data, size_t len);

/* By PCP (cp_pcp.c) */
bool cp_pcp_find(struct cp *cp, int layer, struct cp_layer *out);
bool cp_pcp_learn(struct cp *cp, int layer, struct cp_layer *out);
bool cp_pcp_map(struct cp *cp, int layer, const struct map_request *request, struct cp_layer *out);
bool cp_pcp_unmap(struct cp *cp, int layer, const struct map_request *request,
		  struct cp_layer *out);
bool cp_pcp_renew(struct cp *cp, int layer, struct cp_layer *l);
bool cp_pcp_hear(struct cp *cp, struct cp_layer *l, const char *data, size_t len);
/** cp_nonce() - the nonce of a mapping: the same in every process of this user, so that one can
 * take away what another one made; different for each server (PCP-75, PCPX-23). */
void cp_nonce(struct cp *cp, const struct in6_addr *server, const struct in6_addr *client,
	      int protocol, uint16_t port, uint8_t out[CP_NONCE_LEN]);

/* By whichever of them the router speaks (cp_auto.c) */
bool cp_auto_find(struct cp *cp, int layer, struct cp_layer *out);
bool cp_auto_learn(struct cp *cp, int layer, struct cp_layer *out);
bool cp_auto_map(struct cp *cp, int layer, const struct map_request *request, struct cp_layer *out);
bool cp_auto_unmap(struct cp *cp, int layer, const struct map_request *request,
		   struct cp_layer *out);

/** cp_servers() - whom to ask on @layer by NAT-PMP or PCP: the next hop, --server, or the default
 * gateways (PCP-90), those of IPv6 where cp->ipv6 says so. Return: how many, up to
 * CP_GATEWAYS_MAX. */
size_t cp_servers(const struct cp *cp, int layer, const struct cp_layer *l,
		  struct cp_server out[CP_GATEWAYS_MAX]);
/** cp_set_external() - the external address of a router, 0.0.0.0 = it tells none. */
void cp_set_external(struct cp_router *r, struct in_addr address);
/** cp_set_external6() - the same of either family, IPv4 as ::ffff:a.b.c.d. */
void cp_set_external6(struct cp_router *r, const struct in6_addr *address);
/** cp_host_text() - the address of a layer's router, for people. Return: @out. */
const char *cp_host_text(const struct cp_layer *l, char out[CP_SERVER_TEXT]);

/** struct cp - a control point at work
 * @own6:	where connections over IPv6 come from, family 0 = the kernel's choice
 * @ipv6:	--via pcp and auto: over IPv6, for our address of it */
struct cp {
	struct controlpoint_options options;
	struct sockaddr_in6 own6;
	bool ipv6;
	const struct cp_method *method;
	const char *verb;
	int64_t started;
	struct cp_interface interfaces[CP_INTERFACES_MAX];
	size_t interface_count;
	struct cp_gateway gateways[CP_GATEWAYS_MAX];
	size_t gateway_count;
	struct cp_server gateways6[CP_GATEWAYS_MAX];
	size_t gateway6_count;
	struct cp_candidate candidates[CP_CANDIDATES_MAX];
	size_t candidate_count;
	struct in_addr hops[CP_HOPS_MAX + 1]; /* by distance; 0.0.0.0 = silent */
	bool hops_known;
	bool thorough;	   /* search until the end, whoever answers */
	bool gone;	   /* the control URL refuses connections or is no more */
	unsigned silences; /* exchanges in a row without a whole reply in time */
	int stop_fd;	   /* readable: stop waiting for answers; -1 = nothing will */
	struct cp_step *steps;
	size_t step_count;
	bool step_open;
	struct cp_layer layers[CP_LAYERS_MAX];
	size_t layer_count;
	json_t *result;
	struct buf text; /* what a verb prints besides steps and sentence */
	struct buf sentence;
	int status;
};

static inline bool cp_naive(const struct cp *cp, enum naive mode)
{
	return naive_has(&cp->options.naive, mode);
}

/** cp_step() - begin a step, end the one before. */
void cp_step(struct cp *cp, int layer, const char *name);
void cp_step_done(struct cp *cp);
void cp_request(struct cp *cp, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cp_reply(struct cp *cp, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** cp_believe() - what is taken for true from now on; said again it replaces. */
void cp_believe(struct cp *cp, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cp_why(struct cp *cp, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** cp_conclude() - the final sentence, the result's name and the exit status. */
void cp_conclude(struct cp *cp, int status, const char *result, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/** cp_say() - print the final sentence now: who stays has more than one. */
void cp_say(struct cp *cp);
/** cp_report_end() - close the last step and print what is left. */
void cp_report_end(struct cp *cp);

/** cp_find_interfaces(), cp_find_gateways() - fill @cp->interfaces and @cp->gateways from what the
 * kernel has; with --interface that one only. */
void cp_find_interfaces(struct cp *cp);
void cp_find_gateways(struct cp *cp);
/** cp_own_address6() - fill @cp->own6 in a step of its own: --internal-client where we have it,
 * else a global address that stays, if there is one. Return: there is a global address. */
bool cp_own_address6(struct cp *cp);
/** cp_on_link() - interface whose subnet holds @address, -1 when none. */
int cp_on_link(const struct cp *cp, struct in_addr address);
/** cp_is_gateway() - a default gateway, or one that cp_discover() was given. */
bool cp_is_gateway(const struct cp *cp, struct in_addr address);
/** cp_next_hop() - the router at that distance, by TTL-limited probes. Return: it is known. */
bool cp_next_hop(struct cp *cp, int distance, struct in_addr *out);

/**
 * cp_discover() - search and fill cp->candidates
 * @only:	by unicast at this address alone (a router behind a router), NULL = everything
 */
void cp_discover(struct cp *cp, int layer, const struct in_addr *only);
/**
 * cp_open_group() - a socket at the port of SSDP's group, on every interface
 *
 * Bound to the group, so that it takes nobody's unicast. Return: descriptor or -1, which is no
 * failure.
 */
int cp_open_group(const struct cp *cp);
/** cp_judge() - fill url, host, gateway, same_subnet, substituted and refused of a candidate. */
void cp_judge(const struct cp *cp, const struct in_addr *only, struct cp_candidate *c);
/** cp_candidate_score() - higher is tried first. */
int cp_candidate_score(const struct cp_candidate *c);
/** cp_names_igd() - whether a search target or USN names a part of an IGD. */
bool cp_names_igd(const char *text);
void cp_candidates_free(struct cp *cp);

/** cp_choose() - fetch descriptions, ask services, fill the router. False: none is an IGD. */
bool cp_choose(struct cp *cp, int layer, struct cp_router *out);
/** cp_service_rank() - 0: maps no ports; else the higher the better. */
int cp_service_rank(const char *type, unsigned *version);

/** cp_drop_layers() - forget what is known of the routers behind the first @keep. */
void cp_drop_layers(struct cp *cp, size_t keep);
/** cp_map_on() - map on the routers behind those that are mapped already, and conclude. */
void cp_map_on(struct cp *cp, const struct map_request *request);
/** cp_unmap_held() - take away what this process made, outermost first. */
void cp_unmap_held(struct cp *cp);

#endif
