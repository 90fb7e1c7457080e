/* SPDX-License-Identifier: MIT */
/* fuzz_ssdp.c - any datagram: slices stay inside, numbers in range, and a verdict fits its facts.
 */
#include "fuzz.h"

#include "../../fakeigd/wire/ssdp.h"

static void check_urn(struct slice text, const char *data, size_t len)
{
	struct urn urn;

	if (!urn_parse(text, &urn))
		return;
	require(is_within(urn.domain, data, len) && urn.domain.len);
	require(is_within(urn.type, data, len) && urn.type.len);
	require(urn.version > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *data = (const char *)bytes;
	struct ssdp_message m;
	enum ssdp_error error = ssdp_parse(data, len, &m);

	if (error == SSDP_NOT_HTTP)
		return 0;
	require(is_within(m.target, data, len));
	require(is_within(m.usn, data, len));
	require(is_within(m.location, data, len));
	require(is_within(m.server, data, len));
	require(m.mx >= -1 && m.max_age >= -1 && m.boot_id >= -1 && m.config_id >= -1);
	require(error || m.target.len);
	require(!m.head.is_response || m.kind == SSDP_REPLY);
	check_urn(m.target, data, len);
	return 0;
}
