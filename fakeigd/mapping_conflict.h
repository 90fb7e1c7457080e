/* SPDX-License-Identifier: MIT */
/* mapping_conflict.h - a mapping that is asked for against those that exist. */
#ifndef FAKEIGD_MAPPING_CONFLICT_H
#define FAKEIGD_MAPPING_CONFLICT_H

#include "portmap.h"
#include "soap.h"

/* Say yes and do nothing. */
#define MAPPING_PRETEND (-1)

/**
 * mapping_conflict() - figure 2-3 of WANIPConnection:2, and what routers make of it
 *
 * Removes entries where the policy lets the new mapping replace them. Return: 0 (add it, or update
 * the entry of its key), MAPPING_PRETEND, or an error code.
 */
int mapping_conflict(struct soap_call *call, const struct mapping *m);

#endif
