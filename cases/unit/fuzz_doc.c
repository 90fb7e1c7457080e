/* SPDX-License-Identifier: MIT */
/*
 * fuzz_doc.c - any text as a YAML document: a tree or one complaint; what was read is written so
 * that it reads back equal, goes to JSON, merges with itself, and no typed reader trips over it.
 */
#include "fuzz.h"

#include "../../fakeigd/base/doc.h"

/* Equal but for the places; a plain scalar may come back quoted when it could not stay plain. */
static bool same(const struct doc *a, const struct doc *b)
{
	if (a->kind != b->kind || a->count != b->count || !a->key != !b->key ||
	    (a->key && strcmp(a->key, b->key) != 0))
		return false;
	if (a->kind == DOC_SCALAR && (a->len != b->len || memcmp(a->text, b->text, a->len) != 0))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same(a->items[i], b->items[i]))
			return false;
	return true;
}

static void read_all(const struct doc *node, struct diag *d)
{
	static const char *const names[] = {"host", "router"};
	const char *text, **list;
	long long number;
	double real;
	bool truth;
	int choice;
	size_t count;

	doc_string(node, &text, d);
	if (doc_number(node, -5, 70000, &number, d))
		require(number >= -5 && number <= 70000);
	if (doc_double(node, -1, 1, &real, d))
		require(real >= -1 && real <= 1);
	doc_bool(node, &truth, d);
	if (doc_choice(node, names, 2, &choice, d))
		require(choice == 0 || choice == 1);
	if (doc_duration_us(node, &number, d))
		require(number >= 0);
	if (doc_size(node, &number, d))
		require(number >= 0);
	doc_keys(node, names, 2, d);
	if (doc_list_strings(node, &list, &count, d))
		free(list);
	for (size_t i = 0; i < node->count; i++)
		read_all(node->items[i], d);
}

static void check_json(const struct doc *root)
{
	json_t *json = doc_to_json(root), *again;
	struct doc *from = doc_from_json(json, "json");

	again = doc_to_json(from);
	require(json_equal(json, again));
	json_decref(json);
	json_decref(again);
	doc_free(from);
}

static void check_round_trip(const struct doc *root)
{
	struct diag d = {0};
	struct buf text = {0};
	struct doc *again;

	doc_to_yaml(root, &text);
	again = doc_load_text(text.data, text.len, "again", &d);
	require(again && same(root, again));
	doc_free(again);
	buf_free(&text);
	diag_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct diag d = {0};
	struct doc *root = doc_load_text((const char *)bytes, len, "f", &d), *copy;

	require(root ? !d.errors : d.errors == 1);
	if (root) {
		read_all(root, &d);
		check_json(root);
		check_round_trip(root);
		copy = doc_copy(root);
		doc_merge(root, copy);
		require(same(root, copy));
		doc_free(copy);
	}
	doc_free(root);
	diag_free(&d);
	return 0;
}
