/* SPDX-License-Identifier: MIT */
/*
 * effect_probe.c - one packet from the internet side, and whether it arrives (see effect.h).
 *
 * TCP: connect, send the token, read it at the other end. UDP: send the token, again every 200 ms
 * (a link may lose packets), until it is read. Where a program has the port, nobody of ours can
 * read; then a packet socket on the receiving node watches for the segment or datagram instead, and
 * TCP has to connect as well. All descriptors are sockets that the lab made in its nodes.
 */
#include "effect.h"

#include "../fakeigd/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOKEN_LEN  16
#define RESEND_US  (CLOCK_SECOND / 5)
#define PACKET_MAX 2048

/**
 * struct probing - a probe under way
 * @sender:	socket of the sender
 * @listener:	ours at the destination, -1 when a program has the port
 * @accepted:	TCP connection accepted by @listener, -1 before that
 * @sniffer:	packet socket on the receiver when a program has the port, else -1
 * @token:	what is sent
 * @got:	bytes of the token that came over @accepted, in @buffer
 * @source_port: of @sender
 * @connected:	TCP: the connection stands; UDP: always
 * @arrived:	the token was read, or the packet was seen
 * @error:	errno that ended it
 * @resend:	UDP: when to send again
 */
struct probing {
	const struct effect_probe *probe;
	int sender, listener, accepted, sniffer;
	uint8_t token[TOKEN_LEN], buffer[TOKEN_LEN];
	size_t got;
	uint16_t source_port;
	bool connected, arrived;
	int error;
	int64_t resend;
};

/** struct endpoint - a socket address of either family */
struct endpoint {
	struct sockaddr_storage address;
	socklen_t len;
};

static struct endpoint endpoint(const struct effect_probe *probe, struct in_addr v4, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = v4, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct endpoint e = {.len = probe->inside6 ? sizeof(in6) : sizeof(in)};

	if (probe->inside6)
		in6.sin6_addr = *probe->inside6;
	memcpy(&e.address, probe->inside6 ? (void *)&in6 : (void *)&in, e.len);
	return e;
}

static const char *family_of(const struct effect_probe *probe)
{
	return probe->inside6 ? "inet6" : "inet";
}

static const char *socket_type(const struct effect_probe *probe)
{
	return probe->protocol == IPPROTO_UDP ? "dgram" : "stream";
}

/* Watch all packets of the receiver. Return: whether it works. */
static bool open_sniffer(struct probing *p, struct lab *lab, char **why)
{
	struct sockaddr_ll all = {.sll_family = AF_PACKET,
				  .sll_protocol = htons(p->probe->inside6 ? ETH_P_IPV6 : ETH_P_IP)};

	p->sniffer = ask_socket(lab, p->probe->receiver, "packet", "dgram", why);
	if (p->sniffer < 0)
		return false;
	if (!bind(p->sniffer, (struct sockaddr *)&all, sizeof(all)))
		return true;
	*why = xasprintf("cannot watch %s: %s", p->probe->receiver, strerror(errno));
	return false;
}

/* Listen at the destination, or watch it when a program does. Return: whether it works. */
static bool open_receiver(struct probing *p, struct lab *lab, char **why)
{
	struct endpoint at = endpoint(p->probe, p->probe->inside, p->probe->inside_port);
	int on = 1;

	p->listener = ask_socket(lab, p->probe->receiver, family_of(p->probe),
				 socket_type(p->probe), why);
	if (p->listener < 0)
		return false;
	/* For TCP this lets connections of the past linger; a listening program still wins. */
	if (p->probe->protocol == IPPROTO_TCP)
		setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!bind(p->listener, (struct sockaddr *)&at.address, at.len) &&
	    (p->probe->protocol == IPPROTO_UDP || !listen(p->listener, 1)))
		return true;
	if (errno != EADDRINUSE) {
		*why = xasprintf("cannot listen on %s port %u: %s", p->probe->receiver,
				 p->probe->inside_port, strerror(errno));
		return false;
	}
	close(p->listener);
	p->listener = -1;
	return open_sniffer(p, lab, why);
}

static void send_token(struct probing *p)
{
	ssize_t sent = send(p->sender, p->token, TOKEN_LEN, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 && errno != EAGAIN && errno != ENOBUFS)
		p->error = errno;
	p->resend = clock_now() + RESEND_US;
}

/* The port is at the same place in either family's socket address. */
static uint16_t port_of(const struct endpoint *e)
{
	struct sockaddr_in in;

	memcpy(&in, &e->address, sizeof(in));
	return ntohs(in.sin_port);
}

/* Bind to the port that the sender has to have. Return: whether that works. */
static bool take_port(const struct probing *p, char **why)
{
	struct sockaddr_in6 own = {.sin6_family = AF_INET6,
				   .sin6_port = htons(p->probe->sender_port)};

	if (!p->probe->sender_port || !p->probe->inside6 ||
	    bind(p->sender, (struct sockaddr *)&own, sizeof(own)) == 0)
		return true;
	*why = xasprintf("cannot use port %u of %s: %s", p->probe->sender_port, p->probe->sender,
			 strerror(errno));
	return false;
}

static bool open_sender(struct probing *p, struct lab *lab, char **why)
{
	struct endpoint to = endpoint(p->probe, p->probe->external, p->probe->external_port), from;

	p->sender =
		ask_socket(lab, p->probe->sender, family_of(p->probe), socket_type(p->probe), why);
	if (p->sender < 0 || !take_port(p, why))
		return false;
	fcntl(p->sender, F_SETFL, O_NONBLOCK);
	if (connect(p->sender, (struct sockaddr *)&to.address, to.len) && errno != EINPROGRESS)
		p->error = errno;
	from.len = sizeof(from.address);
	if (!getsockname(p->sender, (struct sockaddr *)&from.address, &from.len))
		p->source_port = port_of(&from);
	if (p->probe->protocol == IPPROTO_UDP && !p->error) {
		p->connected = true;
		send_token(p);
	}
	return true;
}

/* The connection stands or was refused; for UDP only refusals (ICMP) come here. */
static void on_sender(struct probing *p, short events)
{
	socklen_t len = sizeof(p->error);

	getsockopt(p->sender, SOL_SOCKET, SO_ERROR, &p->error, &len);
	if (p->error || p->connected || !(events & POLLOUT))
		return;
	p->connected = true;
	send_token(p);
}

static void check_token(struct probing *p, ssize_t len)
{
	if (len > 0)
		p->got += (size_t)len;
	if (p->got == TOKEN_LEN)
		p->arrived = !memcmp(p->buffer, p->token, TOKEN_LEN);
}

/* A connection, a piece of the token over it, or a datagram. */
static void on_listener(struct probing *p)
{
	if (p->probe->protocol == IPPROTO_UDP) {
		p->got = 0;
		check_token(p, recv(p->listener, p->buffer, TOKEN_LEN, MSG_DONTWAIT));
	} else if (p->accepted < 0) {
		p->accepted = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	} else {
		ssize_t len = recv(p->accepted, p->buffer + p->got, TOKEN_LEN - p->got, 0);

		check_token(p, len);
		if (len == 0)
			p->error = ECONNRESET;
	}
}

/* Length of the head of an IP packet that goes to the receiver in the probe's protocol, else 0. */
static size_t head_of_ours(const struct effect_probe *probe, const uint8_t *packet, size_t len)
{
	struct iphdr ip;
	struct ip6_hdr ip6;

	if (len < (probe->inside6 ? sizeof(ip6) : sizeof(ip)))
		return 0;
	if (probe->inside6) {
		memcpy(&ip6, packet, sizeof(ip6));
		return ip6.ip6_nxt == probe->protocol &&
				       IN6_ARE_ADDR_EQUAL(&ip6.ip6_dst, probe->inside6)
			       ? sizeof(ip6)
			       : 0;
	}
	memcpy(&ip, packet, sizeof(ip));
	return ip.protocol == probe->protocol && ip.daddr == probe->inside.s_addr
		       ? (size_t)ip.ihl * 4
		       : 0;
}

/* Whether a packet is ours: from our port to the destination's, with the token if UDP. */
static bool is_ours(const struct probing *p, const uint8_t *packet, size_t len)
{
	const struct effect_probe *probe = p->probe;
	size_t head = head_of_ours(probe, packet, len);
	uint16_t ports[2];

	if (!head || len < head + sizeof(ports))
		return false;
	memcpy(ports, packet + head, sizeof(ports));
	if (ntohs(ports[0]) != p->source_port || ntohs(ports[1]) != probe->inside_port)
		return false;
	if (probe->protocol == IPPROTO_TCP)
		return true;
	head += sizeof(struct udphdr);
	return len >= head + TOKEN_LEN && !memcmp(packet + head, p->token, TOKEN_LEN);
}

static void on_sniffer(struct probing *p)
{
	uint8_t packet[PACKET_MAX];
	ssize_t len;

	while ((len = recv(p->sniffer, packet, sizeof(packet), MSG_DONTWAIT)) > 0)
		p->arrived |= is_ours(p, packet, (size_t)len);
}

static void run(struct probing *p)
{
	int64_t end = clock_now() + p->probe->limit_us;
	bool udp = p->probe->protocol == IPPROTO_UDP;

	while (!p->error && !(p->arrived && p->connected)) {
		int64_t now = clock_now(), wake = udp && p->resend < end ? p->resend : end;
		struct pollfd fds[] = {
			{.fd = p->sender, .events = p->connected ? 0 : POLLOUT},
			{.fd = p->accepted >= 0 ? p->accepted : p->listener, .events = POLLIN},
			{.fd = p->sniffer, .events = POLLIN},
		};

		if (now >= end)
			return;
		if (udp && now >= p->resend)
			send_token(p);
		if (poll(fds, ARRAY_SIZE(fds), wake > now ? (int)((wake - now + 999) / 1000) : 0) <=
		    0)
			continue;
		if (fds[1].revents)
			on_listener(p);
		if (fds[2].revents)
			on_sniffer(p);
		if (fds[0].revents)
			on_sender(p, fds[0].revents);
	}
}

static char *explain(const struct probing *p)
{
	const struct effect_probe *probe = p->probe;

	if (p->error)
		return xasprintf("peer gets \"%s\"", strerror(p->error));
	if (p->connected && probe->protocol == IPPROTO_TCP && !p->arrived)
		return xasprintf("somebody accepts peer's connection, but it does not reach %s",
				 probe->receiver);
	if (p->arrived)
		return xasprintf("the connection request reaches %s, but its answer does not "
				 "reach peer",
				 probe->receiver);
	return xasprintf("nothing reaches %s port %u within %g s", probe->receiver,
			 probe->inside_port, (double)probe->limit_us / 1e6);
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

bool effect_send(struct lab *lab, const struct effect_probe *probe, char **why)
{
	struct probing p = {
		.probe = probe, .sender = -1, .listener = -1, .accepted = -1, .sniffer = -1};
	bool arrived = false;

	if (getrandom(p.token, sizeof(p.token), 0) != sizeof(p.token))
		*why = xstrdup("no random numbers");
	else if (open_receiver(&p, lab, why) && open_sender(&p, lab, why)) {
		run(&p);
		arrived = p.arrived && p.connected && !p.error;
		if (!arrived)
			*why = explain(&p);
	}
	close_if_open(p.sender);
	close_if_open(p.accepted);
	close_if_open(p.listener);
	close_if_open(p.sniffer);
	return arrived;
}
