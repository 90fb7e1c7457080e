/* SPDX-License-Identifier: MIT */
/* fuzz_gena.c - any head as SUBSCRIBE and UNSUBSCRIBE, and what follows it as a property set. */
#include "fuzz.h"

#include "../../fakeigd/wire/gena.h"

static void count_property(void *arg, const char *name, const char *value)
{
	size_t *count = arg;

	require(*name && value);
	(*count)++;
}

static void check_callbacks(const struct gena_subscribe *s)
{
	require(s->count <= GENA_CALLBACKS_MAX);
	for (size_t i = 0; i < s->count; i++)
		require(s->callbacks[i].host[0] && s->callbacks[i].port);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *data = (const char *)bytes;
	struct gena_subscribe s, careless;
	struct http_head head;
	struct slice sid;
	size_t consumed, count = 0;

	if (http_parse_head(data, len, &head, &consumed))
		return 0;
	if (!gena_parse_subscribe(&head, &s)) {
		require(s.renewal ? s.sid.len && !s.count
				  : s.count && s.count <= GENA_CALLBACKS_MAX);
		require(s.timeout >= -1);
		check_callbacks(&s);
	}
	if (!gena_parse_lenient(&head, &careless)) {
		require(careless.renewal || careless.count);
		check_callbacks(&careless);
	}
	if (!gena_parse_unsubscribe(&head, &sid))
		require(sid.len && is_within(sid, data, len));
	if (gena_each_property(data + consumed, len - consumed, count_property, &count))
		require(!count);
	return 0;
}
