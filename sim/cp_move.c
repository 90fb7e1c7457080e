/* SPDX-License-Identifier: MIT */
/* cp_move.c - what to change after a router refused a mapping (see cp_map.c). Pure. */
#include "../fakeigd/base/mem.h"
#include "cp.h"

#include <assert.h>

#define PLAIN_DESCRIPTION "igdlab"
#define LOWEST_PORT	  1024

static const char *const wildcards[] = {"", "0.0.0.0", "*"};

static const char *const move_texts[] = {
	[CP_GIVE_UP] = "nothing left to change",
	[CP_LEASE_ZERO] = "again with a permanent lease",
	[CP_SAME_PORT] = "again with external = internal port",
	[CP_NEXT_PORT] = "again with another port",
	[CP_REMOTE_FORM] = "again with another form of \"any remote host\"",
	[CP_PLAIN_TEXT] = "again with a plain description",
	[CP_PLAIN_ADD] = "again with AddPortMapping",
};

static_assert(ARRAY_SIZE(move_texts) == CP_MOVE_COUNT, "a text for every move");

const char *cp_move_text(enum cp_move move)
{
	return move_texts[move];
}

/* The moves that a fault allows, the first one that was not tried is taken. */
static const struct {
	int code;
	enum cp_move moves[3];
} reactions[] = {
	{725, {CP_LEASE_ZERO}},
	{402, {CP_LEASE_ZERO, CP_PLAIN_TEXT}},
	{718, {CP_LEASE_ZERO, CP_NEXT_PORT}},
	{724, {CP_SAME_PORT}},
	{726, {CP_REMOTE_FORM}},
	{729, {CP_NEXT_PORT}},
	{501, {CP_NEXT_PORT, CP_LEASE_ZERO}},
};

bool cp_take_lease_zero(struct cp_attempt *a, int code)
{
	/* 718 for a lease is rare, a port that is somebody's is not. */
	if (a->lease_tried || !a->lease || (code == 718 && (a->taken || a->moves)))
		return false;
	a->lease_tried = true;
	a->lease = 0;
	return true;
}

static bool take_next_port(struct cp_attempt *a, int code)
{
	if (a->moves >= CP_MOVES_MAX || a->same_tried || (code == 501 && a->port_tried))
		return false;
	a->port_tried = true;
	a->moves++;
	return true;
}

bool cp_take_same_port(struct cp_attempt *a)
{
	if (a->same_tried || a->external_port == a->internal_port)
		return false;
	a->same_tried = true;
	a->external_port = a->internal_port;
	return true;
}

static bool take_remote_form(struct cp_attempt *a)
{
	if (*a->remote_host && a->remote_tried == 0) {
		a->remote_host = wildcards[0];
		return true;
	}
	if ((size_t)++a->remote_tried >= ARRAY_SIZE(wildcards))
		return false;
	a->remote_host = wildcards[a->remote_tried];
	return true;
}

static bool take_plain_text(struct cp_attempt *a)
{
	if (a->text_tried)
		return false;
	a->text_tried = true;
	a->description = PLAIN_DESCRIPTION;
	return true;
}

static bool take(struct cp_attempt *a, enum cp_move move, int code, const struct naive_set *naive)
{
	switch (move) {
	case CP_LEASE_ZERO:
		return !naive_has(naive, NAIVE_NO_LEASE_RETRY) && cp_take_lease_zero(a, code);
	case CP_NEXT_PORT:
		return !naive_has(naive, NAIVE_IGNORES_CONFLICT) && take_next_port(a, code);
	case CP_SAME_PORT:
		return cp_take_same_port(a);
	case CP_REMOTE_FORM:
		return take_remote_form(a);
	case CP_PLAIN_TEXT:
		return take_plain_text(a);
	case CP_GIVE_UP:
	case CP_PLAIN_ADD:
	case CP_MOVE_COUNT:
		break;
	}
	return false;
}

enum cp_move cp_next_move(struct cp_attempt *attempt, int code, const struct naive_set *naive)
{
	/* Only version 2 has AddAnyPortMapping, and not all of it (WIPC-66). */
	if (attempt->any && (code == 401 || code == 602 || code == 501 || code < 0)) {
		attempt->any = false;
		return CP_PLAIN_ADD;
	}
	for (size_t i = 0; i < ARRAY_SIZE(reactions); i++) {
		if (reactions[i].code != code)
			continue;
		for (size_t j = 0; j < ARRAY_SIZE(reactions[i].moves); j++)
			if (take(attempt, reactions[i].moves[j], code, naive))
				return reactions[i].moves[j];
	}
	return CP_GIVE_UP;
}

const struct cp_entry *cp_find_port(const struct cp_table *t, int protocol, uint16_t port)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->entries[i].protocol == protocol && t->entries[i].external_port == port)
			return &t->entries[i];
	return NULL;
}

uint16_t cp_next_port(const struct cp_table *table, int protocol, uint16_t port)
{
	for (int i = 0; i < UINT16_MAX; i++) {
		port = port == UINT16_MAX ? LOWEST_PORT : port + 1;
		if (port >= LOWEST_PORT && !cp_find_port(table, protocol, port))
			return port;
	}
	return 0;
}
