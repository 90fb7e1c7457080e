/* SPDX-License-Identifier: MIT */
/* leave.h - the orderly end of a lab that stayed: evidence written to its end, then down. */
#ifndef SIM_LEAVE_H
#define SIM_LEAVE_H

#include "ask.h"

/**
 * leave_lab() - finish what the lab writes, take it down, make its evidence readable
 *
 * Closes @lab. Return: EXIT_FINE, or EXIT_LAB after a complaint when the evidence is incomplete.
 */
int leave_lab(const struct cmd *cmd, struct lab *lab);

#endif
