/* SPDX-License-Identifier: MIT */
/* facts_parts.h - between the files that decode recorded messages. */
#ifndef SIM_FACTS_PARTS_H
#define SIM_FACTS_PARTS_H

#include "facts.h"

/** facts_add_argument() - append a fact; both are copied. */
void facts_add_argument(struct facts *f, const char *name, struct slice value);
/** facts_add_number() - append a number as a fact. */
void facts_add_number(struct facts *f, const char *name, uint64_t value);
/** facts_port_control() - NAT-PMP or PCP. Return: false when the bytes are neither. */
bool facts_port_control(struct slice bytes, struct facts *f);

#endif
