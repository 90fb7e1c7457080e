/* SPDX-License-Identifier: MIT */
/* inventory_filter.h - which of the listed things are wanted: by layer, evidence, area and so on.
 */
#ifndef SIM_INVENTORY_FILTER_H
#define SIM_INVENTORY_FILTER_H

#include "inventory.h"

/**
 * struct inventory_filter - NULL or 0 = whatever it is; all that is given must hold
 * @layer:	quirks; of policies the first word of the name
 * @evidence:	class of one of its sources: quirks and profiles
 * @priority:	quirks
 * @breaks:	a requirement, or an area such as WIPC: quirks
 * @router:	part of a name of a router it was seen on, in any case: quirks and profiles
 * @area:	letters of the id, in any case: requirements
 * @level, @side: of requirements, in any case
 * @spec:	part of the clause, in any case: requirements
 * @covered, @uncovered: requirements that a check covers, or that none does
 */
struct inventory_filter {
	const char *layer;
	const char *evidence;
	long long priority;
	const char *breaks;
	const char *router;
	const char *area;
	const char *level;
	const char *side;
	const char *spec;
	bool covered;
	bool uncovered;
};

/** inventory_filter_fits_kind() - complain about a filter that the kind knows nothing of. */
bool inventory_filter_fits_kind(const struct inventory_filter *f, const struct inventory_kind *kind,
				struct diag *d);
/**
 * inventory_filter() - leave in @list what the filter wants
 *
 * Return: false after a complaint: no item at all has that layer, class, area, level or side.
 */
bool inventory_filter(const struct inventory_filter *f, json_t *list, struct diag *d);

#endif
