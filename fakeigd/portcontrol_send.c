/* SPDX-License-Identifier: MIT */
/*
 * portcontrol_send.c - answers and announcements of port 5351 on their way out.
 *
 * Theory of operation: an answer leaves from the address and port that were asked, an announcement
 * from the interface's own address and port 5351 (RFC 6886 clause 3.2.1); rules may give another
 * source, and have it wait (datagram_wait.c).
 */
#include "portcontrol_parts.h"

#include <arpa/inet.h>

/* What rules make of the bytes: longer, then shorter. */
static void shape(struct buf *bytes, const struct effects *e)
{
	const char *with = e->pad_with ? e->pad_with : "";
	size_t len = strlen(with);

	for (long long i = 0; i < e->pad && bytes->len < 65000; i++)
		buf_putc(bytes, len ? with[(size_t)i % len] : ' ');
	bytes->len = effects_length(e, bytes->len);
}

static void dispatch(struct portcontrol *p, struct datagram *d, const struct effects *e)
{
	struct buf bytes = {0};

	if (e->drop)
		return;
	buf_add_slice(&bytes, d->bytes);
	shape(&bytes, e);
	d->ttl = 1;
	d->bytes = buf_slice(&bytes);
	datagram_dispatch(&p->port, d, e);
	buf_free(&bytes);
}

void portcontrol_send(const struct portcontrol_request *q, const char *layer, const char *what,
		      struct slice bytes, const struct effects *e)
{
	struct datagram d = {
		.socket = q->socket,
		.from = q->local,
		.to = q->from,
		.layer = layer,
		.what = what,
		.bytes = bytes,
	};

	dispatch(q->portcontrol, &d, e);
}

struct sockaddr_storage portcontrol_group(const char *address, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_storage group = {0};

	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
		memcpy(&group, &v4, sizeof(v4));
	else if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1)
		memcpy(&group, &v6, sizeof(v6));
	return group;
}

/* The interface's own address and our port, and the group's scope. */
static void set_ends(struct datagram *d, const struct router_interface *iface,
		     const struct sockaddr_storage *group)
{
	struct sockaddr_in v4 = {
		.sin_family = AF_INET,
		.sin_port = htons(PORTCONTROL_PORT),
		.sin_addr = iface->address,
	};
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(PORTCONTROL_PORT),
		.sin6_addr = iface->link6,
		.sin6_scope_id = iface->index,
	};
	struct sockaddr_in6 to;

	d->to = *group;
	if (group->ss_family == AF_INET) {
		memcpy(&d->from, &v4, sizeof(v4));
		return;
	}
	memcpy(&d->from, &v6, sizeof(v6));
	memcpy(&to, group, sizeof(to));
	to.sin6_scope_id = iface->index;
	memcpy(&d->to, &to, sizeof(to));
}

void portcontrol_announce(struct portcontrol *p, const struct sockaddr_storage *group,
			  const char *layer, const char *what, struct slice bytes,
			  const struct effects *e)
{
	for (size_t i = 0; i < p->port.count; i++) {
		const struct datagram_socket *socket = &p->port.sockets[i];
		struct datagram d = {
			.socket = socket, .layer = layer, .what = what, .bytes = bytes};

		if (socket->iface == &p->router->wan || socket->family != group->ss_family)
			continue;
		set_ends(&d, socket->iface, group);
		dispatch(p, &d, e);
	}
}
