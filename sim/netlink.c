/* SPDX-License-Identifier: MIT */
/* netlink.c - sockets, heads and short answers of netlink (see netlink.h). */
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

struct mnl_socket *netlink_open(int bus)
{
	struct mnl_socket *nl = mnl_socket_open2(bus, SOCK_CLOEXEC);

	if (nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(nl);
		return NULL;
	}
	return nl;
}

struct nlmsghdr *netfilter_message(void *at, const struct netfilter_head *head)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));

	nlh->nlmsg_type = (uint16_t)(head->subsystem << 8 | head->type);
	nlh->nlmsg_flags = NLM_F_REQUEST | head->flags;
	nfg->nfgen_family = head->family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(head->resource);
	return nlh;
}

int netlink_ask(struct mnl_socket *nl, const struct nlmsghdr *request)
{
	_Alignas(struct nlmsghdr) char in[2048];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)in;

	if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0 ||
	    mnl_socket_recvfrom(nl, in, sizeof(in)) < 0)
		return -errno;
	return nlh->nlmsg_type == NLMSG_ERROR
		       ? ((const struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error
		       : 0;
}
