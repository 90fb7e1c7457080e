/* SPDX-License-Identifier: MIT */
/*
 * log_dump.h - rows of dumps: offset, bytes in hexadecimal, perhaps characters (xxd, hexdump -C,
 * Wireshark, tcpdump -X, curl --trace); and curl --trace-ascii, which has characters only. Pure.
 */
#ifndef SIM_LOG_DUMP_H
#define SIM_LOG_DUMP_H

#include "log_text.h"

#define LOG_ROW_BYTES 32

/**
 * struct log_row - a row
 * @offset:	its first byte's, as written in hexadecimal
 * @at:		where in the line the offset begins
 * @bytes, @len: what it holds
 */
struct log_row {
	uint64_t offset;
	size_t at;
	unsigned char bytes[LOG_ROW_BYTES];
	size_t len;
};

/** log_row_find() - a row in @line, at its begin or behind what a logger puts before it. */
bool log_row_find(struct slice line, struct log_row *out);
/**
 * log_trace_head() - curl's line above a dump: "=> Send header, 83 bytes (0x53)"
 * @way:	its direction
 * @len:	how many bytes follow
 */
bool log_trace_head(struct slice line, enum log_way *way, uint64_t *len);
/** log_trace_row() - a row of curl --trace-ascii: "0010: text". */
bool log_trace_row(struct slice line, uint64_t *offset, struct slice *text);

#endif
