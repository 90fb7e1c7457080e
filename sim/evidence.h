/* SPDX-License-Identifier: MIT */
/* evidence.h - what a lab leaves behind, made readable: sorted capture, comments, picture. */
#ifndef SIM_EVIDENCE_H
#define SIM_EVIDENCE_H

#include "../fakeigd/base/diag.h"

/**
 * evidence_finish() - turn what a lab left into what a person reads
 * @dir:	evidence directory: capture.pcapng, *.journal.ndjson, lab.json ("info" reply,
 *		lab.h), and run.json (what "run --json" prints) when there is one
 * @d:		what could not be read, and where
 *
 * Rewrites capture.pcapng in order of time with the journals' lines as comments of the packets that
 * they are about, and writes messages.json (every decoded message) and ladder.svg. Each file is
 * replaced at once or not at all; without lab.json the picture's columns are bare addresses. Call
 * it when nobody writes into @dir any more. Return: 0, or -1 after a complaint.
 */
int evidence_finish(const char *dir, struct diag *d);

#endif
