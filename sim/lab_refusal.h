/* SPDX-License-Identifier: MIT */
/* lab_refusal.h - why the kernel would not let us have namespaces. */
#ifndef SIM_LAB_REFUSAL_H
#define SIM_LAB_REFUSAL_H

#include "../fakeigd/base/diag.h"

/**
 * lab_explain_refusal() - complain that @step failed with @error (positive), and say which sysctl,
 * limit, security module or missing feature is behind it, and what to do
 */
void lab_explain_refusal(int error, const char *step, struct diag *d);

#endif
