/* SPDX-License-Identifier: MIT */
/* features.h - what this kernel lets this user do; asked of the kernel, not of its configuration.
 */
#ifndef SIM_FEATURES_H
#define SIM_FEATURES_H

#include <jansson.h>

/**
 * features_probe() - try every feature in throw-away namespaces of a child process
 *
 * Return: JSON array of {"name", "summary", "available", "reason"}; the reason of an absent one
 * names the kernel's option and the error. Nothing remains of the attempts.
 */
json_t *features_probe(void);

#endif
