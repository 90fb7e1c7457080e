/* SPDX-License-Identifier: MIT */
/* replace.c - write a file anew: whoever reads it sees the old one or the new one, whole. */
#include "replace.h"

#include "../fakeigd/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FLUSH_BYTES (256 << 10)

void replace_begin(struct replacement *r, int dir, const char *name)
{
	*r = (struct replacement){.dir = dir, .name = name};
	r->temporary = xasprintf(".%s.%d", name, (int)getpid());
	r->fd = openat(dir, r->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (r->fd < 0)
		r->error = errno;
}

static void write_out(struct replacement *r)
{
	size_t done = 0;

	while (done < r->out.len && !r->error) {
		ssize_t n = write(r->fd, r->out.data + done, r->out.len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			r->error = errno;
	}
	buf_reset(&r->out);
}

void replace_flush(struct replacement *r)
{
	if (r->out.len >= FLUSH_BYTES)
		write_out(r);
}

int replace_end(struct replacement *r)
{
	write_out(r);
	if (r->fd >= 0 && close(r->fd) < 0 && !r->error)
		r->error = errno;
	if (!r->error && renameat(r->dir, r->temporary, r->dir, r->name) < 0)
		r->error = errno;
	if (r->error && r->fd >= 0)
		unlinkat(r->dir, r->temporary, 0);
	free(r->temporary);
	buf_free(&r->out);
	return -r->error;
}
