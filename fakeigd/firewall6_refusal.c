/* SPDX-License-Identifier: MIT */
/*
 * firewall6_refusal.c - the late answer to a SYN that may not come in.
 *
 * Theory of operation: RFC 6092 REC-34. Two hosts behind firewalls may call each other at the same
 * time, so a SYN from outside is no reason to say no at once: it is dropped, a copy comes here by
 * NFLOG, and WAIT_US of the lab's clock later the caller is told "communication administratively
 * prohibited" (ICMPv6 type 1 code 1), unless the host inside has called in the meantime, which
 * conntrack knows. Repeated SYNs of one connection have one answer. No more than WAITING_MAX wait:
 * a flood is dropped without a word.
 */
#include "firewall6_refusal.h"

#include "../sim/netlink.h"
#include "base/clock.h"
#include "base/mem.h"
#include "journal.h"
#include "router.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <unistd.h>

#define WAIT_US	    (6 * CLOCK_SECOND)
#define WAITING_MAX 256
#define PACKET_MAX  1232 /* an ICMPv6 error is no longer than the smallest MTU (RFC 4443 2.4 c) */

/** struct waiting - a SYN without an answer yet */
struct waiting {
	struct firewall6_refusal *owner;
	LIST_ENTRY(waiting) link;
	struct loop_timer timer;
	struct firewall6_syn syn;
	size_t len;
	uint8_t packet[];
};

/** struct firewall6_refusal - @log: socket of the group, @raw: sends ICMPv6 */
struct firewall6_refusal {
	struct router *router;
	struct mnl_socket *log;
	struct mnl_socket *conntrack;
	int raw;
	struct loop_source *source;
	LIST_HEAD(, waiting) waiting;
	size_t count;
};

bool firewall6_read_syn(struct slice packet, struct firewall6_syn *out)
{
	struct ip6_hdr head;

	if (packet.len < sizeof(head) + 20)
		return false;
	memcpy(&head, packet.ptr, sizeof(head));
	if (head.ip6_vfc >> 4 != 6 || head.ip6_nxt != IPPROTO_TCP)
		return false;
	out->from = head.ip6_src;
	out->to = head.ip6_dst;
	memcpy(&out->from_port, packet.ptr + sizeof(head), 2);
	memcpy(&out->to_port, packet.ptr + sizeof(head) + 2, 2);
	return true;
}

static int join_group(struct mnl_socket *nl)
{
	const struct nfulnl_msg_config_cmd bind = {.command = NFULNL_CFG_CMD_BIND};
	const struct nfulnl_msg_config_mode mode = {.copy_mode = NFULNL_COPY_PACKET,
						    .copy_range = htonl(PACKET_MAX)};
	_Alignas(struct nlmsghdr) char out[128];
	const struct netfilter_head head = {AF_INET6, NFNL_SUBSYS_ULOG, NFULNL_MSG_CONFIG,
					    NLM_F_ACK, FIREWALL6_SYN_GROUP};
	struct nlmsghdr *nlh = netfilter_message(out, &head);

	mnl_attr_put(nlh, NFULA_CFG_CMD, sizeof(bind), &bind);
	mnl_attr_put(nlh, NFULA_CFG_MODE, sizeof(mode), &mode);
	mnl_attr_put_u32(nlh, NFULA_CFG_QTHRESH, htonl(1)); /* each packet at once */
	return netlink_ask(nl, nlh);
}

/* Whether the host inside has called: a connection from there that is still known. */
static bool has_called(struct firewall6_refusal *f, const struct firewall6_syn *syn)
{
	_Alignas(struct nlmsghdr) char out[256];
	const struct netfilter_head head = {AF_INET6, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, 0,
					    0};
	struct nlmsghdr *nlh = netfilter_message(out, &head);
	struct nlattr *tuple = mnl_attr_nest_start(nlh, CTA_TUPLE_ORIG), *part;

	part = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	mnl_attr_put(nlh, CTA_IP_V6_SRC, 16, &syn->to);
	mnl_attr_put(nlh, CTA_IP_V6_DST, 16, &syn->from);
	mnl_attr_nest_end(nlh, part);
	part = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, IPPROTO_TCP);
	mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, syn->to_port);
	mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, syn->from_port);
	mnl_attr_nest_end(nlh, part);
	mnl_attr_nest_end(nlh, tuple);
	return netlink_ask(f->conntrack, nlh) == 0;
}

static void forget(struct waiting *w)
{
	struct firewall6_refusal *f = w->owner;

	loop_timer_cancel(f->router->loop, &w->timer);
	LIST_REMOVE(w, link);
	f->count--;
	free(w);
}

static void refuse(const struct firewall6_refusal *f, const struct waiting *w)
{
	const struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = w->syn.from};
	const struct icmp6_hdr head = {.icmp6_type = ICMP6_DST_UNREACH,
				       .icmp6_code = ICMP6_DST_UNREACH_ADMIN};
	uint8_t bytes[sizeof(head) + PACKET_MAX];

	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), w->packet, w->len);
	if (sendto(f->raw, bytes, sizeof(head) + w->len, MSG_DONTWAIT, (const struct sockaddr *)&to,
		   sizeof(to)) < 0)
		return; /* the caller is gone */
	journal_write(f->router->journal, JOURNAL_STATE, "firewall6", NULL,
		      (const struct sockaddr *)&to, "SYN refused", "{s:i}", "port",
		      ntohs(w->syn.to_port));
}

static void due(void *arg)
{
	struct waiting *w = arg;

	if (!has_called(w->owner, &w->syn))
		refuse(w->owner, w);
	forget(w);
}

static bool is_waiting(const struct firewall6_refusal *f, const struct firewall6_syn *syn)
{
	const struct waiting *w;

	LIST_FOREACH(w, &f->waiting, link)
		if (!memcmp(&w->syn, syn, sizeof(*syn)))
			return true;
	return false;
}

static void take(struct firewall6_refusal *f, struct slice packet)
{
	struct firewall6_syn syn;
	struct waiting *w;

	if (packet.len > PACKET_MAX)
		packet.len = PACKET_MAX;
	if (f->count == WAITING_MAX || !firewall6_read_syn(packet, &syn) || is_waiting(f, &syn))
		return;
	w = xcalloc(1, sizeof(*w) + packet.len);
	w->owner = f;
	w->syn = syn;
	w->len = packet.len;
	memcpy(w->packet, packet.ptr, packet.len);
	LIST_INSERT_HEAD(&f->waiting, w, link);
	f->count++;
	loop_timer_arm(f->router->loop, &w->timer, clock_now() + WAIT_US, due, w);
}

static int logged(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(a) == NFULA_PAYLOAD)
			take(arg,
			     (struct slice){mnl_attr_get_payload(a), mnl_attr_get_payload_len(a)});
	}
	return MNL_CB_OK;
}

static void log_ready(void *arg, int fd, uint32_t events)
{
	struct firewall6_refusal *f = arg;
	_Alignas(struct nlmsghdr) char in[8192];
	ssize_t got = recv(fd, in, sizeof(in), MSG_DONTWAIT);

	(void)events;
	f->router->handled++;
	if (got > 0)
		mnl_cb_run(in, (size_t)got, 0, 0, logged, f);
}

struct firewall6_refusal *firewall6_refusal_new(struct router *r, int *error)
{
	struct firewall6_refusal *f = xcalloc(1, sizeof(*f));

	f->router = r;
	f->raw = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	f->log = f->raw < 0 ? NULL : netlink_open(NETLINK_NETFILTER);
	f->conntrack = f->log ? netlink_open(NETLINK_NETFILTER) : NULL;
	*error = f->conntrack ? join_group(f->log) : -errno;
	if (*error) {
		firewall6_refusal_free(f);
		return NULL;
	}
	/* It sends; what comes in is not for it. */
	shutdown(f->raw, SHUT_RD);
	f->source = loop_watch(r->loop, mnl_socket_get_fd(f->log), EPOLLIN, log_ready, f);
	return f;
}

void firewall6_refusal_free(struct firewall6_refusal *f)
{
	if (!f)
		return;
	while (!LIST_EMPTY(&f->waiting))
		forget(LIST_FIRST(&f->waiting));
	if (f->source)
		loop_unwatch(f->router->loop, f->source);
	if (f->log)
		mnl_socket_close(f->log);
	if (f->conntrack)
		mnl_socket_close(f->conntrack);
	if (f->raw >= 0)
		close(f->raw);
	free(f);
}
