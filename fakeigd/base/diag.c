/* SPDX-License-Identifier: MIT */
/* diag.c - complaints about what a person wrote. */
#include "diag.h"

#include <ctype.h>

void diag_at(struct diag *d, const char *file, int line, const char *format, ...)
{
	va_list ap;

	if (file && line)
		buf_printf(&d->text, "%s:%d: ", file, line);
	else if (file)
		buf_printf(&d->text, "%s: ", file);
	va_start(ap, format);
	buf_vprintf(&d->text, format, ap);
	va_end(ap);
	buf_putc(&d->text, '\n');
	d->errors++;
}

void diag_free(struct diag *d)
{
	buf_free(&d->text);
	d->errors = 0;
}

#define SUGGEST_MAX 64

/* Levenshtein distance, case ignored; names longer than SUGGEST_MAX are never near. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	size_t row[SUGGEST_MAX + 1];

	if (la > SUGGEST_MAX || lb > SUGGEST_MAX)
		return 2 * SUGGEST_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			bool same = tolower((unsigned char)a[i - 1]) ==
				    tolower((unsigned char)b[j - 1]);
			size_t best = diagonal + !same;

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[lb];
}

const char *suggest_nearest(const char *word, const char *const *names, size_t count)
{
	size_t limit = strlen(word) / 3 + 1, best = limit + 1;
	const char *found = NULL;

	for (size_t i = 0; strlen(word) <= SUGGEST_MAX && i < count; i++) {
		size_t distance = edit_distance(word, names[i]);

		if (distance < best) {
			best = distance;
			found = names[i];
		}
	}
	return found;
}

void diag_unknown(struct diag *d, const char *file, int line, const char *kind, const char *word,
		  const char *const *names, size_t count)
{
	const char *near = suggest_nearest(word, names, count);
	struct buf list = {0};

	if (near) {
		diag_at(d, file, line, "unknown %s \"%s\"; did you mean \"%s\"?", kind, word, near);
		return;
	}
	for (size_t i = 0; i < count && i < 24; i++)
		buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
	diag_at(d, file, line, "unknown %s \"%s\"; expected one of: %s%s", kind, word,
		list.data ? list.data : "(none)", count > 24 ? ", ..." : "");
	buf_free(&list);
}
