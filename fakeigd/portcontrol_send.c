/* SPDX-License-Identifier: MIT */
/*
 * portcontrol_send.c - answers and announcements of port 5351 on their way out.
 *
 * Theory of operation: an answer leaves from the address and port that were asked, an announcement
 * from the interface's own address and port 5351 (RFC 6886 clause 3.2.1); rules may give another
 * source. What rules delay or send again is kept as bytes with a timer each; of those there are at
 * most DELAYED_MAX.
 */
#include "base/mem.h"
#include "datagram.h"
#include "journal.h"
#include "portcontrol_parts.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define DELAYED_MAX 1024

static void journal_sent(const struct portcontrol_delayed *d, const struct sockaddr_storage *from,
			 int error)
{
	struct journal *journal = d->portcontrol->router->journal;
	const struct sockaddr *source = (const struct sockaddr *)from;
	const struct sockaddr *to = (const struct sockaddr *)&d->to;

	if (!error)
		journal_bytes(journal, JOURNAL_WRITTEN, "udp", source, to, buf_slice(&d->bytes));
	if (!journal_on(journal))
		return;
	if (error)
		journal_write(journal, JOURNAL_ERROR, d->layer, source, to, d->what, "{s:s}",
			      "error", strerror(-error));
	else
		journal_write(journal, JOURNAL_SENT, d->layer, source, to, d->what, "{s:I}",
			      "bytes", (json_int_t)d->bytes.len);
}

/* Send bytes that are ready, @d->copies times unless they are apart. */
static void deliver(const struct portcontrol_delayed *d)
{
	const struct router_interface *iface = d->socket->iface;
	bool other = d->source_port || d->source_address.s_addr;
	struct slice bytes = buf_slice(&d->bytes);
	struct sockaddr_storage from = d->from;

	datagram_set_source(&from, iface, d->source_port, d->source_address);
	for (unsigned i = 0; i < (d->gap_us ? 1 : d->copies); i++)
		journal_sent(d, &from,
			     other ? datagram_send_from(iface, &from, &d->to, 1, bytes)
				   : datagram_send(d->socket->fd, iface, &from, &d->to, bytes));
}

static void delayed_free(struct portcontrol_delayed *d)
{
	struct portcontrol *p = d->portcontrol;

	loop_timer_cancel(p->router->loop, &d->timer);
	if (d->prev)
		d->prev->next = d->next;
	else
		p->first = d->next;
	if (d->next)
		d->next->prev = d->prev;
	p->delayed--;
	buf_free(&d->bytes);
	free(d->what);
	free(d);
}

static void delayed_due(void *arg)
{
	struct portcontrol_delayed *d = arg;

	deliver(d);
	if (!d->gap_us || d->copies == 1) {
		delayed_free(d);
		return;
	}
	d->copies--;
	loop_timer_arm(d->portcontrol->router->loop, &d->timer, clock_now() + d->gap_us,
		       delayed_due, d);
}

static void keep(const struct portcontrol_delayed *ready, int64_t delay_us)
{
	struct portcontrol *p = ready->portcontrol;
	struct portcontrol_delayed *d;

	if (p->delayed >= DELAYED_MAX) {
		if (journal_on(p->router->journal))
			journal_write(p->router->journal, JOURNAL_DECIDED, ready->layer, NULL, NULL,
				      "drops an answer: too many wait", NULL);
		return;
	}
	d = xmalloc(sizeof(*d));
	*d = *ready;
	d->bytes = (struct buf){0};
	buf_add_slice(&d->bytes, buf_slice(&ready->bytes));
	d->what = xstrdup(ready->what);
	d->next = p->first;
	if (d->next)
		d->next->prev = d;
	p->first = d;
	p->delayed++;
	loop_timer_arm(p->router->loop, &d->timer, clock_now() + delay_us, delayed_due, d);
}

void portcontrol_forget_delayed(struct portcontrol *p)
{
	while (p->first)
		delayed_free(p->first);
}

/* What rules make of the bytes: longer, then shorter. */
static void shape(struct buf *bytes, const struct effects *e)
{
	const char *with = e->pad_with ? e->pad_with : "";
	size_t len = strlen(with);

	for (long long i = 0; i < e->pad && bytes->len < 65000; i++)
		buf_putc(bytes, len ? with[(size_t)i % len] : ' ');
	bytes->len = effects_length(e, bytes->len);
}

static void dispatch(struct portcontrol_delayed *ready, const char *what, struct slice bytes,
		     const struct effects *e)
{
	if (e->drop)
		return;
	buf_add_slice(&ready->bytes, bytes);
	shape(&ready->bytes, e);
	ready->what = (char *)(uintptr_t)what;
	ready->copies = e->copies;
	ready->gap_us = e->copy_gap_us;
	ready->source_port = e->source_port;
	ready->source_address = e->source_address;
	if (e->delay_us || ready->gap_us)
		keep(ready, e->delay_us);
	else
		deliver(ready);
	buf_free(&ready->bytes);
}

void portcontrol_send(const struct portcontrol_request *q, const char *layer, const char *what,
		      struct slice bytes, const struct effects *e)
{
	struct portcontrol_delayed ready = {
		.portcontrol = q->portcontrol,
		.socket = q->socket,
		.from = q->local,
		.to = q->from,
		.layer = layer,
	};

	dispatch(&ready, what, bytes, e);
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
static void set_ends(struct portcontrol_delayed *d, const struct router_interface *iface,
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
	for (size_t i = 0; i < p->count; i++) {
		struct portcontrol_socket *socket = &p->sockets[i];
		struct portcontrol_delayed ready = {
			.portcontrol = p, .socket = socket, .layer = layer};

		if (socket->iface == &p->router->wan || socket->family != group->ss_family)
			continue;
		set_ends(&ready, socket->iface, group);
		dispatch(&ready, what, bytes, e);
	}
}
