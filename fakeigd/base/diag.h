/* SPDX-License-Identifier: MIT */
/* diag.h - complaints about what a person wrote: file, line, what was expected, nearest name. */
#ifndef IGDLAB_DIAG_H
#define IGDLAB_DIAG_H

#include "buf.h"

/**
 * struct diag - complaints gathered while reading input; zero-initialised is empty
 * @text:	one complaint per line, "file:line: sentence"
 * @errors:	how many
 */
struct diag {
	struct buf text;
	int errors;
};

/** diag_at() - add a complaint about @file at @line (0 = no line, NULL = no file). */
void diag_at(struct diag *d, const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/** diag_free() - forget the complaints. */
void diag_free(struct diag *d);

/**
 * suggest_nearest() - the known name that somebody probably meant
 * @word:	what was written
 * @names:	what is known
 * @count:	how many names
 *
 * Return: a name within an edit distance of a third of the length of @word (case ignored), or NULL.
 */
const char *suggest_nearest(const char *word, const char *const *names, size_t count);

/** diag_unknown() - complaint "unknown KIND "WORD"; did you mean ...?" or, with none near, the
 * list. */
void diag_unknown(struct diag *d, const char *file, int line, const char *kind, const char *word,
		  const char *const *names, size_t count);

#endif
