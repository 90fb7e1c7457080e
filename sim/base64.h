/* SPDX-License-Identifier: MIT */
/* base64.h - RFC 4648 clause 4. Pure. */
#ifndef SIM_BASE64_H
#define SIM_BASE64_H

#include "../fakeigd/base/buf.h"

/** base64_encode() - append @bytes, padded, without line ends. */
void base64_encode(struct slice bytes, struct buf *out);
/** base64_decode() - append what @text stands for. Return: it is base64, padded, nothing else. */
bool base64_decode(struct slice text, struct buf *out);

#endif
