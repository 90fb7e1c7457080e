/* SPDX-License-Identifier: MIT */
/*
 * fuzz_recording.c - any bytes as a flow file: what is read can be shown, drawn, anonymised (once
 * and again the same), compared with itself (no difference), said to another router, and trimmed.
 *
 * links: sim
 */
#include "fuzz.h"

#include "../../sim/anonymise.h"
#include "../../sim/flowdiff.h"
#include "../../sim/record.h"
#include "../../sim/recording_flow.h"
#include "../../sim/show_flow.h"
#include "../../sim/translation.h"

#include <stdlib.h>

static char *dump(const struct recording *r)
{
	json_t *json = show_flow_json(r);
	char *text = json_dumps(json, 0);

	require(text);
	json_decref(json);
	return text;
}

static void check_shown(const struct recording *r)
{
	struct buf out = {0};

	show_flow_text(r, &out);
	recording_ladder(r, "x", &out);
	buf_free(&out);
}

static void check_compared(const struct recording *r)
{
	struct flowdiff f;

	flowdiff(r, r, NULL, &f);
	require(f.count == r->count);
	require(f.grades[DIFFERENCE_SAME] == f.count);
	flowdiff_free(&f);
}

static void check_anonymised(struct recording *r)
{
	char *once, *twice;

	anonymise(r);
	names_free(&r->replaced);
	once = dump(r);
	anonymise(r);
	names_free(&r->replaced);
	twice = dump(r);
	require(!strcmp(once, twice));
	free(once);
	free(twice);
}

static void check_request(const struct translation *t, const struct exchange *x)
{
	struct translated r;
	size_t before = 0;

	translate(t, x->protocol, &x->request, &r);
	require(r.count && r.ends[r.count - 1] == r.bytes.len);
	for (size_t i = 0; i + 1 < r.count; i++) {
		require(r.ends[i] > before && r.ends[i] < r.bytes.len);
		before = r.ends[i];
	}
	translated_free(&r);
}

/* The router elsewhere: its own description, at another address. */
static void check_translated(const struct recording *r)
{
	struct site here, there;
	struct translation t;
	struct diag d = {0};

	if (site_of_flow(r, &here, &d) && site_of_flow(r, &there, &d)) {
		end_point_parse(slice_of("10.99.0.1:81"), &there.router);
		end_point_parse(slice_of("10.99.0.7"), &there.client);
		translation_make(r, &here, &there, &t);
		for (size_t i = 0; i < r->count; i++)
			if (r->exchanges[i].has_request)
				check_request(&t, &r->exchanges[i]);
		translation_free(&t);
		site_free(&here);
		site_free(&there);
	}
	diag_free(&d);
}

static void check_trimmed(struct recording *r)
{
	size_t count;

	record_trim(r);
	count = r->count;
	record_trim(r);
	require(r->count == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct recording r;
	struct diag d = {0};

	if (recording_parse((struct slice){(const char *)bytes, len}, "fuzz", &r, &d) == 0) {
		require(!d.errors);
		check_shown(&r);
		check_compared(&r);
		check_translated(&r);
		check_anonymised(&r);
		check_trimmed(&r);
	} else {
		require(d.errors);
	}
	recording_free(&r);
	diag_free(&d);
	return 0;
}
