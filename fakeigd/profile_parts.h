/* SPDX-License-Identifier: MIT */
/* profile_parts.h - what the files of the profile loader share; nobody else includes it. */
#ifndef FAKEIGD_PROFILE_PARTS_H
#define FAKEIGD_PROFILE_PARTS_H

#include "profile.h"

/** policy_read() - the "policy" mapping (NULL is fine) over what is in @p. false after a complaint.
 */
bool policy_read(struct policy *p, const struct doc *node, struct diag *d);
/** policy_schema() - JSON Schema of the "policy" mapping. */
json_t *policy_schema(void);

/** profile_identity_schema(), profile_urls_schema() - JSON Schemas of those mappings. */
json_t *profile_identity_schema(void);
json_t *profile_urls_schema(void);

/** profile_keys(), quirk_keys() - keys allowed at the top of a profile and of a quirk. */
const char *const *profile_keys(size_t *count);
const char *const *quirk_keys(size_t *count);
/** quirk_layers() - names allowed as "layer" of a quirk. */
const char *const *quirk_layers(size_t *count);
/** quirk_classes() - names allowed as "class" of evidence. */
const char *const *quirk_classes(size_t *count);
/** quirk_verbs(), quirk_step_keys() - what a step of "observe" does, and all it may hold. */
const char *const *quirk_verbs(size_t *count);
const char *const *quirk_step_keys(size_t *count);
/** quirk_check() - everything in a quirk file but its overlay. false after a complaint. */
bool quirk_check(const struct doc *quirk, struct diag *d);
/** evidence_check() - text, or a list of texts and {source, seen} mappings. */
bool evidence_check(const struct doc *node, struct diag *d);
/** client_check() - {must: mapped | reports-failure | survives | inner | retries(...)}. */
bool client_check(const struct doc *node, struct diag *d);

/** profile_split_type() - "Name:1" taken apart; @name is the caller's, @version 1 to @max. */
bool profile_split_type(const struct doc *node, long long max, char **name, unsigned *version,
			struct diag *d);
/** profile_check_url() - whether a URL pattern (may be NULL) has only placeholders that exist. */
bool profile_check_url(const struct doc *node, struct diag *d);
/** profile_udn() - "uuid:{uuid}" and the like filled from the seed and a word; the caller's. */
char *profile_udn(const char *seed, const char *word, const char *text);
/** profile_read_devices(), profile_read_pages() - those parts of a profile. */
bool profile_read_devices(struct profile *p, const struct doc *doc, const char *seed,
			  struct diag *d);
bool profile_read_pages(struct profile *p, const struct doc *doc, struct diag *d);
void profile_free_devices(struct profile *p);
/** profile_device_named() - the same for a node; complains. */
bool profile_device_named(const struct profile *p, const struct doc *node, int *out,
			  struct diag *d);
/** profile_read_upstream() - "upstream"; @section may be NULL. */
bool profile_read_upstream(struct profile *p, const struct doc *section, struct diag *d);
/** profile_read_services(), profile_read_state() - those parts of it. */
bool profile_read_services(struct profile *p, const struct doc *doc, struct diag *d);
void profile_free_services(struct profile *p);
bool profile_read_state(struct profile *p, const struct doc *state, struct diag *d);
void profile_free_state(struct profile *p);

#endif
