/* SPDX-License-Identifier: MIT */
/* coverage.h - which requirements the cases of both suites name. */
#ifndef SIM_COVERAGE_H
#define SIM_COVERAGE_H

#include "../fakeigd/base/buf.h"

/**
 * struct coverage - the checks' sources
 * @text:	all of them, one behind the other
 */
struct coverage {
	struct buf text;
};

/**
 * coverage_read() - read the cases of cases/daemon and cases/client of the data tree
 *
 * Return: what was read, empty when there are no checks; coverage_free() it.
 */
struct coverage coverage_read(void);
void coverage_free(struct coverage *coverage);
/** coverage_has() - whether a check names requirement @id ("WIPC-07"), in quotes as its mark does.
 */
bool coverage_has(const struct coverage *coverage, const char *id);

#endif
