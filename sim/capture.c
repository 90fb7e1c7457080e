/* SPDX-License-Identifier: MIT */
/*
 * capture.c - libpcap on every link, one pcapng.
 *
 * Theory of operation
 *
 * One process per link. Opening a packet socket with a ring waits for an RCU grace period (8 ms
 * here) and closing it for two or three; processes wait for them together, one process would wait
 * for each in turn (five links: 16 ms against 56 to open, and nobody waits for the close). They
 * share one file, opened for appending: each writes whole blocks, which the kernel does not
 * interleave, so the file is well-formed at any moment, also when the lab is killed.
 *
 * The ring is libpcap's of variable-sized records (TPACKET_V3), not that of its immediate mode:
 * there a slot holds the largest frame that segmentation offload can make, 64 KiB on a veth, and a
 * ring of 4 MiB loses everything after the 32nd small packet of a burst. The price is that a packet
 * becomes visible up to RETIRE_MS later; draining therefore asks the kernel how many packets the
 * ring has taken and reads until it has them, instead of trusting an empty ring.
 *
 * The parent talks to each process over a socket pair, one byte of command and one struct of
 * answer: ready (or the reason why not) unasked, then sync and stop. A process ends at the stop or
 * when the parent is gone. It ignores the signals that a terminal sends to all, because what
 * happens after Ctrl-C belongs to the evidence.
 *
 * Packets are in order of time per link; evidence_finish() puts the links together.
 */
#include "capture.h"

#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_NAME     "capture.pcapng"
#define APPLICATION   "igdlab " IGDLAB_VERSION
#define SNAPLEN	      262144	 /* more than segmentation offload can make */
#define RING_BYTES    (4 << 20)	 /* per link: 12,000 small packets between two turns */
#define RETIRE_MS     4		 /* a packet is visible at most this long after its arrival */
#define KEPT_BYTES    (16 << 20) /* per link: a router that sends without end fills no disk */
#define BLOCK_BYTES   32	 /* of an Enhanced Packet Block, beside the packet */
#define FLUSH_BYTES   (64 << 10)
#define FLUSH_IDLE_MS 100 /* a quiet link's packets are in the file after this */
#define DRAIN_TURNS   8	  /* waits of RETIRE_MS without a packet after which a ring is empty */

#define COMMAND_SYNC 'S'
#define COMMAND_STOP 'Q'

/**
 * struct answer - what a capture process says
 * @error:	0 or errno
 * @packets, @dropped: so far
 * @text:	when @error: what failed
 */
struct answer {
	int error;
	uint64_t packets;
	uint64_t dropped;
	char text[PCAP_ERRBUF_SIZE + 64];
};

/** struct member - the parent's view of one process */
struct member {
	pid_t pid;
	int fd;
};

struct capture {
	struct member *members;
	size_t count;
};

/**
 * struct tap - a capture process's own state
 * @interface:	its number in the file
 * @seen:	packets that libpcap handed over
 * @kept:	bytes of them in the file; from KEPT_BYTES on they are only counted
 */
struct tap {
	pcap_t *pcap;
	uint32_t interface;
	int file;
	int control;
	int error;
	uint64_t seen;
	uint64_t kept;
	struct buf out;
};

/* ---- the process of one link ---- */

static void flush(struct tap *t)
{
	size_t done = 0;

	while (done < t->out.len && !t->error) {
		ssize_t n = write(t->file, t->out.data + done, t->out.len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			t->error = errno;
	}
	buf_reset(&t->out);
}

static void on_packet(u_char *arg, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct tap *t = (struct tap *)arg;
	bool last;

	t->seen++;
	if (t->error || t->kept >= KEPT_BYTES)
		return;
	t->kept += BLOCK_BYTES + (h->caplen + 3) / 4 * 4;
	last = t->kept >= KEPT_BYTES;
	pcapng_write_packet(&t->out,
			    &(struct pcapng_packet){
				    .interface = t->interface,
				    .time_ns = h->ts.tv_sec * INT64_C(1000000000) +
					       h->ts.tv_usec, /* nanoseconds, as asked */
				    .original_len = h->len,
				    .data = {(const char *)bytes, h->caplen},
				    .comment = last ? slice_of(CAPTURE_FULL) : (struct slice){0},
			    });
	if (t->out.len >= FLUSH_BYTES)
		flush(t);
}

/* Reads what the ring holds. Return: how many packets that was. */
static uint64_t take(struct tap *t)
{
	uint64_t before = t->seen;

	if (pcap_dispatch(t->pcap, -1, on_packet, (u_char *)t) == PCAP_ERROR && !t->error)
		t->error = EIO;
	return t->seen - before;
}

/* What the kernel counted so far: packets for the ring, those that found no room in it included. */
static void statistics(struct tap *t, uint32_t *received, uint32_t *dropped)
{
	struct pcap_stat st = {0};

	pcap_stats(t->pcap, &st);
	*received = st.ps_recv;
	*dropped = st.ps_drop;
}

/*
 * Reads until every packet that the kernel counted before now has been handed over. Loopback counts
 * each packet twice and hands over one, so quiet for long enough is an end as well.
 */
static void drain(struct tap *t)
{
	uint32_t received, dropped;
	int quiet = 0;

	statistics(t, &received, &dropped);
	while (!t->error && quiet < DRAIN_TURNS) {
		struct pollfd p = {pcap_get_selectable_fd(t->pcap), POLLIN, 0};

		quiet = take(t) ? 0 : quiet + 1;
		if ((int32_t)((uint32_t)t->seen + dropped - received) >= 0)
			break;
		poll(&p, 1, RETIRE_MS);
	}
	flush(t);
}

static void reply(struct tap *t)
{
	struct answer a = {.error = t->error, .packets = t->seen};
	uint32_t received, dropped;

	statistics(t, &received, &dropped);
	a.dropped = dropped;
	if (a.error)
		snprintf(a.text, sizeof(a.text), "%s", strerror(a.error));
	send(t->control, &a, sizeof(a), MSG_NOSIGNAL);
}

static void stop(struct tap *t)
{
	uint32_t received, dropped;

	drain(t);
	statistics(t, &received, &dropped);
	pcapng_write_statistics(&t->out, t->interface, clock_real() * 1000, t->seen + dropped,
				dropped);
	flush(t);
}

/* Return: whether to go on. */
static bool on_command(struct tap *t)
{
	char command;
	ssize_t n = recv(t->control, &command, 1, 0);

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0)
		command = COMMAND_STOP; /* the parent is gone */
	if (command == COMMAND_STOP)
		stop(t);
	else
		drain(t);
	reply(t);
	return command != COMMAND_STOP;
}

static void capture_loop(struct tap *t)
{
	for (;;) {
		struct pollfd p[2] = {
			{t->control, POLLIN, 0},
			{pcap_get_selectable_fd(t->pcap), POLLIN, 0},
		};
		int ready = poll(p, t->error == EIO ? 1 : 2, t->out.len ? FLUSH_IDLE_MS : -1);

		if (ready == 0)
			flush(t);
		if (ready > 0 && p[1].revents)
			take(t);
		if (ready > 0 && p[0].revents && !on_command(t))
			return;
	}
}

/* Opens the handle. Return: NULL with a sentence in @text. */
static pcap_t *open_handle(const char *ifname, char *text, size_t size)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_create(ifname, error);
	int status;

	if (!p) {
		snprintf(text, size, "%s", error);
		return NULL;
	}
	pcap_set_snaplen(p, SNAPLEN);
	pcap_set_promisc(p, 1);
	pcap_set_timeout(p, RETIRE_MS);
	pcap_set_buffer_size(p, RING_BYTES);
	pcap_set_tstamp_precision(p, PCAP_TSTAMP_PRECISION_NANO);
	status = pcap_activate(p);
	if (status < 0)
		snprintf(text, size, "%s (%s)", pcap_statustostr(status), pcap_geterr(p));
	else if (pcap_datalink(p) != DLT_EN10MB)
		snprintf(text, size, "not an Ethernet-like device");
	else if (pcap_setnonblock(p, 1, error) < 0)
		snprintf(text, size, "%s", error);
	else
		return p;
	pcap_close(p);
	return NULL;
}

/* Leaves only what this process needs of the descriptors that it inherited. */
static void keep_only(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);

	if (low > 3)
		close_range(3, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0u, 0);
}

static void detach(const char *name)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGPIPE};
	char title[16];
	sigset_t none;
	int null;

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	snprintf(title, sizeof(title), "pcap %s", name);
	prctl(PR_SET_NAME, title);
	/* A pipe that somebody reads to its end must not stay open on this process's account. */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
}

static _Noreturn void run_tap(struct tap *t, const struct capture_link *link)
{
	struct answer a = {0};

	detach(link->name);
	if (setns(link->netns, CLONE_NEWNET) < 0) {
		a.error = errno;
		snprintf(a.text, sizeof(a.text), "network namespace: %s", strerror(errno));
	}
	keep_only(t->file, t->control);
	if (!a.error) {
		t->pcap = open_handle(link->ifname, a.text, sizeof(a.text));
		a.error = t->pcap ? 0 : EIO;
	}
	send(t->control, &a, sizeof(a), MSG_NOSIGNAL);
	if (a.error)
		_exit(1);
	capture_loop(t);
	_exit(0); /* the kernel closes the ring; nobody waits for it */
}

/* ---- the parent ---- */

static int write_head(int file, const struct capture_link *links, size_t count)
{
	struct buf head = {0};
	struct utsname os;
	char *system = NULL;
	ssize_t n;

	if (uname(&os) == 0)
		system = xasprintf("%s %s", os.sysname, os.release);
	pcapng_write_section(&head, APPLICATION, system, NULL);
	for (size_t i = 0; i < count; i++)
		pcapng_write_interface(&head, PCAPNG_LINKTYPE_ETHERNET, links[i].name,
				       links[i].ifname);
	n = write(file, head.data, head.len);
	if (n >= 0 && (size_t)n < head.len) {
		n = -1;
		errno = ENOSPC;
	}
	free(system);
	buf_free(&head);
	return n < 0 ? -errno : 0;
}

static int fork_member(struct capture *c, int file, const struct capture_link *link)
{
	struct tap t = {.file = file, .interface = (uint32_t)c->count};
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		t.control = pair[1];
		run_tap(&t, link);
	}
	close(pair[1]);
	if (pid < 0) {
		int error = errno;

		close(pair[0]);
		return -error;
	}
	c->members[c->count++] = (struct member){.pid = pid, .fd = pair[0]};
	return 0;
}

/* One answer of a member. Return: 0 or -errno; a member that is gone is -EPIPE. */
static int hear(const struct member *m, struct answer *a)
{
	ssize_t n;

	do
		n = recv(m->fd, a, sizeof(*a), 0);
	while (n < 0 && errno == EINTR);
	if (n == sizeof(*a))
		return -a->error;
	*a = (struct answer){.error = EPIPE, .text = "its process ended"};
	return -EPIPE;
}

/* Sends a command to all and then hears all, so that they work at the same time. */
static int ask(struct capture *c, char command, struct capture_totals *totals)
{
	int status = 0;

	for (size_t i = 0; i < c->count; i++)
		send(c->members[i].fd, &command, 1, MSG_NOSIGNAL);
	for (size_t i = 0; i < c->count; i++) {
		struct answer a;
		int one = hear(&c->members[i], &a);

		if (one && !status)
			status = one;
		totals->packets += a.packets;
		totals->dropped += a.dropped;
	}
	return status;
}

static void release(struct capture *c)
{
	for (size_t i = 0; i < c->count; i++)
		close(c->members[i].fd);
	free(c->members);
	free(c);
}

/* Whoever is up ends by the closed socket; wait, so that nothing is left running. */
static struct capture *give_up(struct capture *c)
{
	size_t count = c->count;
	pid_t *pids = xcalloc(count, sizeof(*pids));

	for (size_t i = 0; i < count; i++)
		pids[i] = c->members[i].pid;
	release(c);
	for (size_t i = 0; i < count; i++)
		while (waitpid(pids[i], NULL, 0) < 0 && errno == EINTR)
			;
	free(pids);
	return NULL;
}

static int open_file(int dir, const struct capture_link *links, size_t count, struct diag *d)
{
	int file =
		openat(dir, FILE_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
	int status = file < 0 ? -errno : write_head(file, links, count);

	if (!status)
		return file;
	diag_at(d, FILE_NAME, 0, "cannot be written: %s", strerror(-status));
	if (file >= 0)
		close(file);
	return -1;
}

struct capture *capture_start(int dir, const struct capture_link *links, size_t count,
			      struct diag *d)
{
	struct capture *c;
	int file = open_file(dir, links, count, d);
	int errors = d->errors;

	if (file < 0)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->members = xcalloc(count, sizeof(*c->members));
	while (c->count < count) {
		int status = fork_member(c, file, &links[c->count]);

		if (status) {
			diag_at(d, NULL, 0, "capture: no process: %s", strerror(-status));
			break;
		}
	}
	close(file);
	for (size_t i = 0; i < c->count; i++) {
		struct answer a;

		if (hear(&c->members[i], &a))
			diag_at(d, NULL, 0, "capture of %s (%s): %s", links[i].name,
				links[i].ifname, a.text);
	}
	return d->errors > errors ? give_up(c) : c;
}

int capture_sync(struct capture *c)
{
	struct capture_totals totals = {0};

	return ask(c, COMMAND_SYNC, &totals);
}

int capture_stop(struct capture *c, struct capture_totals *out)
{
	struct capture_totals totals = {0};
	int status = ask(c, COMMAND_STOP, &totals);

	if (out)
		*out = totals;
	release(c);
	return status;
}

bool capture_owns(const struct capture *c, pid_t pid)
{
	for (size_t i = 0; i < c->count; i++) {
		if (c->members[i].pid == pid)
			return true;
	}
	return false;
}
