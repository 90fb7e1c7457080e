/* SPDX-License-Identifier: MIT */
/* fragment.h - IP packets put together again from their fragments. Pure. */
#ifndef SIM_FRAGMENT_H
#define SIM_FRAGMENT_H

#include "../fakeigd/wire/frame.h"

#define FRAGMENT_PACKETS_MAX 64			  /* incomplete at a time; the oldest goes */
#define FRAGMENT_TIMEOUT_NS  INT64_C(60000000000) /* of capture time (RFC 8200 clause 4.5) */
#define FRAGMENT_BYTES_MAX   65535		  /* of a packet put together */

struct fragments;

struct fragments *fragments_new(void);
void fragments_free(struct fragments *f);
/**
 * fragments_add() - a frame that frame_parse_link() called FRAME_FRAGMENT
 * @link:	where it was seen; fragments of other links are others'
 * @frame:	changed to the whole packet when this was its last missing piece; its payload is
 *		valid until the next call
 *
 * Return: FRAME_OK or another result of frame_parse_joined(); FRAME_FRAGMENT when more is to come,
 * FRAME_BAD_HEADER when fragments overlap or reach beyond 65,535 bytes: then the packet is dropped.
 */
enum frame_error fragments_add(struct fragments *f, unsigned link, int64_t time_ns,
			       struct frame *frame);

#endif
