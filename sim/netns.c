/* SPDX-License-Identifier: MIT */
/* netns.c - network namespaces held by descriptor (see netns.h). */
#include "netns.h"

#include "../fakeigd/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

int netns_self(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int netns_new(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	return netns_self();
}

int netns_enter(int fd)
{
	return setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

/* When a sysctl applies. */
enum sysctl_scope {
	ALWAYS,
	IPV6, /* where the kernel has IPv6 */
};

/**
 * struct sysctl - one value to write
 * @path:	below /proc/sys/net
 * @value:	text; NULL: "1" or "0", as the caller says (is it a router?)
 * @fallback:	written when @value is refused
 * @optional:	not every kernel has it
 * @fresh:	what a fresh namespace has; "" = not looked yet
 */
struct sysctl {
	enum sysctl_scope scope;
	const char *path;
	const char *value;
	const char *fallback;
	bool optional;
	char fresh[24];
};

#define SYSCTL(scope, path, value, fallback, optional)                                             \
	{                                                                                          \
		scope, path, value, fallback, optional, ""                                         \
	}

/*
 * Forwarding comes first: writing it sets others. ICMP is not rate-limited: "does not exist" is
 * always answered at once. The ports that sockets get by themselves are high, so that a test finds
 * the lower ones free. The group range lets unprivileged ICMP sockets work for every user; a
 * lab of an ordinary user knows group 0 only.
 */
static struct sysctl node_sysctls[] = {
	SYSCTL(ALWAYS, "ipv4/ip_forward", NULL, NULL, false),
	SYSCTL(ALWAYS, "ipv4/conf/all/rp_filter", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/conf/default/rp_filter", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/conf/all/send_redirects", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/conf/default/send_redirects", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/conf/all/accept_redirects", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/conf/default/accept_redirects", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/conf/all/arp_ignore", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/conf/default/arp_ignore", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/conf/all/arp_announce", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/conf/default/arp_announce", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/conf/all/proxy_arp", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/conf/default/proxy_arp", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/conf/all/log_martians", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/conf/default/log_martians", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/icmp_ratelimit", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/icmp_ratemask", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/igmp_max_memberships", "512", NULL, false),
	SYSCTL(ALWAYS, "ipv4/ip_unprivileged_port_start", "0", NULL, false),
	SYSCTL(ALWAYS, "ipv4/ip_local_port_range", "50000 65535", NULL, false),
	SYSCTL(ALWAYS, "ipv4/ping_group_range", "0 2147483647", "0 0", false),
	SYSCTL(ALWAYS, "core/somaxconn", "4096", NULL, true),
	SYSCTL(ALWAYS, "unix/max_dgram_qlen", "512", NULL, true),
	/* No address that nobody asked for: captures hold no IPv6 noise. */
	SYSCTL(IPV6, "ipv6/conf/default/addr_gen_mode", "1", NULL, false),
};

/* Duplicate address detection would hold back the first multicast for 1 to 2 s. */
static struct sysctl ipv6_sysctls[] = {
	SYSCTL(IPV6, "ipv6/conf/all/forwarding", NULL, NULL, false),
	SYSCTL(IPV6, "ipv6/conf/all/disable_ipv6", "0", NULL, false),
	SYSCTL(IPV6, "ipv6/conf/default/disable_ipv6", "0", NULL, false),
	SYSCTL(IPV6, "ipv6/conf/all/accept_dad", "0", NULL, false),
	SYSCTL(IPV6, "ipv6/conf/default/accept_dad", "0", NULL, false),
	SYSCTL(IPV6, "ipv6/conf/default/accept_redirects", "0", NULL, false),
	SYSCTL(IPV6, "ipv6/conf/default/use_tempaddr", "0", NULL, true),
	SYSCTL(IPV6, "ipv6/icmp/ratelimit", "0", NULL, false),
};

/* The same of router advertisements; values by netns_settings. */
static struct sysctl ra_sysctls[] = {
	SYSCTL(IPV6, "ipv6/conf/default/accept_ra", NULL, NULL, false),
	SYSCTL(IPV6, "ipv6/conf/default/autoconf", NULL, NULL, false),
};

static struct sysctl switch_sysctls[] = {
	SYSCTL(ALWAYS, "unix/max_dgram_qlen", "512", NULL, true),
	SYSCTL(IPV6, "ipv6/conf/default/addr_gen_mode", "1", NULL, false),
	SYSCTL(IPV6, "ipv6/conf/default/disable_ipv6", "1", NULL, false),
};

/* Whether this kernel has IPv6 at all. */
static bool netns_has_ipv6(void)
{
	return access("/proc/sys/net/ipv6/conf", X_OK) == 0;
}

static int write_value(int dir, const char *path, const char *value)
{
	int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		error = -errno;
	close(fd);
	return error;
}

/* What a fresh namespace has; "?" when that cannot be read. */
static void read_fresh(int dir, struct sysctl *s)
{
	int fd = openat(dir, s->path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, s->fresh, sizeof(s->fresh) - 1);

	if (fd >= 0)
		close(fd);
	if (len <= 0)
		len = (ssize_t)strlen(strcpy(s->fresh, "?\n"));
	s->fresh[len] = '\0';
	s->fresh[strcspn(s->fresh, "\n")] = '\0';
}

static int write_sysctl(int dir, const struct sysctl *s, bool yes, struct diag *d)
{
	const char *value = s->value ? s->value : yes ? "1" : "0";
	int error;

	if (!strcmp(s->fresh, value))
		return 0;
	error = write_value(dir, s->path, value);
	if (error && s->fallback)
		error = write_value(dir, s->path, s->fallback);
	if (!error || s->optional)
		return 0;
	diag_at(d, NULL, 0, "cannot set the sysctl net/%s to %s in a lab's namespace: %s%s",
		s->path, value, strerror(-error),
		error == -EROFS ? " (/proc/sys is mounted read-only here)" : "");
	return error;
}

static int open_sysctls(struct diag *d)
{
	int dir = open("/proc/sys/net", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int error = -errno;

	if (dir >= 0)
		return dir;
	diag_at(d, NULL, 0, "/proc/sys/net: %s", strerror(-error));
	return error;
}

static int write_sysctls(int dir, struct sysctl *list, size_t count, bool yes, struct diag *d)
{
	bool ipv6 = netns_has_ipv6();
	int error = 0;

	for (size_t i = 0; i < count && !error; i++)
		if (list[i].scope != IPV6 || ipv6)
			error = write_sysctl(dir, &list[i], yes, d);
	return error;
}

/* All before any is written: writing "forwarding" changes others. */
static void learn_fresh(int dir)
{
	if (node_sysctls[0].fresh[0])
		return;
	for (size_t i = 0; i < ARRAY_SIZE(node_sysctls); i++)
		read_fresh(dir, &node_sysctls[i]);
	for (size_t i = 0; i < ARRAY_SIZE(ipv6_sysctls); i++)
		read_fresh(dir, &ipv6_sysctls[i]);
	for (size_t i = 0; i < ARRAY_SIZE(ra_sysctls); i++)
		read_fresh(dir, &ra_sysctls[i]);
}

static int configure_ipv6(int dir, const struct netns_settings *settings, struct diag *d)
{
	int error;

	if (!netns_has_ipv6()) {
		diag_at(d, NULL, 0, "the topology has IPv6, but this kernel has none");
		return -EAFNOSUPPORT;
	}
	error = write_sysctls(dir, ipv6_sysctls, ARRAY_SIZE(ipv6_sysctls), settings->router, d);
	if (!error)
		error = write_sysctls(dir, &ra_sysctls[0], 1, settings->accept_ra, d);
	if (!error)
		error = write_sysctls(dir, &ra_sysctls[1], 1, settings->autoconf, d);
	return error;
}

int netns_configure(const struct netns_settings *settings, struct diag *d)
{
	int dir = open_sysctls(d);
	int error;

	if (dir < 0)
		return dir;
	learn_fresh(dir);
	error = write_sysctls(dir, node_sysctls, ARRAY_SIZE(node_sysctls), settings->router, d);
	if (!error && settings->ipv6)
		error = configure_ipv6(dir, settings, d);
	close(dir);
	return error;
}

int netns_configure_switch(struct diag *d)
{
	int dir = open_sysctls(d);
	int error;

	if (dir < 0)
		return dir;
	error = write_sysctls(dir, switch_sysctls, ARRAY_SIZE(switch_sysctls), false, d);
	close(dir);
	return error;
}
