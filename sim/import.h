/* SPDX-License-Identifier: MIT */
/*
 * import.h - reading captures, logs and journals into flows.
 *
 * import_file() maps the file, tells its kind by its first bytes, and calls the importer of that
 * kind. An importer reads the mapped bytes once from front to back, puts exchanges into the writer
 * as they become complete and never holds more than what is unfinished.
 */
#ifndef SIM_IMPORT_H
#define SIM_IMPORT_H

#include "recording.h"

/**
 * struct import_options - what the user said
 * @router, @client: addresses as text, NULL = find out; given ones decide directions and which
 *		exchanges are wanted: with a router given, those with others are left out and
 *		counted in a note
 * @mapped:	the file is mapped: an importer may give back what it has read (madvise)
 * @progress:	called now and then with bytes done; NULL = nobody looks
 * @arg:	for @progress
 */
struct import_options {
	const char *router, *client;
	bool mapped;
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

/**
 * import_file() - read any of them
 * @path:	a plain file
 * @w:		takes the exchanges; neither finished nor freed
 * @head:	filled, without its exchanges
 *
 * Return: 0, or -1 after a complaint.
 */
int import_file(const char *path, const struct import_options *options, struct recording_writer *w,
		struct recording *head, struct diag *d);

/**
 * import_packets(), import_journal(), import_log() - the importers
 * @path:	for complaints
 * @data:	the whole file, mapped; may be anything
 * @w:		takes the exchanges
 * @head:	dated and notes are filled; client and router where the importer knows better than
 *		"most exchanges"; kind, source, sha256 and bytes are import_file()'s
 * @d:		complaints
 *
 * A damaged file: what came before is kept and noted. Return: 0; or -1 after a complaint, also when
 * there was nothing usable (it says then what was looked for).
 */
int import_packets(const char *path, struct slice data, const struct import_options *options,
		   struct recording_writer *w, struct recording *head, struct diag *d);
int import_journal(const char *path, struct slice data, const struct import_options *options,
		   struct recording_writer *w, struct recording *head, struct diag *d);
int import_log(const char *path, struct slice data, const struct import_options *options,
	       struct recording_writer *w, struct recording *head, struct diag *d);

#endif
