/* SPDX-License-Identifier: MIT */
/*
 * difference.h - whether two recorded messages mean the same (UPnP, SSDP, NAT-PMP, PCP). Pure.
 *
 * Differences have a grade: in form only, or in what is said. Values that must differ between two
 * places (addresses, ports, URLs, UUIDs) are mapped by substitutions before they are compared.
 */
#ifndef SIM_DIFFERENCE_H
#define SIM_DIFFERENCE_H

#include "facts.h"
#include "substitution.h"

enum difference_grade {
	DIFFERENCE_SAME,      /* byte for byte but dates (and epochs, SIDs); as an item: a remark */
	DIFFERENCE_COSMETIC,  /* form: order, case and space of headers, prefixes, segments */
	DIFFERENCE_DIFFERENT, /* status, error code, argument values, identity */
	DIFFERENCE_MISSING,   /* one of them is not there */
	DIFFERENCE_GRADE_COUNT,
};

/** struct difference_item - one difference: "argument NewLeaseDuration: 60 became 0" */
struct difference_item {
	enum difference_grade grade;
	char *text;
};

/** struct difference - all of them; @grade is the worst */
struct difference {
	enum difference_grade grade;
	struct difference_item *items;
	size_t count;
};

/**
 * difference_message() - compare two messages
 * @a, @b:	before and after; NULL = missing; both NULL = same
 * @s:		from @a's world to @b's, NULL = none
 * @what:	in front of each sentence: "request", "reply"; NULL = nothing
 * @out:	differences are appended; zero-initialised or from an earlier call
 */
void difference_message(enum flow_protocol protocol, const struct recorded_message *a,
			const struct recorded_message *b, const struct substitutions *s,
			const char *what, struct difference *out);
/**
 * difference_exchange() - requests, and replies in pairs: by order; of a search by sender and USN
 * @a, @b:	NULL = missing
 */
void difference_exchange(const struct exchange *a, const struct exchange *b,
			 const struct substitutions *s, struct difference *out);
void difference_free(struct difference *d);
/** difference_grade_name() - "same", "cosmetic", "different", "missing". */
const char *difference_grade_name(enum difference_grade grade);

#endif
