/* SPDX-License-Identifier: MIT */
/*
 * wire.c - an impairment relay between two interfaces (see wire.h)
 *
 * Theory of operation
 *
 * A frame that arrives meets, in this order: MTU, multicast, loss, rate, delay with jitter,
 * duplication, reordering. For each one the same number of random numbers is drawn whether they
 * matter or not, from a generator of its direction, so one frame's fate does not depend on
 * another's.
 *
 * Rate: the cable is busy for the frame's length (token bucket of two full frames). Delay: a heap
 * of frames by the time they are due; jitter moves a frame's time but not before its predecessor's,
 * for cables do not reorder. A frame that is to be reordered is held REORDER_US longer and others
 * pass it. Queues are bounded in frames and in bytes; what does not fit is lost, as in a router.
 *
 * Time here is the kernel's, not the lab's: advancing the lab's clock lets leases expire, it does
 * not make light travel faster. Timers follow the lab's clock, so they may fire early and are armed
 * again then.
 *
 * veth hands over frames whose checksum the "hardware" would have filled in, and segments that are
 * larger than the MTU. PACKET_VNET_HDR carries both facts across, and the receiver is told what the
 * sender's kernel knew. The sockets are made with protocol 0 and bound afterwards: made with
 * ETH_P_ALL they would cost 8 ms each.
 */
#include "wire.h"

#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "netns.h"

#include <errno.h>
#include <net/if.h> /* before the kernel's own */

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_FRAMES 4096
#define QUEUE_BYTES  (8u * 1024 * 1024)
#define FRAME_MAX    (sizeof(struct virtio_net_hdr) + 65536 + ETH_HLEN)
#define READ_BATCH   64
#define REORDER_US   3000
#define BUCKET_BYTES (2 * 1514)
#define DEFAULT_MTU  1500
#define GSO_UDP_L4   5 /* VIRTIO_NET_HDR_GSO_UDP_L4 of newer headers */

/* A frame under way; @data begins with its virtio_net_hdr. */
struct parcel {
	int64_t due;
	uint64_t order;
	size_t len;
	unsigned char data[];
};

/**
 * struct lane - one direction
 * @in, @out:	sockets
 * @heap:	frames by due time
 * @bytes:	in the heap
 * @last_due:	of the frame before, for order
 * @busy_until:	rate: when the frames so far have left
 */
struct lane {
	struct wire *wire;
	int in, out;
	struct loop_source *source;
	struct parcel **heap;
	size_t count, cap;
	size_t bytes;
	uint64_t order;
	int64_t last_due;
	int64_t busy_until;
	uint64_t chance;
	struct wire_totals totals;
};

struct wire {
	struct loop *loop;
	struct impairment im;
	int fds[2];
	struct lane lanes[2];
	struct loop_timer timer;
};

/* The kernel's time, whatever the lab's clock says. */
static int64_t wire_now(void)
{
	return clock_now() - clock_offset();
}

/* splitmix64: a number from 0 to 1. */
static double draw(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (double)((z ^ z >> 31) >> 11) / (double)(UINT64_C(1) << 53);
}

static bool before(const struct parcel *a, const struct parcel *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void push(struct lane *l, struct parcel *p)
{
	size_t i = l->count++;

	if (l->count > l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->heap = xrealloc(l->heap, l->cap * sizeof(struct parcel *));
	}
	for (; i && before(p, l->heap[(i - 1) / 2]); i = (i - 1) / 2)
		l->heap[i] = l->heap[(i - 1) / 2];
	l->heap[i] = p;
	l->bytes += p->len;
}

static struct parcel *pop(struct lane *l)
{
	struct parcel *first = l->heap[0], *last = l->heap[--l->count];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < l->count) {
		if (child + 1 < l->count && before(l->heap[child + 1], l->heap[child]))
			child++;
		if (!before(l->heap[child], last))
			break;
		l->heap[i] = l->heap[child];
		i = child;
	}
	if (l->count)
		l->heap[i] = last;
	l->bytes -= first->len;
	return first;
}

static void transmit(struct lane *l, const void *data, size_t len)
{
	if (send(l->out, data, len, MSG_DONTWAIT) < 0)
		l->totals.overflow++;
	else
		l->totals.sent++;
}

/* Wait for the next frame that is due, in the lab's time of now. */
static void arm(struct wire *w, loop_timer_fn *fn)
{
	int64_t next = INT64_MAX;

	for (int i = 0; i < 2; i++)
		if (w->lanes[i].count && w->lanes[i].heap[0]->due < next)
			next = w->lanes[i].heap[0]->due;
	if (next == INT64_MAX)
		loop_timer_cancel(w->loop, &w->timer);
	else
		loop_timer_arm(w->loop, &w->timer, next + clock_offset(), fn, w);
}

static void deliver(void *arg)
{
	struct wire *w = arg;
	int64_t now = wire_now();

	for (int i = 0; i < 2; i++) {
		struct lane *l = &w->lanes[i];

		while (l->count && l->heap[0]->due <= now) {
			struct parcel *p = pop(l);

			transmit(l, p->data, p->len);
			free(p);
		}
	}
	arm(w, deliver);
}

/* Send at @due, or at once when that is now and nothing waits. */
static void dispatch(struct lane *l, const unsigned char *data, size_t len, int64_t due)
{
	struct parcel *p;

	if (due <= wire_now() && !l->count) {
		transmit(l, data, len);
		return;
	}
	if (l->count >= QUEUE_FRAMES || l->bytes + len > QUEUE_BYTES) {
		l->totals.overflow++;
		return;
	}
	p = xmalloc(sizeof(*p) + len);
	*p = (struct parcel){.due = due, .order = l->order++, .len = len};
	memcpy(p->data, data, len);
	push(l, p);
}

/* Multicast that is none of ARP's and IPv6 neighbour discovery's business: a cable that loses those
 * would be no cable at all. */
static bool is_lost_multicast(const unsigned char *mac)
{
	static const unsigned char broadcast[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const unsigned char ipv6_low[] = {0x33, 0x33, 0, 0, 0};
	static const unsigned char ipv6_solicited[] = {0x33, 0x33, 0xff};

	if (!(mac[0] & 1) || !memcmp(mac, broadcast, sizeof(broadcast)) ||
	    !memcmp(mac, ipv6_solicited, sizeof(ipv6_solicited)))
		return false;
	/* all nodes (advertisements), all routers (solicitations) */
	return memcmp(mac, ipv6_low, sizeof(ipv6_low)) != 0 || mac[5] > 2;
}

/* Bytes above the Ethernet header of the largest packet that the frame stands for: a frame that the
 * "hardware" is still to cut up says how long a piece is, and where its transport header begins. */
static size_t packet_size(const unsigned char *data, size_t len)
{
	struct virtio_net_hdr h;
	size_t size = len - sizeof(h) - ETH_HLEN, transport = 8;

	memcpy(&h, data, sizeof(h));
	if (h.gso_type == VIRTIO_NET_HDR_GSO_NONE || !(h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
	    sizeof(h) + h.csum_start + 20 > len)
		return size;
	if ((h.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) != GSO_UDP_L4)
		transport = (size_t)(data[sizeof(h) + h.csum_start + 12] >> 4) * 4;
	return (size_t)h.csum_start - ETH_HLEN + transport + h.gso_size;
}

/* When the last bit of a frame has left. */
static int64_t departure(struct lane *l, size_t len, int64_t now)
{
	uint64_t rate = l->wire->im.rate;
	int64_t burst;

	if (!rate)
		return now;
	burst = (int64_t)(BUCKET_BYTES * 8 * UINT64_C(1000000) / rate);
	if (l->busy_until < now - burst)
		l->busy_until = now - burst;
	l->busy_until += (int64_t)(len * 8 * UINT64_C(1000000) / rate);
	return l->busy_until > now ? l->busy_until : now;
}

static void carry(struct lane *l, const unsigned char *data, size_t len)
{
	const struct impairment *im = &l->wire->im;
	double lost = draw(&l->chance), jitter = draw(&l->chance);
	double duplicate = draw(&l->chance), reorder = draw(&l->chance);
	int64_t due;

	l->totals.received++;
	if (packet_size(data, len) > (size_t)(im->mtu ? im->mtu : DEFAULT_MTU)) {
		l->totals.oversize++;
		return;
	}
	if (im->drop_multicast && is_lost_multicast(data + sizeof(struct virtio_net_hdr))) {
		l->totals.multicast++;
		return;
	}
	if (lost < im->loss) {
		l->totals.lost++;
		return;
	}
	due = departure(l, len - sizeof(struct virtio_net_hdr), wire_now()) + im->delay_us +
	      (int64_t)((2 * jitter - 1) * (double)im->jitter_us);
	if (due < l->last_due)
		due = l->last_due;
	if (reorder < im->reorder) {
		l->totals.reordered++;
		due += REORDER_US;
	} else {
		l->last_due = due;
	}
	dispatch(l, data, len, due);
	if (duplicate < im->duplicate) {
		l->totals.duplicated++;
		dispatch(l, data, len, due);
	}
}

static void readable(void *arg, int fd, uint32_t events)
{
	static unsigned char data[FRAME_MAX];
	struct lane *l = arg;

	(void)events;
	for (int i = 0; i < READ_BATCH; i++) {
		ssize_t len = recv(fd, data, sizeof(data), MSG_DONTWAIT);

		if (len < (ssize_t)(sizeof(struct virtio_net_hdr) + ETH_HLEN))
			break;
		carry(l, data, (size_t)len);
	}
	arm(l->wire, deliver);
}

/* A packet socket on one interface of the current namespace. Return: descriptor or -errno. */
static int open_end(const char *ifname)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1, size = QUEUE_BYTES;
	int error;

	if (fd < 0)
		return -errno;
	to.sll_ifindex = (int)if_nametoindex(ifname);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (!to.sll_ifindex || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		error = to.sll_ifindex ? -errno : -ENODEV;
		close(fd);
		return error;
	}
	return fd;
}

static int open_end_in(int netns, const char *ifname)
{
	int here = netns >= 0 ? netns_self() : -1, fd;

	if (netns >= 0 && here < 0)
		return here;
	fd = netns >= 0 ? netns_enter(netns) : 0;
	if (!fd)
		fd = open_end(ifname);
	if (netns >= 0) {
		/* Nobody can go on in the wrong namespace. */
		if (netns_enter(here) < 0)
			abort();
		close(here);
	}
	return fd;
}

void wire_seed(struct wire *w, uint64_t seed)
{
	w->lanes[0].chance = seed;
	w->lanes[1].chance = ~seed;
}

/* FNV-1a over both names */
static uint64_t seed_of(const char *a, const char *b)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *s = a; *s; s++)
		hash = (hash ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	for (const char *s = b; *s; s++)
		hash = (hash ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return hash;
}

struct wire *wire_new(struct loop *loop, int netns_a, const char *if_a, int netns_b,
		      const char *if_b, const struct impairment *im, struct diag *d)
{
	const char *names[2] = {if_a, if_b};
	const int namespaces[2] = {netns_a, netns_b};
	struct wire *w = xcalloc(1, sizeof(*w));

	w->loop = loop;
	w->im = *im;
	w->fds[0] = w->fds[1] = -1;
	for (int i = 0; i < 2; i++) {
		int fd = open_end_in(namespaces[i], names[i]);

		if (fd < 0) {
			diag_at(d, NULL, 0, "cannot relay between %s and %s: %s: %s", if_a, if_b,
				names[i], strerror(-fd));
			wire_free(w);
			return NULL;
		}
		w->fds[i] = fd;
	}
	wire_seed(w, seed_of(if_a, if_b));
	for (int i = 0; i < 2; i++) {
		struct lane *l = &w->lanes[i];

		l->wire = w;
		l->in = w->fds[i];
		l->out = w->fds[1 - i];
		l->source = loop_watch(loop, l->in, EPOLLIN, readable, l);
	}
	return w;
}

void wire_free(struct wire *w)
{
	if (!w)
		return;
	loop_timer_cancel(w->loop, &w->timer);
	for (int i = 0; i < 2; i++) {
		struct lane *l = &w->lanes[i];

		loop_unwatch(w->loop, l->source);
		while (l->count)
			free(pop(l));
		free(l->heap);
	}
	for (int i = 0; i < 2; i++)
		if (w->fds[i] >= 0)
			close(w->fds[i]);
	free(w);
}

const struct wire_totals *wire_totals(const struct wire *w, int direction)
{
	return &w->lanes[direction].totals;
}
