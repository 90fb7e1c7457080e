/* SPDX-License-Identifier: MIT */
/*
 * gena_event.c - events: what changed, in which message.
 *
 * UDA 2.0 4.3. A change sets a bit; at the end of the loop's turn, or when moderation allows, every
 * subscription of the service gets one event with the values of that moment, each variable at most
 * once (GENA-22). Event keys go 0, 1, ... 4294967295, 1 (GENA-23). When a subscriber is so slow
 * that 32 events wait, further changes join the last of them.
 *
 * Rules of layer gena, message "notify", may change values (reply), form (body, head), and the
 * delivery: delay, copies, drop, pad, truncate.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "choice.h"
#include "gena_parts.h"
#include "router.h"
#include "rule.h"
#include "service.h"

#include <stdlib.h>

static const struct service *table_of(const struct gena *g, size_t service)
{
	return service_of(&g->router->profile->services[service]);
}

uint64_t gena_all_variables(const struct gena *g, size_t service)
{
	const struct service *table = table_of(g, service);
	uint64_t variables = 0;

	for (unsigned i = 0; table && table->variables[i].name; i++)
		if (table->variables[i].evented &&
		    service_shows(&g->router->profile->services[service], table,
				  &table->variables[i]))
			variables |= UINT64_C(1) << i;
	return variables;
}

static uint64_t variable_of(const struct gena *g, size_t service, struct slice name)
{
	const struct service *table = table_of(g, service);
	uint64_t evented = gena_all_variables(g, service);

	for (unsigned i = 0; table && table->variables[i].name; i++)
		if (slice_eq(name, table->variables[i].name))
			return evented & UINT64_C(1) << i;
	return 0;
}

uint64_t gena_variables_of(const struct gena *g, size_t service, struct slice list)
{
	uint64_t variables = 0;

	while (list.len) {
		const char *comma = memchr(list.ptr, ',', list.len);
		size_t len = comma ? (size_t)(comma - list.ptr) : list.len;
		uint64_t one = variable_of(g, service, slice_trim((struct slice){list.ptr, len}));

		if (!one)
			return 0;
		variables |= one;
		len += comma != NULL;
		list.ptr += len;
		list.len -= len;
	}
	return variables;
}

static struct effects *apply_rules(const struct gena_subscription *s)
{
	struct router *r = s->gena->router;
	struct rule_event event = {
		.layer = RULE_GENA,
		.message = "notify",
		.target = r->profile->services[s->service].type,
		.service = r->profile->services[s->service].id,
		.from = (const struct sockaddr *)&s->callbacks[0].address,
	};
	struct effects *effects;

	if (!r->rules || !rules_any(r->rules, RULE_GENA))
		return NULL;
	effects = xmalloc(sizeof(*effects));
	effects_init(effects);
	rules_apply(r->rules, r, &event, effects);
	return effects;
}

static const char *override_of(const struct effects *e, const char *name)
{
	for (size_t i = 0; e && i < e->replies; i++)
		if (!strcmp(e->reply_name[i], name))
			return e->reply_value[i];
	return NULL;
}

static void render_property(const struct router *r, const char *name, struct slice value,
			    struct buf *out)
{
	struct message_values values = {0};
	struct buf escaped = {0};

	xml_add_text(&escaped, value);
	values.v[PLACEHOLDER_NAME] = slice_of(name);
	values.v[PLACEHOLDER_VALUE] = buf_slice(&escaped);
	template_render(r->profile->templates[MESSAGE_EVENT_PROPERTY], &values, out);
	buf_free(&escaped);
}

/* The present values of @variables, or what @effects (NULL: nothing) says instead. */
static void render(const struct gena *g, size_t service, uint64_t variables,
		   const struct effects *effects, struct buf *out)
{
	struct router *r = g->router;
	const struct service *table = table_of(g, service);
	struct buf value = {0};

	buf_reset(out);
	for (unsigned i = 0; table->variables[i].name; i++) {
		const struct service_variable *v = &table->variables[i];
		const char *other = override_of(effects, v->name);

		if (!(variables & UINT64_C(1) << i))
			continue;
		buf_reset(&value);
		if (!other)
			service_value(r, &r->profile->services[service], v, &value);
		render_property(r, v->name, other ? slice_of(other) : buf_slice(&value), out);
	}
	buf_free(&value);
}

static void send_to_all(struct gena *g, size_t service, uint64_t variables)
{
	struct buf properties = {0};

	if (!g->router->profile->policy.gena_multicast)
		return;
	render(g, service, variables, NULL, &properties);
	gena_multicast(g, service, &properties);
	buf_free(&properties);
}

void gena_queue(struct gena_subscription *s, uint64_t variables)
{
	struct gena_event *event = s->last;
	bool shared = policy_is(&s->gena->router->profile->policy, gena_event_key, "shared");
	uint32_t *key = shared ? &s->gena->seq : &s->seq;

	if (s->queued < GENA_QUEUE_MAX) {
		event = xcalloc(1, sizeof(*event));
		event->seq = *key;
		event->effects = apply_rules(s);
		*key = *key == UINT32_MAX ? 1 : *key + 1;
		if (s->last)
			s->last->next = event;
		else
			s->events = event;
		s->last = event;
		s->queued++;
	}
	event->variables |= variables;
	render(s->gena, s->service, event->variables, event->effects, &event->properties);
}

void gena_event_done(struct gena_subscription *s)
{
	struct gena_event *event = s->events;

	s->events = event->next;
	if (!s->events)
		s->last = NULL;
	s->queued--;
	buf_free(&event->properties);
	free(event->effects);
	free(event);
}

/* FNV-1a of a variable's value. */
static uint32_t digest(const struct gena *g, size_t service, const struct service_variable *v)
{
	struct buf value = {0};
	uint32_t sum = UINT32_C(0x811c9dc5);

	service_value(g->router, &g->router->profile->services[service], v, &value);
	for (size_t i = 0; i < value.len; i++)
		sum = (sum ^ (uint8_t)value.data[i]) * UINT32_C(0x01000193);
	buf_free(&value);
	return sum;
}

/* Those of @variables whose value is another than subscribers know; they know it from now on. */
static uint64_t really_changed(struct gena *g, size_t service, uint64_t variables)
{
	const struct service *table = table_of(g, service);
	uint64_t evented = gena_all_variables(g, service), changed = 0;
	size_t place = 0;

	for (unsigned i = 0; evented >> i && place < GENA_EVENTED_MAX; i++) {
		uint32_t now;

		if (!(evented & UINT64_C(1) << i))
			continue;
		if (variables & UINT64_C(1) << i) {
			now = digest(g, service, &table->variables[i]);
			if (now != g->seen[service][place])
				changed |= UINT64_C(1) << i;
			g->seen[service][place] = now;
		}
		place++;
	}
	return changed;
}

void gena_settle(struct gena *g)
{
	for (size_t i = 0; i < g->router->profile->service_count; i++)
		really_changed(g, i, UINT64_MAX);
}

static void send_changes(struct gena *g, size_t service)
{
	uint64_t variables = really_changed(g, service, g->changed[service]);
	struct gena_subscription *next;

	g->changed[service] = 0;
	if (!variables)
		return;
	g->sent[service] = clock_now();
	send_to_all(g, service, variables);
	for (struct gena_subscription *s = g->subscriptions; s; s = next) {
		next = s->next;
		if (s->service != service || !s->started || s->cancelled ||
		    !(s->variables & variables))
			continue;
		gena_queue(s, s->variables & variables);
		gena_deliver(s);
	}
}

static int64_t due_of(const struct gena *g, size_t service)
{
	int64_t pause = g->router->profile->policy.gena_moderation;

	return pause && g->sent[service] ? g->sent[service] + pause : 0;
}

static void turn_over(void *arg)
{
	struct gena *g = arg;
	int64_t now = clock_now(), next = INT64_MAX;

	for (size_t i = 0; i < g->router->profile->service_count; i++) {
		if (!g->changed[i])
			continue;
		if (due_of(g, i) <= now)
			send_changes(g, i);
		else if (due_of(g, i) < next)
			next = due_of(g, i);
	}
	if (next != INT64_MAX)
		loop_timer_arm(g->router->loop, &g->turn, next, turn_over, g);
}

void gena_changed(struct gena *g, const char *service_type, const char *variable)
{
	int64_t now;

	if (!g || !g->count)
		return;
	for (size_t i = 0; i < g->router->profile->service_count; i++)
		if (!service_type || !strcmp(g->router->profile->services[i].type, service_type))
			g->changed[i] |= variable_of(g, i, slice_of(variable));
	now = clock_now();
	if (!g->turn.slot || g->turn.due > now)
		loop_timer_arm(g->router->loop, &g->turn, now, turn_over, g);
}
