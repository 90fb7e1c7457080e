/* SPDX-License-Identifier: MIT */
/* imported.h - what an importer makes of bytes, written as a flow file and read back. */
#ifndef UNIT_IMPORTED_H
#define UNIT_IMPORTED_H

#include "unit.h"

#include "../../sim/import.h"

#include <stdlib.h>
#include <unistd.h>

/** struct imported - @head, @got and @d are filled; the caller frees all three */
struct imported {
	int (*read)(const char *path, struct slice data, const struct import_options *options,
		    struct recording_writer *w, struct recording *head, struct diag *d);
	const char *name, *kind;
	struct recording *head, *got;
	struct diag *d;
};

/* Return: what the importer does. */
static inline int imported(const struct imported *i, struct slice data,
			   const struct import_options *options)
{
	static const struct import_options none;
	char path[] = "/tmp/test-import-XXXXXX";
	int fd = mkstemp(path), status;
	struct recording_writer *w;

	assert_true(fd >= 0);
	close(fd);
	w = recording_create(path, i->d);
	assert_non_null(w);
	status = i->read(i->name, data, options ? options : &none, w, i->head, i->d);
	if (status) {
		recording_abandon(w);
	} else {
		i->head->source = xstrdup(i->name);
		i->head->kind = xstrdup(i->kind);
		i->head->sha256 = xstrdup("e3b0c44298fc1c149afbf4c8996fb924"
					  "27ae41e4649b934ca495991b7852b855");
		assert_int_equal(recording_finish(w, i->head, i->d), 0);
		if (recording_read(path, i->got, i->d))
			fail_msg("%.*s", (int)i->d->text.len, i->d->text.data);
	}
	unlink(path);
	return status;
}

#endif
