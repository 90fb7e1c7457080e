/* SPDX-License-Identifier: MIT */
/*
 * recording_read.c - reading flow files.
 *
 * Theory of operation
 *
 * The document is an object whose members are read one by one, and of "exchanges" element by
 * element, so that memory is needed for one exchange as JSON and complaints know the line where it
 * begins. Members may come in any order and layout (jq). At most RECORDING_FILE_BYTES of file; a
 * message has at most RECORDING_MESSAGE_BYTES. The file may come from anybody: everything is
 * checked, unknown members are refused with a suggestion.
 */
#include "recording_parts.h"

#include "../fakeigd/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/** struct reader - where we are in the document */
struct reader {
	struct slice text;
	size_t pos;
	size_t counted; /* up to here lines are counted: */
	struct place place;
};

bool place_complain(const struct place *place, const char *format, ...)
{
	struct buf text = {0};
	va_list ap;

	if (place->exchange)
		buf_printf(&text, "exchange %zu: ", place->exchange);
	if (*place->part)
		buf_printf(&text, "%s: ", place->part);
	va_start(ap, format);
	buf_vprintf(&text, format, ap);
	va_end(ap);
	diag_at(place->d, place->file, place->line, "%s", text.data);
	buf_free(&text);
	return false;
}

bool place_keys(const struct place *place, const json_t *object, const char *const *names,
		size_t count)
{
	const char *key, *nearest;
	bool good = true;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		size_t i = 0;

		while (i < count && strcmp(key, names[i]))
			i++;
		if (i < count)
			continue;
		nearest = suggest_nearest(key, names, count);
		good = place_complain(place,
				      nearest ? "unknown key \"%s\"; did you mean \"%s\"?"
					      : "unknown key \"%s\"",
				      key, nearest);
	}
	return good;
}

/* ---- characters ---- */

static void count_lines(struct reader *r)
{
	while (r->counted < r->pos)
		r->place.line += r->text.ptr[r->counted++] == '\n';
}

static char peek(struct reader *r)
{
	while (r->pos < r->text.len && memchr(" \t\r\n", r->text.ptr[r->pos], 4))
		r->pos++;
	count_lines(r);
	return r->pos < r->text.len ? r->text.ptr[r->pos] : '\0';
}

static bool expect(struct reader *r, char c, const char *where)
{
	char found = peek(r);

	if (found == c) {
		r->pos++;
		return true;
	}
	if (r->pos == r->text.len)
		return place_complain(&r->place, "expected \"%c\" %s, found the end of the file", c,
				      where);
	return place_complain(&r->place, "expected \"%c\" %s, found \"%c\"", c, where,
			      found >= ' ' && found <= '~' ? found : '?');
}

static json_t *next_value(struct reader *r)
{
	json_error_t error;
	json_t *value;

	peek(r);
	value = json_loadb(r->text.ptr + r->pos, r->text.len - r->pos,
			   JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY | JSON_REJECT_DUPLICATES,
			   &error);
	if (!value) {
		struct place at = r->place;

		at.line += error.line > 1 ? error.line - 1 : 0;
		place_complain(&at, "no JSON: %s", error.text);
		return NULL;
	}
	r->pos += (size_t)error.position;
	return value;
}

/* ---- head ---- */

static const char *const head_keys[] = {"igdlab-flow", "summary",  "source", "kind",
					"sha256",      "bytes",	   "dated",  "client",
					"router",      "replaced", "notes",  "exchanges"};

static bool take_text(const struct place *place, const char *key, const json_t *value, char **out)
{
	if (!json_is_string(value))
		return place_complain(place, "\"%s\": expected text", key);
	free(*out);
	*out = xstrdup(json_string_value(value));
	return true;
}

static bool take_version(const struct place *place, const json_t *value)
{
	if (!json_is_integer(value) || json_integer_value(value) != RECORDING_VERSION)
		return place_complain(place, "\"igdlab-flow\": expected version %d",
				      RECORDING_VERSION);
	return true;
}

static bool take_replaced(const struct place *place, const json_t *list, struct recording *out)
{
	size_t i;
	json_t *item;

	if (!json_is_array(list))
		return place_complain(place, "\"replaced\": expected a list of sentences");
	json_array_foreach((json_t *)list, i, item)
	{
		if (!json_is_string(item))
			return place_complain(place, "\"replaced\": expected a list of sentences");
		names_add(&out->replaced, json_string_value(item));
	}
	return true;
}

static bool take_note(const struct place *place, const json_t *note, struct recording *out)
{
	static const char *const keys[] = {"lines", "packets", "what", "text"};
	const char *what = json_string_value(json_object_get(note, "what"));
	const json_t *text = json_object_get(note, "text");
	const json_t *range = json_object_get(note, "lines");
	json_int_t first, count;

	if (!range)
		range = json_object_get(note, "packets");
	if (!json_is_object(note) || !what || (text && !json_is_string(text)))
		return place_complain(place, "\"notes\": expected objects with \"what\"");
	if (!place_keys(place, note, keys, ARRAY_SIZE(keys)))
		return false;
	first = json_integer_value(json_array_get(range, 0));
	count = json_integer_value(json_array_get(range, 1));
	if (range && (json_array_size(range) != 2 || first < 1 || count < 1))
		return place_complain(
			place, "\"notes\": expected the first line or packet and how many: [3, 1]");
	recording_note_add(out, (uint64_t)first, (uint64_t)count, what, json_string_value(text));
	return true;
}

static bool take_notes(const struct place *place, const json_t *list, struct recording *out)
{
	size_t i;
	json_t *item;

	if (!json_is_array(list))
		return place_complain(place, "\"notes\": expected a list");
	json_array_foreach((json_t *)list, i, item)
	{
		if (!take_note(place, item, out))
			return false;
	}
	return true;
}

static bool take_member(const struct place *place, const char *key, const json_t *value,
			struct recording *out)
{
	const struct {
		const char *key;
		char **out;
	} texts[] = {{"summary", &out->summary}, {"source", &out->source},
		     {"kind", &out->kind},	 {"sha256", &out->sha256},
		     {"client", &out->client},	 {"router", &out->router}};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (!strcmp(key, texts[i].key))
			return take_text(place, key, value, texts[i].out);
	}
	if (!strcmp(key, "igdlab-flow"))
		return take_version(place, value);
	if (!strcmp(key, "replaced"))
		return take_replaced(place, value, out);
	if (!strcmp(key, "notes"))
		return take_notes(place, value, out);
	if (!strcmp(key, "dated")) {
		out->dated = json_is_true(value);
		return json_is_boolean(value) ||
		       place_complain(place, "\"dated\": expected true or false");
	}
	out->bytes = (uint64_t)json_integer_value(value);
	return (json_is_integer(value) && json_integer_value(value) >= 0) ||
	       place_complain(place, "\"bytes\": expected a number");
}

/* ---- the document ---- */

static bool read_exchanges(struct reader *r, struct recording *out)
{
	size_t number = 0;

	if (!expect(r, '[', "after \"exchanges\":"))
		return false;
	if (peek(r) == ']')
		return expect(r, ']', "");
	for (;;) {
		json_t *json = NULL;
		bool good;

		r->place.exchange = ++number;
		peek(r);
		good = peek(r) == '{' ? (json = next_value(r)) != NULL
				      : expect(r, '{', "at the start of an exchange");
		good = good && exchange_from_json(json, &r->place, recording_add(out));
		json_decref(json);
		r->place.exchange = 0;
		if (!good)
			return false;
		if (peek(r) != ',')
			return expect(r, ']', "after the exchanges");
		r->pos++;
	}
}

static bool read_member(struct reader *r, unsigned *seen, struct recording *out)
{
	const char *const *names = head_keys;
	size_t count = ARRAY_SIZE(head_keys), i = 0;
	json_t *key, *value;
	bool good = false;

	if (peek(r) != '"')
		return expect(r, '"', "at the start of a key");
	key = next_value(r);
	if (!key)
		return false;
	while (i < count && strcmp(json_string_value(key), names[i]))
		i++;
	if (i == count)
		diag_unknown(r->place.d, r->place.file, r->place.line, "key",
			     json_string_value(key), names, count);
	else if (*seen & 1u << i)
		place_complain(&r->place, "\"%s\" is there twice", names[i]);
	else
		good = expect(r, ':', "after a key");
	json_decref(key);
	if (!good)
		return false;
	*seen |= 1u << i;
	if (i == count - 1)
		return read_exchanges(r, out);
	value = next_value(r);
	good = value && take_member(&r->place, names[i], value, out);
	json_decref(value);
	return good;
}

static bool read_document(struct reader *r, struct recording *out)
{
	unsigned seen = 0;

	if (peek(r) != '{')
		return place_complain(&r->place,
				      "expected a flow, as \"igdlab import\" writes it: {\"igdlab-"
				      "flow\": %d, ...}",
				      RECORDING_VERSION);
	r->pos++;
	while (read_member(r, &seen, out)) {
		if (peek(r) == ',') {
			r->pos++;
			continue;
		}
		if (!expect(r, '}', "at the end of the flow"))
			return false;
		if (peek(r))
			return place_complain(&r->place, "expected nothing after the flow");
		if (!(seen & 1u))
			return place_complain(&r->place,
					      "this is no flow: \"igdlab-flow\" is missing");
		if (!(seen & 1u << (ARRAY_SIZE(head_keys) - 1)))
			return place_complain(&r->place, "\"exchanges\" is missing");
		return true;
	}
	return false;
}

int recording_parse(struct slice text, const char *name, struct recording *out, struct diag *d)
{
	struct reader r = {.text = text, .place = {.d = d, .file = name, .line = 1}};

	*out = (struct recording){0};
	return read_document(&r, out) ? 0 : -1;
}

static int read_mapped(int fd, size_t size, const char *path, struct recording *out, struct diag *d)
{
	char *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	int status;

	if (data == MAP_FAILED) {
		diag_at(d, path, 0, "cannot be read: %s", strerror(errno));
		return -1;
	}
	status = recording_parse((struct slice){data, size}, path, out, d);
	munmap(data, size);
	return status;
}

int recording_read(const char *path, struct recording *out, struct diag *d)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), status = -1;
	struct stat st;

	*out = (struct recording){0};
	if (fd < 0 || fstat(fd, &st) < 0)
		diag_at(d, path, 0, "cannot be read: %s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		diag_at(d, path, 0, "cannot be read: it is no plain file");
	else if (!st.st_size)
		diag_at(d, path, 0,
			"the file is empty; expected a flow, as \"igdlab import\" writes it");
	else if ((uint64_t)st.st_size > RECORDING_FILE_BYTES)
		diag_at(d, path, 0, "%lld bytes are more than a flow may have (%llu)",
			(long long)st.st_size, (unsigned long long)RECORDING_FILE_BYTES);
	else
		status = read_mapped(fd, (size_t)st.st_size, path, out, d);
	if (fd >= 0)
		close(fd);
	return status;
}
