/* SPDX-License-Identifier: MIT */
/* effect.h - what rules may do to an answer: filled by rule.c, obeyed by the part that sends. */
#ifndef FAKEIGD_EFFECT_H
#define FAKEIGD_EFFECT_H

#include "base/doc.h"

#define EFFECT_SPLITS_MAX   16
#define EFFECT_REPLY_MAX    16
#define EFFECT_HEADERS_MAX  8
#define EFFECT_REPLACES_MAX 8
#define EFFECT_REWRITES_MAX 4
#define EFFECT_ALSO_MAX	    4

struct template;
struct rewrite;

/** struct also - further datagrams that a rule sends with an answer; the rule owns them */
struct also {
	struct template **message;
	size_t count;
};

/**
 * struct effects - the sum of the rules that matched; zero-initialised by effects_init()
 * @fault, @fault_text: UPnP error instead of the action (0 = none)
 * @lie:	say yes, do nothing
 * @never_refuse: do it, and say yes also when it is refused
 * @status:	HTTP status instead of the one that would be sent (0 = none)
 * @reply_name, @reply_value: argument overrides, @replies of them; a value of NULL leaves it out;
 *		with @fault 0 the action is still done unless @reply_only
 * @reply_only:	answer from @reply alone, do not perform the action
 * @body, @head: templates instead of the profile's (NULL = none)
 * @raw:	the whole answer, head and body, instead of both (NULL = none)
 * @header_name, @header_value: lines of the head set to a value, or (NULL) removed; @headers of
 *		them
 * @replace, @replace_by: texts in the rendered body that become others; @replaces of them
 * @length_given: @length stands in Content-Length; @length_change: it is added to the true one
 * @as_is:	the body is sent as rendered even when the head says chunked
 * @redirect:	URL of Location, status 302 unless @status says another (NULL = none)
 * @rewrites, @rewrite: changes of the request's arguments, done before the action
 * @also, @alsos: further datagrams after this one
 * @as:		a search is answered as if it were for this target (NULL = no)
 * @delay_us:	before the first byte
 * @split, @splits: offsets at which the bytes are cut into separate TCP segments
 * @split_head:	cut between head and body
 * @split_gap_us: pause between such segments
 * @trickle, @trickle_gap_us: send that many bytes at a time (0 = no)
 * @truncate:	bytes sent at most (-1 = all); for TCP the connection is closed after them
 * @truncate_end: so many bytes are missing at the end (0 = none)
 * @pad:	bytes added to the body, or with @pad_head to the head (0 = none), made while
 *		sending
 * @pad_with:	what they are, again and again; NULL = spaces
 * @copies:	times a datagram is sent (1 = once), @copy_gap_us apart
 * @drop:	send nothing; TCP connection stays open
 * @close:	close after the answer whatever the head says; with @drop: close without answer
 * @half_close:	shut down sending after the answer
 * @reset:	RST instead of an answer
 * @abort:	a peer that shuts down its sending side before the answer is out gets none
 * @reorder:	a datagram waits until another one has left
 * @source_port, @source_address: datagram leaves from another port or address (0 = no); an address
 *		in 0.0.0.0/8 is a host number of the interface's network
 * @reboot, @forget, @wan_down: state changes after the answer
 * @wan_down_us: the WAN comes back after that time (0 = it stays down)
 * @renumber:	new WAN address after the answer (0 = no)
 * @rules:	names of the rules that matched, comma separated, for the journal
 */
struct effects {
	int fault;
	const char *fault_text;
	bool lie;
	bool never_refuse;
	int status;
	const char *reply_name[EFFECT_REPLY_MAX];
	const char *reply_value[EFFECT_REPLY_MAX];
	size_t replies;
	bool reply_only;
	const struct template *body;
	const struct template *head;
	const struct template *raw;
	const char *header_name[EFFECT_HEADERS_MAX];
	const char *header_value[EFFECT_HEADERS_MAX];
	size_t headers;
	const char *replace[EFFECT_REPLACES_MAX];
	const char *replace_by[EFFECT_REPLACES_MAX];
	size_t replaces;
	bool length_given;
	bool length_change;
	long long length;
	bool as_is;
	const char *redirect;
	const struct rewrite *rewrite[EFFECT_REWRITES_MAX];
	size_t rewrites;
	const struct also *also[EFFECT_ALSO_MAX];
	size_t alsos;
	const char *as;
	int64_t delay_us;
	size_t split[EFFECT_SPLITS_MAX];
	size_t splits;
	bool split_head;
	int64_t split_gap_us;
	size_t trickle;
	int64_t trickle_gap_us;
	long long truncate;
	long long truncate_end;
	long long pad;
	const char *pad_with;
	bool pad_head;
	unsigned copies;
	int64_t copy_gap_us;
	bool drop;
	bool close;
	bool half_close;
	bool reset;
	bool abort;
	bool reorder;
	uint16_t source_port;
	struct in_addr source_address;
	bool reboot;
	bool forget;
	bool wan_down;
	int64_t wan_down_us;
	struct in_addr renumber;
	char rules[96];
};

static inline void effects_init(struct effects *e)
{
	*e = (struct effects){.truncate = -1, .copies = 1};
}

/** effects_length() - how many of @len bytes are sent. */
static inline size_t effects_length(const struct effects *e, size_t len)
{
	if (e->truncate >= 0 && (size_t)e->truncate < len)
		len = (size_t)e->truncate;
	return (size_t)e->truncate_end < len ? len - (size_t)e->truncate_end : 0;
}

/** effects_cut() - whether not all bytes are sent, so that nothing can follow them. */
static inline bool effects_cut(const struct effects *e)
{
	return e->truncate >= 0 || e->truncate_end;
}

#endif
