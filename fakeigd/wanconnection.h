/* SPDX-License-Identifier: MIT */
/*
 * wanconnection.h - the Internet connection as its services see it: WANIPConnection,
 * WANPPPConnection, and what WANCommonInterfaceConfig and the link services tell of the same line.
 *
 * ConnectionStatus itself is router->wan_state and changes only in router_set_wan().
 */
#ifndef FAKEIGD_WANCONNECTION_H
#define FAKEIGD_WANCONNECTION_H

#include "base/loop.h"
#include "router.h"
#include "service.h"

/* PossibleConnectionTypes: WANIPConnection:1 table 1.1, WANPPPConnection:1 table 1.1 */
#define WAN_IP_TYPES "Unconfigured,IP_Routed,IP_Bridged"
#define WAN_PPP_TYPES                                                                              \
	"Unconfigured,IP_Routed,DHCP_Spoofed,PPPoE_Bridged,PPTP_Relay,L2TP_Relay,PPPoE_Relay"

/** struct wan_dsl - settings of WANDSLLinkConfig */
struct wan_dsl {
	char *link_type;
	char *destination;
	char *encapsulation;
	bool fcs_preserved;
};

/**
 * struct wanconnection - state that control points can set
 * @router:	whose
 * @type:	ConnectionType
 * @auto_disconnect, @idle_disconnect: seconds, 0 = never
 * @warn_delay:	seconds spent in PendingDisconnect
 * @internet:	EnabledForInternet
 * @user_name, @password: of PPP
 * @dsl:	see there
 * @default_service: DefaultConnectionService when a control point has set it, else NULL
 * @transition:	ends Connecting, PendingDisconnect and Disconnecting
 * @seen:	ConnectionStatus that @transition belongs to
 * @error:	LastConnectionError at the end of a transition that fails or disconnects
 * @up_since:	when the connection came up, kept through PendingDisconnect
 * @limit:	watches @auto_disconnect and @idle_disconnect
 * @packets, @busy: packets counted so far, and when that number last changed
 */
struct wanconnection {
	struct router *router;
	char *type;
	uint32_t auto_disconnect;
	uint32_t idle_disconnect;
	uint32_t warn_delay;
	bool internet;
	char *user_name;
	char *password;
	struct wan_dsl dsl;
	char *default_service;
	struct loop_timer transition;
	enum wan_status seen;
	const char *error;
	int64_t up_since;
	struct loop_timer limit;
	uint64_t packets;
	int64_t busy;
};

struct wanconnection *wanconnection_new(struct router *r);
void wanconnection_free(struct wanconnection *w);
/** wanconnection_reset() - back to what the profile says, as after a reboot. */
void wanconnection_reset(struct wanconnection *w);
/**
 * wanconnection_notice() - ConnectionStatus or the external address has changed
 *
 * To be called by router_set_wan() and router_renumber() after the change: tells gena of every
 * evented variable that follows, and starts the disconnect timers. @r->wanconnection may be NULL.
 */
void wanconnection_notice(struct router *r);
/** wanconnection_external() - ExternalIPAddress as control points may see it. */
void wanconnection_external(struct router *r, struct buf *out);
/** wanconnection_refuses_mappings() - NULL when mappings can be added now, else why not. */
const char *wanconnection_refuses_mappings(struct router *r);
/** wanconnection_link_up() - PhysicalLinkStatus: whether the line has a carrier. */
bool wanconnection_link_up(const struct router *r);

#endif
