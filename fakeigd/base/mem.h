/* SPDX-License-Identifier: MIT */
/* mem.h - allocation that does not fail: a laboratory that is out of memory stops and says so. */
#ifndef IGDLAB_MEM_H
#define IGDLAB_MEM_H

#include <stddef.h>

/** ARRAY_SIZE() - number of elements of a true array. */
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Each returns memory that the caller owns and gives back with free(); on exhaustion the process
 * prints one line and aborts, so no caller has a path for it. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);
/** xasprintf() - sprintf() into memory of its own. */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
