/* SPDX-License-Identifier: MIT */
/* recording_flow.h - recorded messages with the labels and the picture of captured ones. */
#ifndef SIM_RECORDING_FLOW_H
#define SIM_RECORDING_FLOW_H

#include "label.h"
#include "recording.h"

/**
 * recording_label() - a recorded message as one of a flow, with its label
 * @events:	learned from descriptions, and used; may be shared by the messages of a recording
 * @request:	which it answers, NULL = it is a request or nobody knows
 * @out:	its label and bytes are the caller's to free
 */
void recording_label(enum flow_protocol protocol, const struct recorded_message *m,
		     struct label_events *events, const struct flow_message *request,
		     struct flow_message *out);
/** recording_ladder() - append the exchanges as a picture: client and router are its columns. */
void recording_ladder(const struct recording *r, const char *title, struct buf *svg);

#endif
