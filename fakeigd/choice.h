/* SPDX-License-Identifier: MIT */
/*
 * choice.h - how code asks what a choice of policy.def is set to.
 *
 *	if (policy_is(policy, lease_report, "granted"))		by its word
 *	code = policy_code(policy, lease_finite);		a choice that is a number is an
 *								error code
 *
 * A word that is not among the choices is a bug and aborts, so a test that passes there finds it.
 */
#ifndef FAKEIGD_CHOICE_H
#define FAKEIGD_CHOICE_H

#include "profile.h"

#define POLICY_CHOICE(field, name, choices, value, sentence, clause, evidence)                     \
	static const char choices_of_##field[] __attribute__((unused)) = choices;
#include "policy.def"

#define policy_is(policy, field, word) choice_is(choices_of_##field, (policy)->field, word)
#define policy_code(policy, field)     choice_code(choices_of_##field, (policy)->field)
#define policy_word(policy, field)     choice_word(choices_of_##field, (policy)->field)

/*
 * For choices that have "by-version": what the specification says where it stands there, else the
 * code chosen; 0 = accept. By the version of the service called, or (access) of the device.
 */
#define policy_by_service(call, field, one, two)                                                   \
	(policy_is(&(call)->router->profile->policy, field, "by-version")                          \
		 ? ((call)->instance->version >= 2 ? (two) : (one))                                \
		 : policy_code(&(call)->router->profile->policy, field))
#define policy_by_device(call, field, two)                                                         \
	(policy_is(&(call)->router->profile->policy, field, "by-version")                          \
		 ? ((call)->router->profile->device_version >= 2 ? (two) : 0)                      \
		 : policy_code(&(call)->router->profile->policy, field))

/** choice_is() - whether choice number @index of "a|b|c" is @word. */
bool choice_is(const char *choices, int index, const char *word);
/** choice_code() - choice number @index as a number, 0 when it is a word. */
int choice_code(const char *choices, int index);
/** choice_word() - choice number @index itself, not NUL-terminated. */
struct slice choice_word(const char *choices, int index);

#endif
