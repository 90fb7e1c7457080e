/* SPDX-License-Identifier: MIT */
/* quirk_relations.h - what a quirk's file does not say itself: who has it, what else it is called.
 */
#ifndef SIM_QUIRK_RELATIONS_H
#define SIM_QUIRK_RELATIONS_H

#include <jansson.h>

/** quirk_of_alias() - name of the quirk that lists @id under "also"; the caller's, NULL = none. */
char *quirk_of_alias(const char *id);
/** quirk_profiles() - names of the profiles whose "quirks" list it; the caller drops the reference.
 */
json_t *quirk_profiles(const char *name);

#endif
