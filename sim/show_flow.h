/* SPDX-License-Identifier: MIT */
/* show_flow.h - a recorded flow for people. */
#ifndef SIM_SHOW_FLOW_H
#define SIM_SHOW_FLOW_H

#include "recording.h"

#include <jansson.h>

/** show_flow_text() - append the exchanges, a few lines each: when, what, who, decoded, marks. */
void show_flow_text(const struct recording *r, struct buf *out);
/** show_flow_json() - the whole flow as one object, as its file has it. */
json_t *show_flow_json(const struct recording *r);

#endif
