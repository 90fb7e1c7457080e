/* SPDX-License-Identifier: MIT */
/*
 * fuzz_recording.c - any bytes as a flow file: what is read can be shown, drawn, anonymised (once
 * and again the same) and compared with itself (no difference).
 *
 * links: sim
 */
#include "fuzz.h"

#include "../../sim/anonymise.h"
#include "../../sim/flowdiff.h"
#include "../../sim/recording_flow.h"
#include "../../sim/show_flow.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct recording r;
	struct diag d = {0};

	if (recording_parse((struct slice){(const char *)bytes, len}, "fuzz", &r, &d) == 0) {
		require(!d.errors);
		check_shown(&r);
		check_compared(&r);
		check_anonymised(&r);
	} else {
		require(d.errors);
	}
	recording_free(&r);
	diag_free(&d);
	return 0;
}
