/* SPDX-License-Identifier: MIT */
/* recording_parts.h - between the files that read and write flows. */
#ifndef SIM_RECORDING_PARTS_H
#define SIM_RECORDING_PARTS_H

#include "recording.h"

#include <jansson.h>

#define EXCHANGE_DATED	 1u /* times are dates */
#define EXCHANGE_BY_LINE 2u /* its source has lines and not packets */
#define EXCHANGE_DECODED 4u /* with what the messages say */

/** exchange_text() - append an exchange as one line of JSON; @how: EXCHANGE_* */
void exchange_text(const struct exchange *x, unsigned how, struct buf *out);
/** exchange_json() - an exchange as an object; @by_line: its source has lines and not packets. */
json_t *exchange_json(const struct exchange *x, bool dated, bool by_line);
/** recording_head_json() - everything but the exchanges. */
json_t *recording_head_json(const struct recording *r);
/** recording_by_line() - provenance counts lines (log, journal) and not packets. */
bool recording_by_line(const struct recording *r);
/** recording_time_text() - append RFC 3339 with as many digits as needed, in threes; UTC. */
void recording_time_text(int64_t ns, struct buf *out);

/**
 * struct place - where in a flow file something is read
 * @line:	of the exchange or of the member of the head
 * @exchange:	its number from 1, 0 = the head
 * @part:	"request", "reply 1"; NULL = the exchange as such
 */
struct place {
	struct diag *d;
	const char *file;
	int line;
	size_t exchange;
	char part[32];
};

/** place_complain() - "file:line: exchange 4: reply 1: sentence". Return: false. */
bool place_complain(const struct place *place, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/** place_keys() - whether the object has no keys but these; complains about each. */
bool place_keys(const struct place *place, const json_t *object, const char *const *names,
		size_t count);
/** exchange_from_json() - fill an empty exchange. Return: false after a complaint. */
bool exchange_from_json(const json_t *json, struct place *place, struct exchange *x);

/** exchange_pack() - append an exchange as bytes for this process only. */
void exchange_pack(const struct exchange *x, struct buf *out);
/** exchange_unpack() - the reverse; @packed must be exchange_pack()'s. */
void exchange_unpack(struct slice packed, struct exchange *x);

#endif
