/* SPDX-License-Identifier: MIT */
/* log_named.h - heads of replies that a program logs field by field. Pure. */
#ifndef SIM_LOG_NAMED_H
#define SIM_LOG_NAMED_H

#include "log_message.h"

/** struct log_named - a head so far; zero-initialised is none */
struct log_named {
	struct buf head;
	uint64_t first, last;
};

/**
 * log_named_line() - read a line
 *
 * "HTTP status code = 200, Reason phrase = OK" begins a head, "header='Name', value='value'" adds
 * to it. Return: it was one of these.
 */
bool log_named_line(struct log_named *n, struct slice line, uint64_t number);
/** log_named_end() - the head is complete. Return: there was one; @n is none then. */
bool log_named_end(struct log_named *n, struct log_message *out);

#endif
