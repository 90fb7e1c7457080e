/* SPDX-License-Identifier: MIT */
/*
 * forward.c - real forwarding of mappings by nftables, through libnftnl and libmnl.
 *
 * Theory of operation. Enabled mappings are elements of the maps in table "ip fakeigd"
 * (forward_table.c); this file keeps the sockets. Ending a mapping ends the connections that it
 * carried (forward_connections.c), as RFC 6886 clause 3.4 and a lab's "stops reaching it after
 * deletion" need it. Conntrack is only gone through when the element's counter says that there was
 * a connection: most mappings of a lab never see one.
 *
 * Where policy "nat.udp-idle" has UDP connections forgotten when idle, time is cut into epochs, a
 * quarter of that each: packets mark their connection with the present one, and at the end of an
 * epoch all connections go whose last packet was EPOCHS_KEPT earlier. It is the lab's clock that
 * counts, which the kernel's own time-outs do not know.
 *
 * There is one such table in a network namespace, and one fakeigd that has it: whoever comes second
 * is refused before it touches the first one's. The claim is a name in the namespace's abstract
 * sockets, which the kernel takes back however its holder ends; so a table without a holder is what
 * a killed fakeigd left behind, and is replaced.
 *
 * Internal client 255.255.255.255 (WIPC-25) is the broadcast address of the first LAN, and the
 * kernel is told to forward such packets from the WAN (Linux 5.0 or newer) as soon as there is such
 * a mapping.
 *
 * Without a WAN interface nothing is asked of the kernel: every call succeeds and does nothing, so
 * that fakeigd is of use where there is no nf_tables.
 */
#include "forward.h"

#include "../sim/netlink.h"
#include "base/mem.h"
#include "forward_table.h"
#include "portmap.h"
#include "profile.h"
#include "router.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/**
 * struct forward - forwarding of one router
 * @router:	for its policy
 * @netfilter:	socket for elements and conntrack, NULL without a WAN interface
 * @route:	socket for the interface's counters, NULL where there is no interface
 * @claim:	holds the name that says whose the table is
 * @wan:	index of the WAN interface
 * @enabled:	as forward_set_enabled() left it
 * @outward:	which internal endpoints a mapping has, NULL without a WAN interface
 * @epoch:	the present one, 0 = there are none
 * @epoch_end:	when it ends
 * @timer:	set to that
 */
struct forward {
	const struct router *router;
	struct mnl_socket *netfilter;
	struct mnl_socket *route;
	int claim;
	unsigned wan;
	bool enabled;
	struct forward_outward *outward;
	uint8_t epoch;
	int64_t epoch_end;
	struct loop_timer timer;
};

#define EPOCHS_KEPT 4

static const char *missing;

const char *forward_missing(void)
{
	return missing ? missing : "";
}

static int open_sockets(struct forward *f)
{
	missing = "netlink to netfilter (CONFIG_NETFILTER_NETLINK)";
	f->netfilter = netlink_open(NETLINK_NETFILTER);
	f->route = f->netfilter ? netlink_open(NETLINK_ROUTE) : NULL;
	return f->route ? 0 : -errno;
}

/* Return: 0, -EBUSY when another fakeigd of this network namespace has the table, or -errno. */
static int claim_table(struct forward *f)
{
	static const char name[] = "fakeigd/forward";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 1 + sizeof(name) - 1;

	memcpy(address.sun_path + 1, name, sizeof(name) - 1);
	f->claim = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (f->claim >= 0 && bind(f->claim, (struct sockaddr *)&address, len) == 0)
		return 0;
	return errno == EADDRINUSE ? -EBUSY : -errno;
}

/* The table is somebody else's from here on. */
static void close_sockets(struct forward *f)
{
	if (f->netfilter)
		mnl_socket_close(f->netfilter);
	if (f->route)
		mnl_socket_close(f->route);
	if (f->claim >= 0)
		close(f->claim);
}

static uint8_t epoch_before(uint8_t epoch, int by)
{
	return (uint8_t)((epoch - 1 - by + FORWARD_EPOCHS) % FORWARD_EPOCHS + 1);
}

/* The next epoch begins, and what is too old by then is forgotten. */
static int turn_epoch(struct forward *f)
{
	uint8_t next = epoch_before(f->epoch, -1);
	int error = forward_table_epoch(f->netfilter, f->epoch, next);

	f->epoch = next;
	return error ? error
		     : forward_connections_forget(f->netfilter,
						  epoch_before(next, EPOCHS_KEPT + 1));
}

/* A clock that was moved far ends several epochs at once; more than are kept make no difference. */
static void epoch_over(void *arg)
{
	struct forward *f = arg;
	int64_t length = f->router->profile->policy.nat_udp_idle / EPOCHS_KEPT, now = clock_now();
	int64_t turns = 1 + (now - f->epoch_end) / length;

	for (int64_t i = 0; i < turns && i <= EPOCHS_KEPT + 1; i++)
		turn_epoch(f);
	f->epoch_end += turns * length;
	loop_timer_arm(f->router->loop, &f->timer, f->epoch_end, epoch_over, f);
}

static int begin_epochs(struct forward *f)
{
	int64_t idle = f->router->profile ? f->router->profile->policy.nat_udp_idle : 0;

	if (idle < EPOCHS_KEPT)
		return 0;
	f->epoch = 1;
	f->epoch_end = clock_now() + idle / EPOCHS_KEPT;
	loop_timer_arm(f->router->loop, &f->timer, f->epoch_end, epoch_over, f);
	return forward_table_epoch(f->netfilter, 0, f->epoch);
}

struct forward *forward_new(struct router *r, int *error)
{
	struct forward *f = xcalloc(1, sizeof(*f));

	f->router = r;
	f->wan = r->wan.index;
	missing = NULL;
	if (!f->wan)
		return f;
	f->outward = forward_outward_new();
	*error = claim_table(f);
	if (!*error)
		*error = open_sockets(f);
	if (!*error)
		*error = forward_table_make(r, &missing);
	if (!*error)
		*error = forward_timers(r, &missing);
	if (!*error)
		*error = begin_epochs(f);
	if (!*error) {
		missing = NULL;
		f->enabled = true;
		return f;
	}
	close_sockets(f);
	forward_outward_free(f->outward);
	free(f);
	return NULL;
}

static void end_epochs(struct forward *f)
{
	if (f->epoch)
		loop_timer_cancel(f->router->loop, &f->timer);
	f->epoch = 0;
}

int forward_reload(struct forward *f)
{
	int error;

	if (!f->wan)
		return 0;
	end_epochs(f);
	forward_outward_forget(f->outward);
	error = forward_table_make(f->router, &missing);
	if (!error)
		error = forward_timers(f->router, &missing);
	if (!error && !f->enabled)
		error = forward_table_gate(false);
	return error ? error : begin_epochs(f);
}

/* One of the kernel's switches of an interface, or of "all". */
static int switch_on(const char *interface, const char *name)
{
	char path[96];
	int fd, error = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", interface, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, "1", 1) < 0)
		error = -errno;
	close(fd);
	return error;
}

/* Packets from the WAN may be for a whole LAN. */
static int allow_broadcast(const struct forward *f)
{
	int error = switch_on("all", "bc_forwarding");

	return error ? error : switch_on(f->router->wan.name, "bc_forwarding");
}

static bool is_broadcast(const struct mapping *m)
{
	return m->internal_client.s_addr == INADDR_BROADCAST;
}

/* A mapping as the kernel has it. */
static struct mapping in_kernel(const struct forward *f, const struct mapping *m)
{
	const struct router_interface *lan = &f->router->lan[0];
	uint32_t hosts = lan->prefix < 32 ? UINT32_MAX >> lan->prefix : 0;
	struct mapping mine = *m;

	if (is_broadcast(m))
		mine.internal_client.s_addr = lan->address.s_addr | htonl(hosts);
	return mine;
}

/* Another mapping of the internal endpoint takes the place of one that has gone. */
static int succeed(struct forward *f, const struct mapping *gone)
{
	const struct portmap *p = f->router->portmap;

	for (size_t i = 0; p && i < portmap_count(p); i++) {
		const struct mapping *m = portmap_at(p, i);

		if (m->forwarding == FORWARDING_ON && forward_outward_same(m, gone) &&
		    m->external_port != gone->external_port)
			return forward_outward_succeed(f->netfilter, m);
	}
	return 0;
}

/* @old, @now: as in forward_filters_change(). */
static int change_filters(struct forward *f, const struct mapping *m, const struct pcp_record *old,
			  const struct pcp_record *now)
{
	return forward_has_filters(f->router) ? forward_filters_change(f->netfilter, m, old, now)
					      : 0;
}

int forward_add(struct forward *f, const struct mapping *m)
{
	struct forward_key k[2], unused;
	struct mapping mine;
	bool leaves;
	int error;

	if (!f->wan)
		return 0;
	error = is_broadcast(m) ? allow_broadcast(f) : 0;
	if (error)
		return error;
	mine = in_kernel(f, m);
	error = change_filters(f, &mine, NULL, m->pcp);
	if (error)
		return error;
	forward_unshut(f->netfilter, f->router, m);
	k[0] = forward_key_of(&mine);
	leaves = forward_binds_outward(f->router) &&
		 forward_outward_claim(f->outward, f->netfilter, &mine, &k[1]);
	error = forward_elements_add(f->netfilter, k, 1 + leaves);
	if (error && forward_binds_outward(f->router))
		forward_outward_release(f->outward, f->netfilter, &mine, &unused);
	if (error)
		change_filters(f, &mine, m->pcp, NULL);
	return error;
}

int forward_filter(struct forward *f, const struct mapping *m, const struct pcp_record *now)
{
	struct mapping mine;
	int error;

	if (!f->wan)
		return 0;
	mine = in_kernel(f, m);
	error = change_filters(f, &mine, m->pcp, now);
	return error ? error : forward_connections_end(f->netfilter, &mine);
}

/* Whether the endpoint has sent anything out. To go through the connections of the kernel costs
 * milliseconds, so they are asked for those alone that have. */
static bool has_sent(struct forward *f, const struct forward_flow *flow)
{
	const uint8_t protocol = (uint8_t)flow->protocol;
	const uint16_t port = htons(flow->port);
	struct forward_key k = {.map = "sent", .key = {protocol}, .key_len = 12};
	uint64_t unused;

	memcpy(k.key + 4, &flow->client, sizeof(flow->client));
	memcpy(k.key + 8, &port, sizeof(port));
	return forward_element_get(f->netfilter, &k, &unused) == 0;
}

int forward_flow(struct forward *f, struct forward_flow *flow)
{
	if (!f->wan || !forward_notes_senders(f->router) || !has_sent(f, flow))
		return -ENOENT;
	return forward_connections_outward(f->netfilter, f->router->wan.address, flow);
}

int forward_flow_read(struct forward *f, struct forward_flow *flow)
{
	return f->wan ? forward_connection_read(f->netfilter, f->router->wan.address, flow)
		      : -ENOENT;
}

int forward_flow_set(struct forward *f, const struct forward_flow *flow)
{
	return f->wan ? forward_connection_set(f->netfilter, flow) : 0;
}

int forward_flow_make(struct forward *f, const struct forward_flow *flow)
{
	if (!f->wan || !forward_binds_outward(f->router))
		return -ENOTSUP;
	return forward_connection_make(f->netfilter, f->router->wan.address, flow);
}

int forward_end_flows(struct forward *f)
{
	return f->wan ? forward_connections_end_outward(f->netfilter, f->router->wan.address, NULL)
		      : 0;
}

int forward_bind(struct forward *f, const struct mapping *m)
{
	return f->wan && forward_binds_outward(f->router) ? forward_outward_succeed(f->netfilter, m)
							  : 0;
}

int forward_unbind(struct forward *f, const struct mapping *m)
{
	return f->wan && forward_binds_outward(f->router)
		       ? forward_outward_withdraw(f->netfilter, m)
		       : 0;
}

void forward_free(struct forward *f)
{
	if (!f)
		return;
	if (f->wan) {
		end_epochs(f);
		forward_table_delete();
		forward_connections_end(f->netfilter, NULL);
		close_sockets(f);
		forward_outward_free(f->outward);
	}
	free(f);
}

int forward_remove(struct forward *f, const struct mapping *m)
{
	struct forward_key k[2];
	struct mapping mine;
	uint64_t used;
	bool leaves;
	int error;

	if (!f->wan)
		return 0;
	mine = in_kernel(f, m);
	k[0] = forward_key_of(&mine);
	error = forward_element_get(f->netfilter, &k[0], &used);
	if (error)
		return error == -ENOENT ? 0 : error;
	leaves = forward_binds_outward(f->router) &&
		 forward_outward_release(f->outward, f->netfilter, &mine, &k[1]);
	error = forward_elements_delete(f->netfilter, k, 1 + leaves);
	if (!error)
		error = change_filters(f, &mine, m->pcp, NULL);
	if (!error && leaves && forward_outward_contested(f->outward))
		error = succeed(f, &mine);
	if (!error && used && f->router->profile->policy.forward_ends_connections)
		error = forward_connections_end(f->netfilter, &mine);
	if (!error && f->router->profile->policy.forward_ends_flows)
		error = forward_connections_end_outward(f->netfilter, f->router->wan.address,
							&mine);
	return error;
}

int forward_flush(struct forward *f)
{
	int error = f->wan ? forward_table_empty() : 0;

	if (f->wan && !error)
		error = forward_filters_empty(f->router);
	if (f->wan)
		forward_outward_forget(f->outward);
	return error || !f->wan ? error : forward_connections_end(f->netfilter, NULL);
}

int forward_set_enabled(struct forward *f, bool enabled)
{
	int error;

	/* It begins enabled: saying so at the start would only delete and add the same element. */
	if (!f->wan || f->enabled == enabled)
		return 0;
	error = forward_table_gate(enabled);
	if (error)
		return error;
	f->enabled = enabled;
	return enabled ? 0 : forward_connections_end(f->netfilter, NULL);
}

static int request_link(struct forward *f, char *in, size_t size)
{
	_Alignas(struct nlmsghdr) char out[128];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(out);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(nlh, sizeof(*link));

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	link->ifi_index = (int)f->wan;
	if (mnl_socket_sendto(f->route, out, nlh->nlmsg_len) < 0 ||
	    mnl_socket_recvfrom(f->route, in, size) < 0)
		return -errno;
	nlh = (struct nlmsghdr *)in;
	return nlh->nlmsg_type == NLMSG_ERROR
		       ? ((const struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error
		       : 0;
}

int forward_counters(struct forward *f, struct forward_counters *out)
{
	_Alignas(struct nlmsghdr) char in[8192];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)in;
	struct rtnl_link_stats64 stats = {0};
	const struct nlattr *a;
	int error;

	*out = (struct forward_counters){0};
	if (!f->wan)
		return 0;
	error = request_link(f, in, sizeof(in));
	if (error)
		return error;
	mnl_attr_for_each(a, nlh, sizeof(struct ifinfomsg))
	{
		size_t len = mnl_attr_get_payload_len(a);

		if (mnl_attr_get_type(a) == IFLA_STATS64)
			memcpy(&stats, mnl_attr_get_payload(a),
			       len < sizeof(stats) ? len : sizeof(stats));
	}
	out->bytes_sent = stats.tx_bytes;
	out->bytes_received = stats.rx_bytes;
	out->packets_sent = stats.tx_packets;
	out->packets_received = stats.rx_packets;
	return 0;
}
