/* SPDX-License-Identifier: MIT */
/* fuzz_description.c - any document as a description: bounded, complete, and with usable URLs. */
#include "fuzz.h"

#include "../../fakeigd/wire/description.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct url location = {.host = "192.168.1.1", .port = 5431, .path = "/d/igd.xml"};
	struct description d;
	const char *why = NULL;

	if (!description_parse((const char *)bytes, len, &location, &d, &why)) {
		require(why && *why);
		return 0;
	}
	require(d.device_type && d.udn && d.friendly_name && d.manufacturer && d.model_name);
	require(d.count <= DESCRIPTION_SERVICES_MAX);
	for (size_t i = 0; i < d.count; i++) {
		const struct description_service *s = &d.services[i];

		require(s->type && s->id && s->udn && s->device_type);
		require(s->depth >= 0 && s->depth < XML_DEPTH_MAX);
		require(!*s->control.host || (s->control.port && s->control.path[0] == '/'));
	}
	description_free(&d);
	return 0;
}
