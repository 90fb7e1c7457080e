/* SPDX-License-Identifier: MIT */
/*
 * fuzz_learn.c - any answers of a router: what is learned is YAML that reads back.
 *
 * The input is cut at its NUL bytes: request, reply, request, reply ... Behind a 'P' stand 12 and
 * 16 bytes of NAT-PMP instead.
 *
 * links: sim
 */
#include "fuzz.h"

#include "../../fakeigd/base/doc.h"
#include "../../fakeigd/base/mem.h"
#include "../../sim/learn.h"

#include <netinet/in.h>

static void take(struct buf *out, const uint8_t **at, size_t *left)
{
	const uint8_t *end = memchr(*at, 0, *left);
	size_t len = end ? (size_t)(end - *at) : *left;

	buf_add(out, *at, len);
	buf_reserve(out, 1);
	*at += len + (end != NULL);
	*left -= len + (end != NULL);
}

static void take_bytes(struct buf *out, size_t wanted, const uint8_t **at, size_t *left)
{
	size_t len = wanted < *left ? wanted : *left;

	buf_add(out, *at, len);
	buf_reserve(out, 1);
	*at += len;
	*left -= len;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct learn_options options = {.flow = "fuzz", .router = "192.168.1.1"};
	struct recording flow = {.dated = true};
	struct learned learned;
	struct diag d = {0};

	while (len) {
		struct exchange *x = recording_add(&flow);
		struct recorded_message *reply = exchange_reply(x);

		x->protocol = *bytes == 'M' || *bytes == 'N' ? FLOW_SSDP
			      : *bytes == 'P'		     ? FLOW_NATPMP
							     : FLOW_SOAP;
		x->has_request = true;
		if (x->protocol == FLOW_NATPMP) {
			bytes++;
			len--;
			take_bytes(&x->request.bytes, 12, &bytes, &len);
			take_bytes(&reply->bytes, 16, &bytes, &len);
		} else {
			take(&x->request.bytes, &bytes, &len);
			take(&reply->bytes, &bytes, &len);
		}
		x->request.time_ns = reply->time_ns = (int64_t)flow.count * 1000000000;
	}
	if (!learn(&flow, &options, &learned, &d)) {
		struct doc *doc =
			doc_load_text(learned.profile.data, learned.profile.len, "learned", &d);

		require(doc != NULL);
		doc_free(doc);
	}
	learned_free(&learned);
	recording_free(&flow);
	diag_free(&d);
	return 0;
}
