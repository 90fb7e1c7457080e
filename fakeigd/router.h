/* SPDX-License-Identifier: MIT */
/*
 * router.h - one fake router: what all its parts share.
 *
 * One process, one loop, no threads, no exec. main.c fills a struct router from the command line
 * and the profile, starts the parts in the order forward, portmap, firewall6, pinholes, gena, http,
 * ssdp, portcontrol, control, writes the readiness byte and runs the loop. Parts know each other
 * only through this struct.
 */
#ifndef FAKEIGD_ROUTER_H
#define FAKEIGD_ROUTER_H

#include "base/clock.h"
#include "base/diag.h"
#include "base/loop.h"
#include "base/slice.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define ROUTER_LANS_MAX 8

struct profile;
struct journal;
struct rules;
struct descriptions;
struct wanconnection;
struct portmap;
struct forward;
struct firewall6;
struct pinholes;
struct ssdp;
struct http;
struct gena;
struct portcontrol;
struct upstream;
struct interwork;
struct control;
struct effects;
struct http_request;
struct http_reply;

/**
 * struct router_interface - an interface with its addresses as found at start (and after renumber)
 * @name, @index:	of the kernel
 * @address, @prefix:	first IPv4 address, 0.0.0.0 when none
 * @address6, @prefix6:	first global IPv6 address, :: when none
 * @link6:		link-local IPv6 address, :: when none
 * @mac:		hardware address
 */
struct router_interface {
	char name[IFNAMSIZ];
	unsigned index;
	struct in_addr address;
	int prefix;
	struct in6_addr address6;
	int prefix6;
	struct in6_addr link6;
	uint8_t mac[6];
};

/** enum wan_status - ConnectionStatus (WANIPConnection clause 2.2.3) */
enum wan_status {
	WAN_UNCONFIGURED,
	WAN_CONNECTING,
	WAN_CONNECTED,
	WAN_PENDING_DISCONNECT,
	WAN_DISCONNECTING,
	WAN_DISCONNECTED,
	WAN_STATUS_COUNT,
};

/**
 * struct router_source - where the profile came from, for reload
 * @profile:	name or file
 * @quirks, @quirk_count: of the command line
 * @data:	directory that holds profiles/ and quirks/
 * @seed:	what UDNs are derived from
 */
struct router_source {
	const char *profile;
	const char *const *quirks;
	size_t quirk_count;
	const char *data;
	const char *seed;
};

/**
 * struct router_pending - state changes that rules ask for "after the answer"
 * @timer:	runs them at the end of this turn, when no connection is half handled
 * @wan_back:	ends a loss of the WAN after @wan_down_us
 */
struct router_pending {
	struct loop_timer timer;
	bool reboot;
	bool forget;
	bool wan_down;
	int64_t wan_down_us;
	struct loop_timer wan_back;
	struct in_addr renumber;
};

/**
 * struct router - see above
 * @name:	how journal and lab call it
 * @wan_since:	clock_now() at which @wan_state became what it is
 * @wan_error:	LastConnectionError
 * @external:	what GetExternalIPAddress says: the WAN address or the profile's override
 * @boot_id:	BOOTID.UPNP.ORG; grows at each reboot
 * @config_id:	CONFIGID.UPNP.ORG
 * @booted:	clock_now() at the last (re)boot
 * @first_address: the WAN's at start, to which router_reset() goes back
 * @connects:	how often the WAN connection came up after the start
 * @outages:	how often the WAN connection was lost since start, reboot or router_reset()
 * @reboots:	how often router_reboot() ran since start or router_reset()
 * @upstream, @interwork:	NULL = the profile asks nobody on the WAN side
 * @source:	where @profile came from
 * @port:	TCP port of the command line, 0 = the profile's
 * @handled:	grows with everything that is read from the network: "sync" watches it
 * @pending:	see there
 * @watch_fd, @watch: tells that addresses have changed; NULL = none
 * @rescan:	looks at them a little later, when a change is complete
 * @date:	text of {date} for the wall clock's second @date_second
 */
struct router {
	const char *name;
	struct loop *loop;
	struct profile *profile;
	struct journal *journal;
	struct rules *rules;
	struct descriptions *description;
	struct wanconnection *wanconnection;
	struct portmap *portmap;
	struct forward *forward;
	struct firewall6 *firewall6;
	struct pinholes *pinholes;
	struct ssdp *ssdp;
	struct portcontrol *portcontrol;
	struct upstream *upstream;
	struct interwork *interwork;
	struct http *http;
	struct gena *gena;
	struct control *control;
	struct router_interface lan[ROUTER_LANS_MAX];
	size_t lans;
	struct router_interface wan;
	enum wan_status wan_state;
	int64_t wan_since;
	const char *wan_error;
	struct in_addr external;
	uint32_t boot_id;
	uint32_t config_id;
	int64_t booted;
	struct in_addr first_address;
	uint32_t reboots;
	uint32_t connects;
	uint32_t outages;
	struct router_source source;
	uint16_t port;
	uint64_t handled;
	struct router_pending pending;
	int watch_fd;
	struct loop_source *watch;
	struct loop_timer rescan;
	char date[32];
	int64_t date_second;
};

/**
 * router_start() - start the parts: description, wanconnection, forward, portmap, firewall6,
 * pinholes, gena, http, ssdp, portcontrol
 * @r:		name, loop, journal, source, profile, lan, wan and port are set
 * @d:		a sentence about what the kernel refused
 *
 * Return: 0 or -errno; router_stop() is due either way.
 */
int router_start(struct router *r, struct diag *d);
/** router_stop() - byebye, no forwarding, all parts freed; the profile too. */
void router_stop(struct router *r);
/** router_reload() - read the profile again. Mappings stay, subscriptions end. 0, or -EINVAL with
 * complaints and nothing changed. */
int router_reload(struct router *r, struct diag *d);
/** router_dispatch() - answer an HTTP request by method and target; an http_handler_fn. */
void router_dispatch(struct router *r, const struct http_request *request,
		     struct http_reply *reply);
/** router_after() - what rules want "after the answer" (reboot, forget, wan_down, renumber); to be
 * called by whoever sent the answer, runs at the end of the turn. */
void router_after(struct router *r, const struct effects *effects);
/** router_will_change() - router_after() waits for the end of the turn: what is read before belongs
 * to the time after, so leave it in the socket. */
static inline bool router_will_change(const struct router *r)
{
	return r->pending.reboot || r->pending.forget || r->pending.wan_down ||
	       r->pending.renumber.s_addr;
}
/** router_date() - text of {date}: now, with the profile's offset. Valid until the next call. */
struct slice router_date(struct router *r);

/** wan_status_text() - "Connected" and so on. */
const char *wan_status_text(enum wan_status status);
/** router_set_wan() - the only place that changes wan_state: journals it, tells gena and forward.
 */
void router_set_wan(struct router *r, enum wan_status status, const char *error);
/** router_renumber() - the WAN address changes (kernel and state), events go out. 0 or -errno. */
int router_renumber(struct router *r, struct in_addr address);
/** router_reboot() - byebye is not sent; mappings survive as policy says; BOOTID grows; alive
 * again. */
void router_reboot(struct router *r);
/** router_reset() - back to the state after start: table, conntrack, subscriptions, WAN, rule
 * counters. */
void router_reset(struct router *r);
/** router_find_external() - set @r->external from the WAN's address and the profile. */
void router_find_external(struct router *r);
/** router_listen() - listen for HTTP on the present addresses; a failure goes to the journal. */
void router_listen(struct router *r, uint16_t port);
/** router_open_portcontrol() - port 5351 by the present addresses and policies; a failure goes to
 * the journal. */
void router_open_portcontrol(struct router *r);
/** router_watch_addresses() - notice when addresses change, whoever changes them. 0 or -errno. */
int router_watch_addresses(struct router *r);
void router_unwatch_addresses(struct router *r);
/** router_lan_of() - the LAN interface whose subnet holds @address, or NULL. */
const struct router_interface *router_lan_of(const struct router *r, struct in_addr address);
/** router_lan_of6() - the same for a global IPv6 address. */
const struct router_interface *router_lan_of6(const struct router *r,
					      const struct in6_addr *address);
/** router_pinholes_changed() - what pinholes_reload() is for has happened; a refusal of the kernel
 * goes to the journal. */
void router_pinholes_changed(struct router *r);
/** router_lan_of_peer() - the same for either family; IPv6 link-local goes by its scope. */
const struct router_interface *router_lan_of_peer(const struct router *r,
						  const struct sockaddr *peer);

#endif
