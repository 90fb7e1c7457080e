/* SPDX-License-Identifier: MIT */
/*
 * learn_known.c - what the tree knows of the very program that a SERVER string names.
 *
 * "Debian/13 UPnP/1.1 MiniUPnPd/2.3.1" names a product and its version; a quirk whose "seen-on" has
 * "miniupnpd 2.3.1" was seen on that program. A flow shows only what its client asked for; such
 * quirks are the rest that is known. Systems and UPnP itself are no products.
 */
#include "../fakeigd/base/doc.h"
#include "lab.h"
#include "learn_parts.h"

#include <stdlib.h>

/* Whether "@product @version" is the text of a "seen-on". */
static bool is_named(const char *text, struct slice product, struct slice version)
{
	size_t len = strlen(text);

	return len == product.len + 1 + version.len &&
	       !strncasecmp(text, product.ptr, product.len) && text[product.len] == ' ' &&
	       !memcmp(text + product.len + 1, version.ptr, version.len);
}

static bool is_system(struct slice product)
{
	static const char *const names[] = {"upnp", "linux", "debian", "dlnadoc"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (slice_case_eq(product, names[i]))
			return true;
	return false;
}

/* Whether one of a SERVER string's products is @text. */
static bool server_is(const char *server, const char *text)
{
	for (const char *at = server; *at; at += strcspn(at, " ,"), at += strspn(at, " ,")) {
		size_t len = strcspn(at, " ,");
		const char *slash = memchr(at, '/', len);
		struct slice product = {at, slash ? (size_t)(slash - at) : len};
		struct slice version = {slash + 1, len - product.len - 1};

		if (slash && !is_system(product) && is_named(text, product, version))
			return true;
	}
	return false;
}

static bool was_seen_on(const char *quirk, const char *server)
{
	char *path = lab_find("fakeigd/quirks", quirk);
	struct diag d = {0};
	struct doc *doc = doc_load_file(path, &d);
	const struct doc *list = doc_get(doc, "seen-on");
	bool found = false;

	for (size_t i = 0; list && i < list->count && !found; i++)
		found = list->items[i]->kind == DOC_SCALAR &&
			server_is(server, list->items[i]->text);
	doc_free(doc);
	diag_free(&d);
	free(path);
	return found;
}

void learn_known(const char *server, struct names *out)
{
	struct names quirks = tree_names("fakeigd/quirks");

	for (size_t i = 0; server && i < quirks.count; i++)
		if (was_seen_on(quirks.items[i], server))
			names_add(out, quirks.items[i]);
	names_free(&quirks);
}

void learn_alike(const char *server, struct names *out)
{
	struct names profiles = tree_names("fakeigd/profiles");

	for (size_t i = 0; server && i < profiles.count; i++) {
		char *path = lab_find("fakeigd/profiles", profiles.items[i]);
		struct diag d = {0};
		struct doc *doc = doc_load_file(path, &d);
		const struct doc *own = doc_get(doc_get(doc, "identity"), "server");

		if (own && own->kind == DOC_SCALAR && !strcmp(own->text, server))
			names_add(out, profiles.items[i]);
		doc_free(doc);
		diag_free(&d);
		free(path);
	}
	names_free(&profiles);
}
