/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the only clock: everything in a lab reads time here, so that a lab can advance it.
 *
 * Time is the kernel's plus an offset that lives in a page shared by all processes of a lab (a
 * memfd handed down as a descriptor). Advancing adds to the offset; who waits on timers is then
 * told to look again (control command "advance"). Without a page the offset is the process's own.
 * No other file calls clock_gettime() or time(): scripts/check-tree checks that.
 */
#ifndef IGDLAB_CLOCK_H
#define IGDLAB_CLOCK_H

#include <stdint.h>

#define CLOCK_SECOND INT64_C(1000000)

/** clock_page_create() - a new page with offset 0. Return: descriptor (CLOEXEC), or -errno. */
int clock_page_create(void);
/** clock_page_use() - read and advance the page behind @fd from now on. Return: 0 or -errno. */
int clock_page_use(int fd);
/** clock_now() - monotonic microseconds, lab offset included. Never goes back. */
int64_t clock_now(void);
/** clock_wall() - microseconds since 1970 UTC, lab offset included. */
int64_t clock_wall(void);
/** clock_real() - microseconds since 1970 UTC without the offset: for captures and journals. */
int64_t clock_real(void);
/** clock_advance() - move the lab's time forward by @us. */
void clock_advance(int64_t us);
/** clock_offset() - microseconds by which the lab's time is ahead. */
int64_t clock_offset(void);

#endif
