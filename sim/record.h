/* SPDX-License-Identifier: MIT */
/* record.h - a run kept as a case of captures/: its flow, and a file that says where it is from. */
#ifndef SIM_RECORD_H
#define SIM_RECORD_H

#include "recording.h"
#include "result.h"

/**
 * struct record - where a run is kept; record_free()
 * @name:	of the case
 * @flow, @yaml: paths
 * @folder:	evidence that nobody asked to keep, NULL = the user's is used
 */
struct record {
	const char *name;
	char *flow, *yaml;
	char *folder;
};

/**
 * record_prepare() - choose the paths: captures/ of the data tree, or here when that is read-only
 * @evidence:	the user's directory, NULL = a temporary one is made
 *
 * Return: OPT_GO_ON, or a status after a complaint: no name for a case, or there is one of it.
 */
int record_prepare(const struct cmd *cmd, const char *name, const char *evidence,
		   struct record *out);
/**
 * record_save() - read the capture back, trim and anonymise it, write both files
 * @evidence:	holds capture.pcapng
 * @argv, @argc: the command as it was typed, before addresses were put in
 *
 * Return: OPT_GO_ON, or a status after a complaint.
 */
int record_save(const struct record *record, const struct result *result, const char *evidence,
		char **argv, int argc);
/**
 * record_trim() - leave out what a flow says twice
 *
 * Announcements after the first of their kind and their withdrawal, searches, pages and questions
 * that are asked again and are answered the same. Notes say how many.
 */
void record_trim(struct recording *r);
void record_free(struct record *record);

#endif
