/* SPDX-License-Identifier: MIT */
/* talk.h - saying a recorded message over a socket, and hearing what comes back. */
#ifndef SIM_TALK_H
#define SIM_TALK_H

#include "../fakeigd/base/buf.h"

#include <stdint.h>

/** talk_wait() - wait for @events on @fd until clock_now() is @until. Return: whether they came. */
bool talk_wait(int fd, short events, int64_t until);
/** talk_send() - all of @bytes over a connection. Return: false: errno says why. */
bool talk_send(int fd, struct slice bytes);
/**
 * talk_hear() - read until a response is complete
 * @in:		bytes are appended; what follows the response stays behind it
 * @until:	clock_now() at which to give up
 * @closed:	set when the other side has closed
 *
 * Return: length of the response, 0 = none came in time.
 */
size_t talk_hear(int fd, struct buf *in, bool to_head, int64_t until, bool *closed);

#endif
