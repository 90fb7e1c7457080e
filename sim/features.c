/* SPDX-License-Identifier: MIT */
/*
 * features.c - what this kernel lets this user do.
 *
 * Theory of operation: every feature is tried for real, by a child process in namespaces of its own
 * (a user namespace too unless we are root), which end with it. The child tells 0 or the errno
 * through a pipe. Netlink messages are made with libmnl, rules with libnftables, as the lab does.
 */
#include "features.h"

#include "../fakeigd/base/mem.h"
#include "netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <nftables/libnftables.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a fresh network namespace the loopback device is number 1. */
#define LOOPBACK 1

/* -- namespaces -------------------------------------------------------------------------------- */

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		error = errno;
	close(fd);
	return error;
}

/* Become root of a new user namespace; root on the host has no need to. Return: 0 or errno. */
static int enter_user(void)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[64];
	int error;

	if (unshare(CLONE_NEWUSER))
		return errno;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	error = write_file("/proc/self/uid_map", map);
	if (!error)
		error = write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return error ? error : write_file("/proc/self/gid_map", map);
}

static int enter(int flags)
{
	int error = geteuid() ? enter_user() : 0;

	if (!error && unshare(flags))
		error = errno;
	return error;
}

/* -- netlink ----------------------------------------------------------------------------------- */

/* Send one message with NLM_F_ACK and read the answer to its end. Return: 0 or errno. */
static int talk(int bus, struct nlmsghdr *message)
{
	struct mnl_socket *socket = netlink_open(bus);
	char buffer[8192];
	int error = 0, more = 1;

	if (!socket)
		return errno;
	message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	message->nlmsg_seq = 1;
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		error = errno;
	while (!error && more > 0) {
		ssize_t len = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		more = len < 0 ? -1
			       : mnl_cb_run(buffer, (size_t)len, 1, mnl_socket_get_portid(socket),
					    NULL, NULL);
		if (more < 0)
			error = errno;
	}
	mnl_socket_close(socket);
	return error;
}

/* "ip link add [link PARENT] name NAME type KIND"; a VLAN gets number 7. Return: 0 or errno. */
static int add_link(const char *kind, const char *name, unsigned parent)
{
	char buffer[1024];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nlattr *info, *data;

	message->nlmsg_type = RTM_NEWLINK;
	message->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	if (parent)
		mnl_attr_put_u32(message, IFLA_LINK, parent);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, kind);
	if (!strcmp(kind, "vlan")) {
		data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
		mnl_attr_put_u16(message, IFLA_VLAN_ID, 7);
		mnl_attr_nest_end(message, data);
	}
	mnl_attr_nest_end(message, info);
	return talk(NETLINK_ROUTE, message);
}

/* "tc qdisc add dev lo root KIND ..." Return: 0 or errno. */
static int add_qdisc(const char *kind, const void *options, size_t len)
{
	char buffer[2048];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct tcmsg *head;

	message->nlmsg_type = RTM_NEWQDISC;
	message->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	head->tcm_ifindex = LOOPBACK;
	head->tcm_parent = TC_H_ROOT;
	mnl_attr_put_strz(message, TCA_KIND, kind);
	mnl_attr_put(message, TCA_OPTIONS, len, options);
	return talk(NETLINK_ROUTE, message);
}

static struct nlmsghdr *netfilter_header(char *buffer, uint16_t subsystem, uint16_t type)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *head;

	message->nlmsg_type = (uint16_t)(subsystem << 8) | type;
	head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	head->nfgen_family = AF_INET;
	head->version = NFNETLINK_V0;
	return message;
}

static int run_rules(const char *rules)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	int failed;

	if (!nft)
		return ENOMEM;
	nft_ctx_buffer_output(nft);
	nft_ctx_buffer_error(nft);
	failed = nft_run_cmd_from_buffer(nft, rules);
	nft_ctx_free(nft);
	return failed ? EOPNOTSUPP : 0;
}

/* -- the probes: each runs in a child of its own and returns 0 or an errno -----------------------
 */

static int probe_user_namespace(void)
{
	return enter_user();
}

static int probe_net_namespace(void)
{
	return enter(CLONE_NEWNET);
}

static int probe_veth(void)
{
	int error = enter(CLONE_NEWNET);

	return error ? error : add_link("veth", "below", 0);
}

static int probe_bridge(void)
{
	int error = enter(CLONE_NEWNET);

	return error ? error : add_link("bridge", "probe", 0);
}

/* Devices that stand on another one; loopback would not carry them. */
static int add_upper(const char *kind)
{
	int error = probe_veth();

	return error ? error : add_link(kind, "probe", if_nametoindex("below"));
}

static int probe_macvlan(void)
{
	return add_upper("macvlan");
}

static int probe_vlan(void)
{
	return add_upper("vlan");
}

static int probe_tun(void)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int error = enter(CLONE_NEWNET);
	int fd = error ? -1 : open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (error)
		return error;
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
		return errno;
	return 0;
}

static int probe_nft_nat(void)
{
	int error = enter(CLONE_NEWNET);

	return error ? error
		     : run_rules("table ip t { chain c { type nat hook postrouting priority 100; "
				 "oifname lo masquerade; }; }");
}

static int probe_nft_map(void)
{
	int error = enter(CLONE_NEWNET);

	return error ? error
		     : run_rules("table ip t { map m { type inet_proto . inet_service : "
				 "ipv4_addr . inet_service; }; chain c { type nat hook prerouting "
				 "priority -100; dnat ip to meta l4proto . th dport map @m; }; }");
}

static int probe_nft_reject(void)
{
	int error = enter(CLONE_NEWNET);

	return error ? error
		     : run_rules("table ip t { chain c { type filter hook input priority 0; "
				 "meta l4proto tcp reject with tcp reset; }; }");
}

static int probe_nft_ct(void)
{
	int error = enter(CLONE_NEWNET);

	return error ? error
		     : run_rules("table ip t { chain c { type filter hook forward priority 0; "
				 "ct state established,related ct status dnat accept; }; }");
}

static int probe_conntrack(void)
{
	char buffer[512];
	struct nlmsghdr *message;
	int error = enter(CLONE_NEWNET);

	if (error)
		return error;
	message = netfilter_header(buffer, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET);
	message->nlmsg_flags = NLM_F_DUMP;
	return talk(NETLINK_NETFILTER, message);
}

static int probe_nfqueue(void)
{
	struct nfqnl_msg_config_cmd bind_queue = {.command = NFQNL_CFG_CMD_BIND, .pf = AF_INET};
	char buffer[512];
	struct nlmsghdr *message;
	int error = enter(CLONE_NEWNET);

	if (error)
		return error;
	message = netfilter_header(buffer, NFNL_SUBSYS_QUEUE, NFQNL_MSG_CONFIG);
	mnl_attr_put(message, NFQA_CFG_CMD, sizeof(bind_queue), &bind_queue);
	error = talk(NETLINK_NETFILTER, message);
	return error ? error
		     : run_rules("table ip t { chain c { type filter hook forward priority 0; "
				 "queue num 0; }; }");
}

static int probe_netem(void)
{
	struct tc_netem_qopt options = {.limit = 1000, .latency = 1000};
	int error = enter(CLONE_NEWNET);

	return error ? error : add_qdisc("netem", &options, sizeof(options));
}

static int probe_tbf(void)
{
	struct {
		struct nlattr head;
		struct tc_tbf_qopt parameters;
		struct nlattr burst_head;
		uint32_t burst;
	} options = {
		.head = {sizeof(struct nlattr) + sizeof(struct tc_tbf_qopt), TCA_TBF_PARMS},
		.parameters = {.rate = {.rate = 1000000, .linklayer = TC_LINKLAYER_ETHERNET},
			       .limit = 100000},
		.burst_head = {sizeof(struct nlattr) + sizeof(uint32_t), TCA_TBF_BURST},
		.burst = 100000,
	};
	int error = enter(CLONE_NEWNET);

	return error ? error : add_qdisc("tbf", &options, sizeof(options));
}

static int probe_socket(int domain)
{
	int error = enter(CLONE_NEWNET);

	if (!error && socket(domain, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0)
		error = errno;
	return error;
}

static int probe_ipv6(void)
{
	return probe_socket(AF_INET6);
}

static int probe_packet(void)
{
	return probe_socket(AF_PACKET);
}

/* Mount @type on /proc, which every system has, in a mount namespace of our own. */
static int mount_over(const char *type)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/proc", type, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return errno;
	return 0;
}

static int probe_tmpfs(void)
{
	int error = enter(CLONE_NEWNS);

	return error ? error : mount_over("tmpfs");
}

static int probe_sysfs(void)
{
	int error = enter(CLONE_NEWNS | CLONE_NEWNET);

	return error ? error : mount_over("sysfs");
}

/* A /proc shows the process namespace of who mounts it, and only a child is in the new one. */
static int probe_proc(void)
{
	int error = enter(CLONE_NEWNS | CLONE_NEWPID), status;
	pid_t child = error ? 0 : fork();

	if (error)
		return error;
	if (child < 0)
		return errno;
	if (!child)
		_exit(mount_over("proc"));
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return ECHILD;
	return WEXITSTATUS(status);
}

/**
 * struct feature - one line of the list
 * @option:	of the kernel, for the reason
 */
struct feature {
	const char *name;
	const char *summary;
	const char *option;
	int (*probe)(void);
};

static const struct feature features[] = {
	{"user-namespaces", "a lab without root", "CONFIG_USER_NS, user.max_user_namespaces",
	 probe_user_namespace},
	{"network-namespaces", "the nodes of a lab", "CONFIG_NET_NS", probe_net_namespace},
	{"proc-mount", "a /proc of the lab's own processes", "CONFIG_PID_NS, an unmasked /proc",
	 probe_proc},
	{"sysfs-mount", "a /sys that shows the node's interfaces", "an unmasked /sys", probe_sysfs},
	{"tmpfs-mount", "private /run and /tmp per node", "CONFIG_TMPFS", probe_tmpfs},
	{"veth", "links between nodes", "CONFIG_VETH", probe_veth},
	{"bridge", "networks of more than two nodes", "CONFIG_BRIDGE", probe_bridge},
	{"macvlan", "a share of a physical interface", "CONFIG_MACVLAN", probe_macvlan},
	{"vlan", "tagged networks on one interface", "CONFIG_VLAN_8021Q", probe_vlan},
	{"tun-tap", "routers in virtual machines and user space stacks", "CONFIG_TUN, /dev/net/tun",
	 probe_tun},
	{"nft-nat", "source NAT of the routers", "CONFIG_NFT_NAT, CONFIG_NFT_MASQ", probe_nft_nat},
	{"nft-map-concatenation", "port mappings as elements of one map", "CONFIG_NF_TABLES >= 5.6",
	 probe_nft_map},
	{"nft-conntrack", "filtering by the state of connections", "CONFIG_NFT_CT", probe_nft_ct},
	{"nft-reject", "closed ports that say so", "CONFIG_NFT_REJECT", probe_nft_reject},
	{"conntrack-netlink", "connections as evidence, and forgetting them",
	 "CONFIG_NF_CT_NETLINK", probe_conntrack},
	{"nfqueue", "packets through user space",
	 "CONFIG_NETFILTER_NETLINK_QUEUE, CONFIG_NFT_QUEUE", probe_nfqueue},
	{"netem", "delay, loss and reordering by the kernel", "CONFIG_NET_SCH_NETEM", probe_netem},
	{"tbf", "rate limits by the kernel", "CONFIG_NET_SCH_TBF", probe_tbf},
	{"ipv6", "IPv6 in the lab", "CONFIG_IPV6, ipv6.disable", probe_ipv6},
	{"packet-sockets", "capture and watching of links", "CONFIG_PACKET", probe_packet},
};

/* Run a probe in a child. Return: what it said. */
static int run_probe(int (*probe)(void))
{
	int status;
	pid_t child = fork();

	if (child < 0)
		return errno;
	if (!child)
		_exit(probe());
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

static char *explain(const struct feature *feature, int error)
{
	if (!error)
		return xstrdup("");
	if (feature->probe != probe_user_namespace && geteuid() && run_probe(probe_user_namespace))
		return xstrdup("needs root, or user namespaces for ordinary users");
	return xasprintf("the kernel says \"%s\"; it needs %s", strerror(error), feature->option);
}

json_t *features_probe(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		int error = run_probe(features[i].probe);
		char *reason = explain(&features[i], error);

		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:b, s:s}", "name", features[i].name,
						"summary", features[i].summary, "available", !error,
						"reason", reason));
		free(reason);
	}
	return list;
}
