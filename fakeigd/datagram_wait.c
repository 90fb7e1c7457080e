/* SPDX-License-Identifier: MIT */
/*
 * datagram_wait.c - datagrams on their way out: at once, later, several times, in another order.
 *
 * Theory of operation: rules may give a datagram another source, for which a socket is made and
 * closed. What has to wait is kept as bytes with a timer each; of those there are at most
 * WAITING_MAX. A datagram that is held leaves behind the next one that is not, or after HELD_US.
 */
#include "base/mem.h"
#include "datagram.h"
#include "datagram_port.h"
#include "journal.h"

#include <stdlib.h>

#define WAITING_MAX 1024
#define HELD_US	    CLOCK_SECOND /* a held datagram behind which nothing comes */

/**
 * struct datagram_waiting - a datagram that leaves now or later
 * @d:		@what and the bytes are its own once it waits
 * @other:	from another port or address than the socket's
 * @copies, @gap_us: as in struct effects
 * @held:	leaves behind the next datagram that is not held, or when its time comes
 */
struct datagram_waiting {
	struct datagram_port *port;
	LIST_ENTRY(datagram_waiting) link;
	struct loop_timer timer;
	struct datagram d;
	struct buf bytes;
	char *what;
	bool other;
	unsigned copies;
	int64_t gap_us;
	bool held;
};

static void journal_sent(struct journal *journal, const struct datagram *d, int error)
{
	const struct sockaddr *from = (const struct sockaddr *)&d->from;
	const struct sockaddr *to = (const struct sockaddr *)&d->to;

	if (!error)
		journal_bytes(journal, JOURNAL_WRITTEN, "udp", from, to, d->bytes);
	if (!journal_on(journal))
		return;
	if (error)
		journal_write(journal, JOURNAL_ERROR, d->layer, from, to, d->what, "{s:s}", "error",
			      strerror(-error));
	else
		journal_write(journal, JOURNAL_SENT, d->layer, from, to, d->what, "{s:I}", "bytes",
			      (json_int_t)d->bytes.len);
}

/* Send it, all copies at once unless they are apart. */
static void deliver(const struct datagram_waiting *w)
{
	const struct datagram *d = &w->d;
	const struct router_interface *iface = d->socket->iface;

	for (unsigned i = 0; i < (w->gap_us ? 1 : w->copies); i++)
		journal_sent(
			w->port->router->journal, d,
			w->other ? datagram_send_from(iface, &d->from, &d->to, d->ttl, d->bytes)
				 : datagram_send(d->socket->fd, iface, &d->from, &d->to, d->bytes));
}

static void waiting_free(struct datagram_waiting *w)
{
	struct datagram_port *port = w->port;

	loop_timer_cancel(port->router->loop, &w->timer);
	LIST_REMOVE(w, link);
	port->waiting_count--;
	buf_free(&w->bytes);
	free(w->what);
	free(w);
}

static void waiting_due(void *arg)
{
	struct datagram_waiting *w = arg;
	int64_t now = clock_now(), next = w->timer.due + w->gap_us;

	deliver(w);
	if (!w->gap_us || w->copies == 1) {
		waiting_free(w);
		return;
	}
	w->copies--;
	w->held = false;
	/* In step with the first one, unless time has jumped. */
	if (now - next > CLOCK_SECOND || next > now + w->gap_us)
		next = now + w->gap_us;
	loop_timer_arm(w->port->router->loop, &w->timer, next, waiting_due, w);
}

static void keep(const struct datagram_waiting *ready, int64_t delay_us)
{
	struct datagram_port *port = ready->port;
	struct datagram_waiting *w;

	if (port->waiting_count >= WAITING_MAX) {
		if (journal_on(port->router->journal))
			journal_write(port->router->journal, JOURNAL_DECIDED, ready->d.layer, NULL,
				      NULL, "drops an answer: too many wait", NULL);
		return;
	}
	w = xmalloc(sizeof(*w));
	*w = *ready;
	buf_add_slice(&w->bytes, ready->d.bytes);
	w->d.bytes = buf_slice(&w->bytes);
	w->d.what = w->what = xstrdup(ready->d.what);
	LIST_INSERT_HEAD(&port->waiting, w, link);
	port->waiting_count++;
	loop_timer_arm(port->router->loop, &w->timer, clock_now() + delay_us, waiting_due, w);
}

void datagram_forget(struct datagram_port *port)
{
	while (!LIST_EMPTY(&port->waiting))
		waiting_free(LIST_FIRST(&port->waiting));
}

/* The oldest datagram that waits for another to leave first. */
static struct datagram_waiting *oldest_held(const struct datagram_port *port)
{
	struct datagram_waiting *found = NULL, *w;

	LIST_FOREACH(w, &port->waiting, link)
		if (w->held)
			found = w;
	return found;
}

static void release_held(struct datagram_port *port)
{
	struct datagram_waiting *w;

	while ((w = oldest_held(port)))
		waiting_due(w); /* not held any more, or gone */
}

void datagram_dispatch(struct datagram_port *port, const struct datagram *d,
		       const struct effects *e)
{
	struct datagram_waiting ready = {
		.port = port,
		.d = *d,
		.other = e->source_port || e->source_address.s_addr,
		.copies = e->copies,
		.gap_us = e->copy_gap_us,
		.held = e->reorder,
	};

	datagram_set_source(&ready.d.from, d->socket->iface, e->source_port, e->source_address);
	if (e->reorder || e->delay_us || ready.gap_us)
		keep(&ready, e->reorder && !e->delay_us ? HELD_US : e->delay_us);
	else
		deliver(&ready);
	if (!e->reorder)
		release_held(port);
}
