/* SPDX-License-Identifier: MIT */
/* control_pinhole.h - requests of the control socket about the IPv6 firewall. */
#ifndef FAKEIGD_CONTROL_PINHOLE_H
#define FAKEIGD_CONTROL_PINHOLE_H

#include <jansson.h>

struct router;

/** control_pinholes() - reply to "pinholes": those from UniqueID @first on that fit, and the
 * firewall's switches. */
json_t *control_pinholes(const struct router *r, json_int_t first);
/** control_firewall() - do "firewall". Return: NULL, or what is wrong with the request. */
const char *control_firewall(struct router *r, const json_t *request);

#endif
