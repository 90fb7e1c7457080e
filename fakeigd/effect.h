/* SPDX-License-Identifier: MIT */
/* effect.h - what rules may do to an answer: filled by rule.c, obeyed by the part that sends. */
#ifndef FAKEIGD_EFFECT_H
#define FAKEIGD_EFFECT_H

#include "base/doc.h"

#define EFFECT_SPLITS_MAX 16
#define EFFECT_REPLY_MAX  16

struct template;

/**
 * struct effects - the sum of the rules that matched; zero-initialised by effects_init()
 * @fault, @fault_text: UPnP error instead of the action (0 = none)
 * @lie:	say yes, do nothing
 * @status:	HTTP status instead of the one that would be sent (0 = none)
 * @reply_name, @reply_value: argument overrides, @replies of them; a value of NULL leaves it out;
 *		with @fault 0 the action is still done unless @reply_only
 * @reply_only:	answer from @reply alone, do not perform the action
 * @body, @head: templates instead of the profile's (NULL = none)
 * @delay_us:	before the first byte
 * @split, @splits: offsets at which the bytes are cut into separate TCP segments
 * @split_head:	cut between head and body
 * @split_gap_us: pause between such segments
 * @trickle, @trickle_gap_us: send that many bytes at a time (0 = no)
 * @truncate:	bytes sent at most (-1 = all); for TCP the connection is closed after them
 * @pad:	bytes of white space added to the body (0 = none)
 * @copies:	times a datagram is sent (1 = once)
 * @drop:	send nothing; TCP connection stays open
 * @close:	close after the answer whatever the head says; with @drop: close without answer
 * @half_close:	shut down sending after the answer
 * @reset:	RST instead of an answer
 * @source_port, @source_address: datagram leaves from another port or address (0 = no)
 * @reboot, @forget, @wan_down: state changes after the answer
 * @renumber:	new WAN address after the answer (0 = no)
 * @rules:	names of the rules that matched, comma separated, for the journal
 */
struct effects {
	int fault;
	const char *fault_text;
	bool lie;
	int status;
	const char *reply_name[EFFECT_REPLY_MAX];
	const char *reply_value[EFFECT_REPLY_MAX];
	size_t replies;
	bool reply_only;
	const struct template *body;
	const struct template *head;
	int64_t delay_us;
	size_t split[EFFECT_SPLITS_MAX];
	size_t splits;
	bool split_head;
	int64_t split_gap_us;
	size_t trickle;
	int64_t trickle_gap_us;
	long long truncate;
	long long pad;
	unsigned copies;
	bool drop;
	bool close;
	bool half_close;
	bool reset;
	uint16_t source_port;
	struct in_addr source_address;
	bool reboot;
	bool forget;
	bool wan_down;
	struct in_addr renumber;
	char rules[96];
};

static inline void effects_init(struct effects *e)
{
	*e = (struct effects){.truncate = -1, .copies = 1};
}

#endif
