/* SPDX-License-Identifier: MIT */
/* recording_json.c - the head of a flow as JSON; its exchanges are recording_text.c's. */
#include "recording_parts.h"

#include "../fakeigd/wire/utf8.h"

/* Text as JSON; a byte that is no UTF-8 becomes U+FFFD. */
static json_t *text_json(const char *text)
{
	size_t len = strlen(text);
	struct buf out = {0};
	json_t *json;

	if (!len || utf8_is_valid(text, len))
		return json_stringn(text, len);
	utf8_add_valid(&out, text, len);
	json = json_stringn(out.data, out.len);
	buf_free(&out);
	return json;
}

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text)
		json_object_set_new(object, key, text_json(text));
}

bool recording_by_line(const struct recording *r)
{
	return r->kind && (!strcmp(r->kind, "log") || !strcmp(r->kind, "journal"));
}

static json_t *notes_json(const struct recording *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->note_count; i++) {
		const struct recording_note *n = &r->notes[i];
		json_t *note = json_object();

		if (n->count)
			json_object_set_new(
				note, recording_by_line(r) ? "lines" : "packets",
				json_pack("[II]", (json_int_t)n->first, (json_int_t)n->count));
		set_text(note, "what", n->what);
		set_text(note, "text", n->text);
		json_array_append_new(list, note);
	}
	return list;
}

json_t *recording_head_json(const struct recording *r)
{
	json_t *object = json_pack("{si}", "igdlab-flow", RECORDING_VERSION);
	json_t *replaced = json_array();

	set_text(object, "summary", r->summary);
	set_text(object, "source", r->source);
	set_text(object, "kind", r->kind);
	set_text(object, "sha256", r->sha256);
	json_object_set_new(object, "bytes", json_integer((json_int_t)r->bytes));
	json_object_set_new(object, "dated", json_boolean(r->dated));
	set_text(object, "client", r->client);
	set_text(object, "router", r->router);
	for (size_t i = 0; i < r->replaced.count; i++)
		json_array_append_new(replaced, text_json(r->replaced.items[i]));
	json_object_set_new(object, "replaced", replaced);
	json_object_set_new(object, "notes", notes_json(r));
	return object;
}
