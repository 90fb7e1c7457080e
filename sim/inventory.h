/* SPDX-License-Identifier: MIT */
/* inventory.h - what there is: topologies, profiles, quirks, ... as JSON, for "list" and "show". */
#ifndef SIM_INVENTORY_H
#define SIM_INVENTORY_H

#include "../fakeigd/base/diag.h"

#include <jansson.h>

/**
 * struct inventory_kind - a kind of thing
 * @name, @one:	plural and singular, as typed
 * @folder:	of the data tree, whose YAML files are such things; NULL = they come from elsewhere
 * @list:	everything of this kind: an array of objects with "name", "summary" and more
 */
struct inventory_kind {
	const char *name;
	const char *one;
	const char *folder;
	json_t *(*list)(const struct inventory_kind *kind, struct diag *d);
};

/** inventory_kinds - all kinds; ends with name NULL. */
extern const struct inventory_kind inventory_kinds[];

/** inventory_kind() - by plural or singular; NULL after a complaint with a suggestion. */
const struct inventory_kind *inventory_kind(const char *word, struct diag *d);
/**
 * inventory_item() - one thing of a kind: by name, or a file where the kind has files
 *
 * Return: the object (caller decrefs), or NULL after a complaint.
 */
json_t *inventory_item(const struct inventory_kind *kind, const char *name, struct diag *d);

#endif
