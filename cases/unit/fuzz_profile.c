/* SPDX-License-Identifier: MIT */
/*
 * fuzz_profile.c - any text as a profile and as a quirk: refused with a complaint, or a router
 * whose parts hold together, whose messages can be rendered, and whose rules can be asked.
 *
 * Run from the top of the tree: "extends" and "quirks" find the shipped files.
 *
 * links: fakeigd
 */
#include "fuzz.h"

#include "../../fakeigd/profile_parts.h"
#include "../../fakeigd/service.h"

#define DATA "fakeigd"

/* What everybody who gets a profile relies on. */
static void check_profile(const struct profile *p)
{
	require(p->name && p->summary && p->device && p->domain && p->rules);
	require(p->device_count >= SERVICE_LEVELS && p->device_count <= PROFILE_DEVICES_MAX);
	require(p->service_count <= PROFILE_SERVICES_MAX);
	for (size_t i = 0; i < p->device_count; i++) {
		require(p->devices[i].type && p->devices[i].domain);
		require(p->devices[i].parent < (int)p->device_count);
		require(i == SERVICE_LAN_DEVICE || p->devices[i].udn);
	}
	for (size_t i = 0; i < p->service_count; i++) {
		require(p->services[i].device >= 0 && p->services[i].device < (int)p->device_count);
		require(p->services[i].type && p->services[i].id && p->services[i].domain);
	}
	for (size_t i = 0; i < p->page_count; i++)
		require(p->pages[i].path && p->pages[i].form);
}

static void render_all(const struct profile *p)
{
	struct message_values values = {0};
	struct buf out = {0};

	for (int id = 0; id < PLACEHOLDER_COUNT; id++)
		values.v[id] = slice_of("x");
	for (int id = 0; id < MESSAGE_COUNT; id++) {
		buf_reset(&out);
		template_render(p->templates[id], &values, &out);
	}
	buf_free(&out);
}

static void ask_rules(const struct profile *p)
{
	static const struct {
		enum rule_layer layer;
		const char *message;
		const char *action;
	} events[] = {
		{RULE_SSDP, "m-search", NULL},
		{RULE_SSDP, "reply", NULL},
		{RULE_HTTP, "get", NULL},
		{RULE_DESCRIPTION, "root", NULL},
		{RULE_SOAP, "request", "AddPortMapping"},
		{RULE_GENA, "notify", NULL},
	};
	const struct rule_request request = {.segments = 1, .on_connection = 1};
	struct effects e;

	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		struct rule_event event = {
			.layer = events[i].layer,
			.message = events[i].message,
			.action = events[i].action,
			.target = "t",
			.request = &request,
		};

		effects_init(&e);
		rules_apply(p->rules, NULL, &event, &e);
		require(e.replies <= EFFECT_REPLY_MAX && e.splits <= EFFECT_SPLITS_MAX);
		require(e.headers <= EFFECT_HEADERS_MAX && e.alsos <= EFFECT_ALSO_MAX);
		require(effects_length(&e, 100) <= 100);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct diag d = {0}, quirk = {0};
	struct profile *p = profile_load_text("fuzz/f", (const char *)bytes, len, DATA, "seed", &d);
	struct doc *doc;

	require(p ? !d.errors : d.errors > 0);
	if (p) {
		check_profile(p);
		render_all(p);
		ask_rules(p);
	}
	profile_free(p);
	diag_free(&d);
	doc = doc_load_text((const char *)bytes, len, "f", &quirk);
	if (doc)
		require(quirk_check(doc, &quirk) ? !quirk.errors : quirk.errors > 0);
	doc_free(doc);
	diag_free(&quirk);
	return 0;
}
