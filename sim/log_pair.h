/* SPDX-License-Identifier: MIT */
/*
 * log_pair.h - messages of a log become exchanges.
 */
#ifndef SIM_LOG_PAIR_H
#define SIM_LOG_PAIR_H

#include "import.h"
#include "log_message.h"

struct log_pairs;

struct log_pairs *log_pairs_new(const struct import_options *options, struct recording_writer *w,
				struct recording *head);
/** log_pairs_add() - the next message, its times set; takes its memory over. */
void log_pairs_add(struct log_pairs *p, struct log_message *m);
/** log_pairs_missing() - the latest message that misses its body, NULL = none; ours. */
struct log_message *log_pairs_missing(struct log_pairs *p);
/** log_pairs_client() - the log says that this is the client's address. */
void log_pairs_client(struct log_pairs *p, const struct end_point *client);
/** log_pairs_end() - put what is left and free it. Return: exchanges that the log had. */
size_t log_pairs_end(struct log_pairs *p);

#endif
