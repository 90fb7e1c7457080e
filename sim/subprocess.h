/* SPDX-License-Identifier: MIT */
/* subprocess.h - the output of a program of ours, without a shell. */
#ifndef SIM_SUBPROCESS_H
#define SIM_SUBPROCESS_H

#include "../fakeigd/base/buf.h"

/**
 * subprocess_read() - run a program to its end and take its standard output
 * @argv:	ends with NULL; argv[0] is a path
 * @out:	what it wrote, appended; standard error stays ours
 *
 * Return: its exit status (128 + N after signal N), or -errno when it could not be started.
 */
int subprocess_read(char *const *argv, struct buf *out);

#endif
