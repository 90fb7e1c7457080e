/* SPDX-License-Identifier: MIT */
/* pcp_record.c - what PCP keeps beside a mapping (see pcp_record.h). */
#include "pcp_record.h"

#include "base/mem.h"
#include "base/prefix.h"

#include <stdlib.h>

struct pcp_record *pcp_record_new(void)
{
	struct pcp_record *record = xcalloc(1, sizeof(*record));

	record->set_size = 1;
	return record;
}

void pcp_record_free(struct pcp_record *record)
{
	if (!record)
		return;
	free(record->filter);
	free(record);
}

static bool same_filter(const struct pcp_filter *a, const struct pcp_filter *b)
{
	return a->prefix == b->prefix && a->port == b->port &&
	       IN6_ARE_ADDR_EQUAL(&a->address, &b->address);
}

void pcp_record_add_filter(struct pcp_record *record, const struct pcp_filter *filter)
{
	if (!filter->prefix) {
		record->filters = 0;
		return;
	}
	for (size_t i = 0; i < record->filters; i++)
		if (same_filter(&record->filter[i], filter))
			return;
	record->filter = xrealloc(record->filter, (record->filters + 1) * sizeof(*record->filter));
	record->filter[record->filters++] = *filter;
}

void pcp_record_copy_filters(struct pcp_record *to, const struct pcp_record *from)
{
	to->filters = 0;
	for (size_t i = 0; i < from->filters; i++)
		pcp_record_add_filter(to, &from->filter[i]);
}

bool pcp_record_is_covered(const struct pcp_record *record, size_t i)
{
	const struct pcp_filter *this = &record->filter[i];

	for (size_t j = 0; j < record->filters; j++) {
		const struct pcp_filter *other = &record->filter[j];

		if (j == i || other->port != this->port || other->prefix > this->prefix ||
		    !same_prefix(&other->address, &this->address, other->prefix))
			continue;
		if (other->prefix < this->prefix || j < i)
			return true;
	}
	return false;
}

bool pcp_record_same_filters(const struct pcp_record *a, const struct pcp_record *b)
{
	size_t count = a ? a->filters : 0;

	if (count != (b ? b->filters : 0))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!same_filter(&a->filter[i], &b->filter[i]))
			return false;
	return true;
}
