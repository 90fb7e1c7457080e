/* SPDX-License-Identifier: MIT */
/* cmd_show_flow.h - the part of "show" that is about recorded flows. */
#ifndef SIM_CMD_SHOW_FLOW_H
#define SIM_CMD_SHOW_FLOW_H

#include <stdbool.h>

/**
 * struct show_flow - what to show
 * @name:	of captures/, or a file
 * @out:	where to write, NULL = standard output; without @ladder a flow file
 * @ladder:	as a picture
 * @anonymise:	first
 */
struct show_flow {
	const char *name;
	const char *out;
	bool json, ladder, anonymise;
};

/** show_flow_exists() - whether there is a flow file of that name. */
bool show_flow_exists(const char *name);
/** show_flow() - do it. Return: an exit status. */
int show_flow(const struct show_flow *show);

#endif
