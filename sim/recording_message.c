/* SPDX-License-Identifier: MIT */
/*
 * recording_message.c - exchanges out of the JSON of a flow file.
 *
 * Theory of operation
 *
 * The reverse of recording_json.c: each member is checked and complained about with its exchange
 * and part. "decoded" and the exchange's own "time" are for readers and are not looked at.
 */
#include "recording_parts.h"

#include "../fakeigd/base/mem.h"
#include "base64.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NS	       INT64_C(1000000000)
#define SECONDS_MAX    9e9 /* what fits into nanoseconds of 64 bits */
#define REPLIES_MAX    10000
#define CONNECTION_MAX INT32_MAX

/* ---- times ---- */

static bool digits(struct slice *s, size_t count, int *out)
{
	uint64_t value;

	if (s->len < count || !slice_number((struct slice){s->ptr, count}, 9999, &value))
		return false;
	s->ptr += count;
	s->len -= count;
	*out = (int)value;
	return true;
}

static bool mark(struct slice *s, const char *any)
{
	if (!s->len || !*s->ptr || !strchr(any, *s->ptr))
		return false;
	s->ptr++;
	s->len--;
	return true;
}

static int64_t fraction(struct slice *s)
{
	int64_t value = 0, unit = NS;

	while (s->len && *s->ptr >= '0' && *s->ptr <= '9') {
		unit /= 10;
		value += (*s->ptr - '0') * unit;
		s->ptr++;
		s->len--;
	}
	return value;
}

/* "Z" or "+08:00", to the end. */
static bool offset(struct slice s, int *seconds)
{
	bool west = s.len && *s.ptr == '-';
	int hours, minutes;

	*seconds = 0;
	if (mark(&s, "Zz"))
		return s.len == 0;
	if (!mark(&s, "+-") || !digits(&s, 2, &hours) || !mark(&s, ":") ||
	    !digits(&s, 2, &minutes) || hours > 23 || minutes > 59 || s.len)
		return false;
	*seconds = (hours * 60 + minutes) * (west ? -60 : 60);
	return true;
}

/* The reverse, any offset. Return: it is such a time. */
static bool recording_time_parse(struct slice text, int64_t *ns)
{
	int year, shift;
	struct tm tm = {0};
	int64_t part = 0;

	if (!digits(&text, 4, &year) || !mark(&text, "-") || !digits(&text, 2, &tm.tm_mon) ||
	    !mark(&text, "-") || !digits(&text, 2, &tm.tm_mday) || !mark(&text, "Tt ") ||
	    !digits(&text, 2, &tm.tm_hour) || !mark(&text, ":") || !digits(&text, 2, &tm.tm_min) ||
	    !mark(&text, ":") || !digits(&text, 2, &tm.tm_sec))
		return false;
	if (year < 1678 || year > 2261 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
	    tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	if (mark(&text, "."))
		part = fraction(&text);
	if (!offset(text, &shift))
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon--;
	*ns = ((int64_t)timegm(&tm) - shift) * NS + part;
	return true;
}

static bool take_time(const struct place *place, const char *key, const json_t *value, int64_t *out)
{
	double seconds = json_number_value(value);

	if (json_is_number(value) && fabs(seconds) < SECONDS_MAX) {
		*out = llround(seconds * (double)NS);
		return true;
	}
	if (json_is_string(value) &&
	    recording_time_parse(
		    (struct slice){json_string_value(value), json_string_length(value)}, out))
		return true;
	return place_complain(place,
			      "\"%s\": expected a time such as \"2025-07-28T09:52:06.822Z\", or "
			      "seconds since the start",
			      key);
}

/* ---- messages ---- */

static bool take_end_point(const struct place *place, const char *key, const json_t *value,
			   struct end_point *out)
{
	if (json_is_string(value) &&
	    end_point_parse((struct slice){json_string_value(value), json_string_length(value)},
			    out))
		return true;
	return place_complain(
		place,
		"\"%s\": expected an address and port such as \"192.168.1.1:5431\" or "
		"\"[fe80::1]:1900\"",
		key);
}

static bool take_bytes(const struct place *place, const json_t *object, struct buf *out)
{
	const json_t *text = json_object_get(object, "text");
	const json_t *coded = json_object_get(object, "base64");
	const json_t *value = text ? text : coded;
	struct slice bytes = {json_string_value(value), json_string_length(value)};

	if (!text == !coded || !json_is_string(value))
		return place_complain(place, "expected its bytes, as \"text\" or as \"base64\"");
	if (coded && !base64_decode(bytes, out))
		return place_complain(place, "\"base64\": expected RFC 4648 base64 with padding");
	if (text)
		buf_add_slice(out, bytes);
	if (out->len > RECORDING_MESSAGE_BYTES)
		return place_complain(place, "%zu bytes are more than a message may have (%u)",
				      out->len, RECORDING_MESSAGE_BYTES);
	return true;
}

static bool take_gaps(const struct place *place, const json_t *list, struct recorded_message *m)
{
	json_int_t last = 0;
	size_t i;
	json_t *item;

	if (!json_is_array(list))
		return place_complain(place, "\"gaps\": expected a list");
	m->gaps = xcalloc(json_array_size(list) + 1, sizeof(*m->gaps));
	json_array_foreach((json_t *)list, i, item)
	{
		json_t *at = json_object_get(item, "offset"),
		       *count = json_object_get(item, "count");
		json_int_t where = json_integer_value(at);

		if (!json_is_integer(at) || !json_is_integer(count) || where < last ||
		    (uint64_t)where > m->bytes.len || json_integer_value(count) < 0)
			return place_complain(
				place,
				"\"gaps\": expected {\"offset\": N, \"count\": N}, in "
				"order and within the %zu bytes",
				m->bytes.len);
		m->gaps[m->gap_count++] =
			(struct recorded_gap){(size_t)where, (uint64_t)json_integer_value(count)};
		last = where;
	}
	return true;
}

static bool take_segments(const struct place *place, const json_t *list, struct recorded_message *m)
{
	json_int_t last = 0;
	size_t i;
	json_t *item;

	if (!json_is_array(list))
		return place_complain(place, "\"segments\": expected a list");
	m->segments = xcalloc(json_array_size(list) + 1, sizeof(*m->segments));
	json_array_foreach((json_t *)list, i, item)
	{
		struct recorded_segment *s = &m->segments[m->segment_count];
		json_int_t end = json_integer_value(json_array_get(item, 0));

		if (json_array_size(item) != 2 || end < last || (uint64_t)end > m->bytes.len)
			return place_complain(
				place,
				"\"segments\": expected [bytes so far, time], in order "
				"and within the %zu bytes",
				m->bytes.len);
		if (!take_time(place, "segments", json_array_get(item, 1), &s->time_ns))
			return false;
		s->end = (size_t)end;
		m->segment_count++;
		last = end;
	}
	return true;
}

static bool take_restored(const struct place *place, const json_t *list, struct recorded_message *m)
{
	size_t i;
	json_t *item;

	if (!json_is_array(list))
		return place_complain(place, "\"restored\": expected a list of sentences");
	json_array_foreach((json_t *)list, i, item)
	{
		if (!json_is_string(item))
			return place_complain(place, "\"restored\": expected a list of sentences");
		names_add(&m->restored, json_string_value(item));
	}
	return true;
}

static bool take_provenance(const struct place *place, const json_t *object,
			    struct recorded_message *m)
{
	const json_t *range = json_object_get(object, "lines");
	json_int_t first, count;

	if (!range)
		range = json_object_get(object, "packets");
	if (!range)
		return true;
	first = json_integer_value(json_array_get(range, 0));
	count = json_integer_value(json_array_get(range, 1));
	if (json_array_size(range) != 2 || first < 1 || count < 0)
		return place_complain(
			place, "expected \"lines\" or \"packets\" as [first, how many], from 1");
	m->first = (uint64_t)first;
	m->count = (uint64_t)count;
	return true;
}

static bool take_message(const struct place *place, const json_t *object,
			 struct recorded_message *m)
{
	static const char *const keys[] = {"from",     "to",	 "time",    "end",
					   "text",     "base64", "gaps",    "restored",
					   "segments", "lines",	 "packets", "decoded"};
	const json_t *from = json_object_get(object, "from"), *to = json_object_get(object, "to");
	const json_t *start = json_object_get(object, "time");
	const json_t *end = json_object_get(object, "end");
	const json_t *gaps = json_object_get(object, "gaps");
	const json_t *segments = json_object_get(object, "segments");
	const json_t *restored = json_object_get(object, "restored");

	if (!json_is_object(object))
		return place_complain(place, "expected an object");
	if (!place_keys(place, object, keys, ARRAY_SIZE(keys)))
		return false;
	if ((from && !take_end_point(place, "from", from, &m->from)) ||
	    (to && !take_end_point(place, "to", to, &m->to)) ||
	    (start && !take_time(place, "time", start, &m->time_ns)))
		return false;
	m->end_ns = m->time_ns;
	if ((end && !take_time(place, "end", end, &m->end_ns)) ||
	    !take_bytes(place, object, &m->bytes))
		return false;
	return (!gaps || take_gaps(place, gaps, m)) &&
	       (!segments || take_segments(place, segments, m)) &&
	       (!restored || take_restored(place, restored, m)) &&
	       take_provenance(place, object, m);
}

/* ---- exchanges ---- */

static bool take_protocol(const struct place *place, const json_t *value, struct exchange *x)
{
	const char *names[FLOW_PROTOCOL_COUNT], *word = json_string_value(value);

	for (int i = 0; i < FLOW_PROTOCOL_COUNT; i++) {
		names[i] = flow_protocol_name((enum flow_protocol)i);
		if (word && !strcmp(word, names[i])) {
			x->protocol = (enum flow_protocol)i;
			return true;
		}
	}
	if (!word)
		return place_complain(place, "expected \"protocol\", such as \"soap\"");
	diag_unknown(place->d, place->file, place->line, "protocol", word, names,
		     FLOW_PROTOCOL_COUNT);
	return false;
}

static bool take_replies(struct place *place, const json_t *list, struct exchange *x)
{
	size_t i;
	json_t *item;

	if (!json_is_array(list) || json_array_size(list) > REPLIES_MAX)
		return place_complain(place, "\"replies\": expected a list of at most %d",
				      REPLIES_MAX);
	json_array_foreach((json_t *)list, i, item)
	{
		snprintf(place->part, sizeof(place->part), "reply %zu", i + 1);
		if (!take_message(place, item, exchange_reply(x)))
			return false;
	}
	place->part[0] = '\0';
	return true;
}

static bool take_plain(const struct place *place, const json_t *json, struct exchange *x)
{
	const json_t *name = json_object_get(json, "name");
	const json_t *connection = json_object_get(json, "connection");
	const json_t *from_router = json_object_get(json, "from_router");

	if (name && !json_is_string(name))
		return place_complain(place, "\"name\": expected text");
	if (from_router && !json_is_boolean(from_router))
		return place_complain(place, "\"from_router\": expected true or false");
	if (connection && (!json_is_integer(connection) || json_integer_value(connection) < 0 ||
			   json_integer_value(connection) > CONNECTION_MAX))
		return place_complain(place, "\"connection\": expected a number from 0");
	x->name = name ? xstrdup(json_string_value(name)) : NULL;
	x->from_router = json_is_true(from_router);
	x->connection = connection ? (int)json_integer_value(connection) : -1;
	return true;
}

bool exchange_from_json(const json_t *json, struct place *place, struct exchange *x)
{
	static const char *const keys[] = {"time",	  "protocol", "name",	"connection",
					   "from_router", "request",  "replies"};
	const json_t *request = json_object_get(json, "request");
	const json_t *replies = json_object_get(json, "replies");

	place->part[0] = '\0';
	if (!place_keys(place, json, keys, ARRAY_SIZE(keys)) ||
	    !take_protocol(place, json_object_get(json, "protocol"), x) ||
	    !take_plain(place, json, x))
		return false;
	if (request) {
		x->has_request = true;
		snprintf(place->part, sizeof(place->part), "request");
		if (!take_message(place, request, &x->request))
			return false;
		place->part[0] = '\0';
	}
	if (replies && !take_replies(place, replies, x))
		return false;
	if (!request && !x->reply_count)
		return place_complain(place, "expected \"request\" or \"replies\"");
	return true;
}
