/* SPDX-License-Identifier: MIT */
/* replace.h - write a file anew: whoever reads it sees the old one or the new one, whole. */
#ifndef SIM_REPLACE_H
#define SIM_REPLACE_H

#include "../fakeigd/base/buf.h"

/**
 * struct replacement - a file being written beside the one it will replace
 * @dir, @name:	where; borrowed
 * @fd:		-1 after a failure
 * @error:	errno of the first failure
 * @out:	append here; call replace_flush() now and then
 */
struct replacement {
	int dir;
	const char *name;
	char *temporary;
	int fd;
	int error;
	struct buf out;
};

/** replace_begin() - @dir is a directory's descriptor. Failures show in replace_end(). */
void replace_begin(struct replacement *r, int dir, const char *name);
/** replace_flush() - write what has gathered once it is enough to be worth it. */
void replace_flush(struct replacement *r);
/** replace_end() - put the file in its place, or on any failure nothing. Return: 0 or -errno. */
int replace_end(struct replacement *r);

#endif
