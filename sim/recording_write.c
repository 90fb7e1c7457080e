/* SPDX-License-Identifier: MIT */
/*
 * recording_write.c - writing flows in bounded memory.
 *
 * Theory of operation
 *
 * Exchanges come in the order in which they became complete, and are wanted in order of time; and
 * whether times are dates is known at the end. So they go to a spool, SPOOL_MEMORY of memory and,
 * when there are more, a file without a name in the target's folder; only their place and time
 * stay. At the end the places are sorted and each exchange is read back, made JSON and written,
 * into a file beside the target that takes its name when everything is in it.
 */
#include "recording_parts.h"

#include "../fakeigd/base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DECODED_MAX   100000	  /* exchanges: more are written without "decoded" */
#define PAIRS_MAX     1024	  /* of client and router that are counted */
#define TIME_DIGITS   15	  /* of seconds as a number: nanoseconds over ten days */
#define SPOOL_BYTES   (1u << 20)  /* written at once */
#define SPOOL_MEMORY  (32u << 20) /* as much is spooled in memory before the file is used */
#define CONTROL_COUNT 16	  /* one exchange of control counts as much as so many others */

/** struct spooled - place of an exchange in the spool; @number keeps equal times in order */
struct spooled {
	int64_t time_ns;
	uint64_t offset;
	uint32_t len;
	uint32_t number;
};

/** struct pair - how much was said between two; without ports */
struct pair {
	struct end_point client, router;
	uint64_t score;
};

struct recording_writer {
	char *path;
	int spool;
	int error; /* of the spool, reported at the end */
	struct buf pending;
	uint64_t written;
	struct spooled *places;
	size_t count, cap;
	struct pair *pairs;
	size_t pair_count;
	struct recording_counts counts;
};

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

/* A file without a name where the target will be, so that the disk is the user's choice. */
static int open_spool(const char *folder)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *name;

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	name = xasprintf("%s/.igdlab-XXXXXX", folder);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	free(name);
	return fd;
}

/* A target that is no plain file (a pipe, a terminal) is written to as it is; then the spool is in
 * the folder for temporary files. */
static bool is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

struct recording_writer *recording_create(const char *path, struct diag *d)
{
	struct recording_writer *w = xcalloc(1, sizeof(*w));
	const char *temporary = getenv("TMPDIR");
	char *folder = is_special(path) ? xstrdup(temporary ? temporary : "/tmp") : folder_of(path);

	w->spool = open_spool(folder);
	if (w->spool < 0) {
		diag_at(d, path, 0, "cannot be written: %s: %s", folder, strerror(errno));
		free(folder);
		free(w);
		return NULL;
	}
	free(folder);
	w->path = xstrdup(path);
	return w;
}

static int write_all(int fd, struct slice s)
{
	while (s.len) {
		ssize_t len = write(fd, s.ptr, s.len);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		s.ptr += len;
		s.len -= (size_t)len;
	}
	return 0;
}

static void flush_spool(struct recording_writer *w)
{
	int error = write_all(w->spool, buf_slice(&w->pending));

	if (error && !w->error)
		w->error = error;
	w->written += w->pending.len;
	buf_reset(&w->pending);
}

/* ---- who is who ---- */

/* Return: false when one of the two is not known or a group. */
static bool roles(const struct exchange *x, struct end_point *client, struct end_point *router)
{
	const struct recorded_message *m = x->has_request   ? &x->request
					   : x->reply_count ? &x->replies[0]
							    : NULL;
	bool from_client = x->has_request != x->from_router;

	if (!m)
		return false;
	*client = from_client ? m->from : m->to;
	*router = from_client ? m->to : m->from;
	if (end_point_is_multicast(router) && x->reply_count)
		*router = x->replies[0].from;
	client->port = router->port = 0;
	return client->family && router->family && !end_point_is_multicast(client) &&
	       !end_point_is_multicast(router);
}

static void count_pair(struct recording_writer *w, const struct exchange *x)
{
	bool control =
		x->protocol == FLOW_SOAP || x->protocol == FLOW_NATPMP || x->protocol == FLOW_PCP;
	struct end_point client, router;
	size_t i = 0;

	if (x->protocol > FLOW_PCP || !roles(x, &client, &router))
		return;
	while (i < w->pair_count && !(end_point_same_address(&w->pairs[i].client, &client) &&
				      end_point_same_address(&w->pairs[i].router, &router)))
		i++;
	if (i == PAIRS_MAX)
		return;
	if (i == w->pair_count) {
		w->pairs = xrealloc(w->pairs, ++w->pair_count * sizeof(*w->pairs));
		w->pairs[i] = (struct pair){.client = client, .router = router};
	}
	w->pairs[i].score += control ? CONTROL_COUNT : 1;
}

static void name_pair(const struct recording_writer *w, struct recording *r)
{
	const struct pair *best = NULL;
	struct buf text = {0};

	for (size_t i = 0; i < w->pair_count; i++) {
		if (!best || w->pairs[i].score > best->score)
			best = &w->pairs[i];
	}
	if (best && !r->client) {
		end_point_text(&best->client, &text);
		r->client = buf_steal(&text);
	}
	if (best && !r->router) {
		end_point_text(&best->router, &text);
		r->router = buf_steal(&text);
	}
	buf_free(&text);
}

/* ---- exchanges ---- */

static void count_message(struct recording_counts *counts, const struct recorded_message *m)
{
	counts->restored += m->restored.count > 0;
	counts->cut += m->gap_count > 0;
}

static void count_exchange(struct recording_writer *w, const struct exchange *x)
{
	w->counts.exchanges[x->protocol]++;
	count_message(&w->counts, &x->request);
	for (size_t i = 0; i < x->reply_count; i++)
		count_message(&w->counts, &x->replies[i]);
	count_pair(w, x);
}

void recording_put(struct recording_writer *w, const struct exchange *x)
{
	size_t before = w->pending.len;

	if (w->count == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 64;
		w->places = xrealloc(w->places, w->cap * sizeof(*w->places));
	}
	exchange_pack(x, &w->pending);
	w->places[w->count] = (struct spooled){
		.time_ns = exchange_first_ns(x),
		.offset = w->written + before,
		.len = (uint32_t)(w->pending.len - before),
		.number = (uint32_t)w->count,
	};
	w->count++;
	count_exchange(w, x);
	if (w->pending.len >= (w->written ? SPOOL_BYTES : SPOOL_MEMORY))
		flush_spool(w);
}

size_t recording_put_count(const struct recording_writer *w)
{
	return w->count;
}

const struct recording_counts *recording_counts(const struct recording_writer *w)
{
	return &w->counts;
}

static int by_time(const void *a, const void *b)
{
	const struct spooled *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* What has no time stays behind what was put before it. */
static void sort_places(struct recording_writer *w)
{
	int64_t last = RECORDING_NO_TIME;

	for (size_t i = 0; i < w->count; i++) {
		if (w->places[i].time_ns == RECORDING_NO_TIME)
			w->places[i].time_ns = last;
		last = w->places[i].time_ns;
	}
	if (w->count)
		qsort(w->places, w->count, sizeof(*w->places), by_time);
}

static int read_place(struct recording_writer *w, const struct spooled *place, struct buf *packed,
		      struct exchange *x)
{
	size_t have = 0;

	if (place->offset >= w->written) {
		exchange_unpack(
			(struct slice){w->pending.data + (place->offset - w->written), place->len},
			x);
		return 0;
	}
	buf_reset(packed);
	buf_reserve(packed, place->len);
	while (have < place->len) {
		ssize_t len = pread(w->spool, packed->data + have, place->len - have,
				    (off_t)(place->offset + have));

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return len < 0 ? -errno : -EIO;
		have += (size_t)len;
	}
	exchange_unpack((struct slice){packed->data, place->len}, x);
	return 0;
}

/* ---- the file ---- */

static void add_json(struct buf *out, const json_t *json)
{
	char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(TIME_DIGITS));

	buf_puts(out, text ? text : "null");
	free(text);
}

/* One member of the head per line, one note per line. */
static void add_head(struct buf *out, const struct recording *r)
{
	json_t *head = recording_head_json(r), *value, *item;
	const char *separator = "{", *key;
	size_t i;

	json_object_foreach(head, key, value)
	{
		buf_printf(out, "%s\"%s\": ", separator, key);
		separator = ",\n ";
		if (!json_is_array(value) || !json_array_size(value)) {
			add_json(out, value);
			continue;
		}
		json_array_foreach(value, i, item)
		{
			buf_puts(out, i ? ",\n  " : "[\n  ");
			add_json(out, item);
		}
		buf_putc(out, ']');
	}
	buf_puts(out, ",\n \"exchanges\": [");
	json_decref(head);
}

static int write_file(struct recording_writer *w, const struct recording *r, int fd)
{
	unsigned how = (r->dated ? EXCHANGE_DATED : 0u) |
		       (recording_by_line(r) ? EXCHANGE_BY_LINE : 0u) |
		       (w->count <= DECODED_MAX ? EXCHANGE_DECODED : 0u);
	struct buf out = {0}, packed = {0};
	int status = 0;

	add_head(&out, r);
	for (size_t i = 0; i < w->count && !status; i++) {
		struct exchange x = {0};

		status = read_place(w, &w->places[i], &packed, &x);
		if (status)
			break;
		buf_puts(&out, i ? ",\n" : "\n");
		exchange_text(&x, how, &out);
		exchange_free(&x);
		if (out.len >= SPOOL_BYTES) {
			status = write_all(fd, buf_slice(&out));
			buf_reset(&out);
		}
	}
	buf_puts(&out, w->count ? "\n]}\n" : "]}\n");
	if (!status)
		status = write_all(fd, buf_slice(&out));
	buf_free(&out);
	buf_free(&packed);
	return status;
}

static int write_beside(struct recording_writer *w, const struct recording *r)
{
	char *name = xasprintf("%s.XXXXXX", w->path);
	int fd = mkostemp(name, O_CLOEXEC), status = fd < 0 ? -errno : 0;
	mode_t mask = umask(0);

	umask(mask);
	if (!status)
		status = write_file(w, r, fd);
	if (!status && fchmod(fd, 0666 & ~mask) < 0)
		status = -errno;
	if (fd >= 0 && close(fd) < 0 && !status)
		status = -errno;
	if (!status && rename(name, w->path) < 0)
		status = -errno;
	if (status && fd >= 0)
		unlink(name);
	free(name);
	return status;
}

static int write_special(struct recording_writer *w, const struct recording *r)
{
	int fd = open(w->path, O_WRONLY | O_CLOEXEC), status = fd < 0 ? -errno : 0;

	if (!status)
		status = write_file(w, r, fd);
	if (fd >= 0)
		close(fd);
	return status;
}

static int collect(struct recording_writer *w, struct recording *r)
{
	struct buf packed = {0};
	int status = w->error;

	for (size_t i = 0; i < w->count && !status; i++)
		status = read_place(w, &w->places[i], &packed, recording_add(r));
	buf_free(&packed);
	return status;
}

int recording_collect(struct recording_writer *w, struct recording *r, struct diag *d)
{
	int status = 0;

	sort_places(w);
	name_pair(w, r);
	if (w->count > DECODED_MAX)
		recording_note_add(r, 0, 0, "without decoded fields: that many exchanges", NULL);
	if (w->written + w->pending.len > RECORDING_FILE_BYTES) {
		diag_at(d, w->path, 0,
			"%llu bytes of exchanges are more than a flow may have (%llu)",
			(unsigned long long)(w->written + w->pending.len),
			(unsigned long long)RECORDING_FILE_BYTES);
		recording_abandon(w);
		return -1;
	}
	status = collect(w, r);
	if (status)
		diag_at(d, w->path, 0, "cannot be written: %s", strerror(-status));
	recording_abandon(w);
	return status ? -1 : 0;
}

int recording_save(const char *path, struct recording *r, struct diag *d)
{
	struct recording_writer *w = recording_create(path, d);

	for (size_t i = 0; w && i < r->count; i++)
		recording_put(w, &r->exchanges[i]);
	return w ? recording_finish(w, r, d) : -1;
}

int recording_finish(struct recording_writer *w, struct recording *r, struct diag *d)
{
	int status;

	sort_places(w);
	name_pair(w, r);
	status = w->error;
	if (!status)
		status = is_special(w->path) ? write_special(w, r) : write_beside(w, r);
	if (status)
		diag_at(d, w->path, 0, "cannot be written: %s", strerror(-status));
	recording_abandon(w);
	return status ? -1 : 0;
}

void recording_abandon(struct recording_writer *w)
{
	if (!w)
		return;
	close(w->spool);
	buf_free(&w->pending);
	free(w->places);
	free(w->pairs);
	free(w->path);
	free(w);
}
