/* SPDX-License-Identifier: MIT */
/* learn_proof.c - learning with the proof (see learn_proof.h). */
#include "learn_proof.h"

#include "../fakeigd/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/** struct attempt - the learning under way */
struct attempt {
	const struct cmd *cmd;
	const struct recording *flow;
	struct learn_options options;
	struct learned *out;
	struct proof *proof;
};

static int learn_once(struct attempt *a)
{
	struct diag d = {0};
	int failed;

	a->options.quirks = &a->proof->known;
	a->options.alike = &a->proof->alike;
	a->options.exact = a->proof->exact;
	a->options.exact_count = a->proof->exact_count;
	learned_free(a->out);
	failed = learn(a->flow, &a->options, a->out, &d);
	if (failed)
		fwrite(d.text.data, 1, d.text.len, stderr);
	diag_free(&d);
	return failed ? EXIT_USAGE : 0;
}

static int rehearse_once(struct attempt *a)
{
	rehearsal_free(&a->proof->rehearsal);
	return rehearse(a->cmd, a->flow, a->out, &a->proof->rehearsal);
}

/* The answers that differ are taken as they are. */
static void note_exact(struct attempt *a)
{
	struct proof *p = a->proof;

	for (size_t i = 0; i < p->rehearsal.count && p->exact_count < ARRAY_SIZE(p->exact); i++) {
		struct rehearsed *r = &p->rehearsal.list[i];

		if (r->same || a->flow->exchanges[r->number].protocol == FLOW_SSDP)
			continue;
		p->exact_why[p->exact_count] = r->why;
		p->exact[p->exact_count++] = r->number;
		r->why = NULL;
	}
}

/* Ask; take the answers that are not the same as they are; ask again. */
static int prove(struct attempt *a)
{
	int status = rehearse_once(a);

	if (!status && a->proof->rehearsal.different && a->proof->known.count) {
		names_free(&a->proof->known);
		status = learn_once(a);
		status = status ? status : rehearse_once(a);
	}
	if (status || !a->proof->rehearsal.different)
		return status;
	note_exact(a);
	if (!a->proof->exact_count)
		return 0;
	status = learn_once(a);
	return status ? status : rehearse_once(a);
}

int learn_proved(const struct cmd *cmd, const struct recording *flow,
		 const struct learn_options *options, bool known, bool check, struct learned *out,
		 struct proof *proof)
{
	struct attempt a = {
		.cmd = cmd, .flow = flow, .options = *options, .out = out, .proof = proof};
	int status = learn_once(&a);

	if (!status && known) {
		learn_known(out->server, &proof->known);
		learn_alike(out->server, &proof->alike);
		if (proof->known.count || proof->alike.count)
			status = learn_once(&a);
	}
	return !status && check ? prove(&a) : status;
}

void proof_free(struct proof *p)
{
	rehearsal_free(&p->rehearsal);
	for (size_t i = 0; i < p->exact_count; i++)
		free(p->exact_why[i]);
	names_free(&p->known);
	names_free(&p->alike);
}
