/* SPDX-License-Identifier: MIT */
/* linediff.h - what differs between two texts, line by line. Pure. */
#ifndef SIM_LINEDIFF_H
#define SIM_LINEDIFF_H

#include "../fakeigd/base/buf.h"

/**
 * linediff() - the lines of @a that are not in @b with "- " before them, those of @b with "+ ",
 * with
 * @context common lines around ("  ") and "..." where more are left out
 *
 * Return: how many lines differ; nothing is appended to @out when none does.
 */
size_t linediff(struct slice a, struct slice b, size_t context, struct buf *out);

#endif
