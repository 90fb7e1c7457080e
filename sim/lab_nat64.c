/* SPDX-License-Identifier: MIT */
/*
 * lab_nat64.c - a router that is a NAT64 (see nat64.h).
 *
 * The router's kernel hands what goes to the prefix, and what comes back for the pool, to a TUN
 * interface, whose other end is here; hops are counted by the kernel on both sides. The router's
 * source NAT makes its outer address of the pool's: nobody outside sees them.
 */
#include "../fakeigd/base/mem.h"
#include "lab_init.h"
#include "link.h"
#include "nat64.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define POOL	    0xc6120000 /* 198.18.0.0/24, of the block that RFC 2544 has for tests */
#define POOL_PREFIX 24
/* A fragment of IPv4 grows by 28 bytes, and is to fit into an Ethernet frame; a multiple of 8 and a
 * header of IPv4. */
#define POOL_MTU 1452

/** struct translator - a NAT64 of a lab; it lives as long as that */
struct translator {
	struct nat64 state;
	uint8_t in[NAT64_ROOM];
	uint8_t out[NAT64_ROOM];
};

static void on_packet(void *arg, int fd, uint32_t events)
{
	struct translator *t = arg;
	ssize_t got;

	(void)events;
	while ((got = read(fd, t->in, sizeof(t->in))) > 0) {
		size_t len = nat64_translate(&t->state, t->in, (size_t)got, t->out);

		/* A full queue loses it, as any link may. */
		if (len && write(fd, t->out, len) < 0 && errno != EAGAIN)
			continue;
	}
}

/* A TUN interface of the current namespace. Return: descriptor or -errno. */
static int open_tun(int *index)
{
	struct ifreq request = {.ifr_name = "nat64", .ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	*index = (int)if_nametoindex(request.ifr_name);
	return fd;
}

static int route(struct lab_node *node, int index, const struct nat64 *state)
{
	int error = link_set(node->sk, index, true);

	if (!error)
		error = link_route(node->sk, index, AF_INET6, &state->prefix, NAT64_PREFIX, NULL);
	if (!error)
		error = link_narrow_route(node->sk, index, AF_INET, &state->pool, POOL_PREFIX,
					  POOL_MTU);
	return error;
}

static int start(struct lab_init *lab, struct lab_node *node)
{
	struct translator *t = xcalloc(1, sizeof(*t));
	int index = 0, fd, error;

	t->state.prefix = node->node->nat64;
	t->state.pool.s_addr = htonl(POOL);
	lab_enter(lab, node);
	fd = open_tun(&index);
	lab_enter(lab, NULL);
	if (fd < 0) {
		diag_at(lab->diag, NULL, 0,
			"router %s: cannot be a NAT64, which needs /dev/net/tun: %s",
			node->node->name, strerror(-fd));
		free(t);
		return -1;
	}
	error = route(node, index, &t->state);
	if (error) {
		diag_at(lab->diag, NULL, 0, "router %s: cannot route to its NAT64: %s",
			node->node->name, link_error(error));
		close(fd);
		free(t);
		return -1;
	}
	loop_watch(lab->loop, fd, EPOLLIN, on_packet, t);
	return 0;
}

int lab_nat64(struct lab_init *lab)
{
	for (size_t n = 0; n < lab->topology->node_count; n++)
		if (lab->topology->nodes[n].has_nat64 && !lab->nodes[n].outside &&
		    start(lab, &lab->nodes[n]) < 0)
			return -1;
	return 0;
}
