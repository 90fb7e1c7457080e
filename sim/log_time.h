/* SPDX-License-Identifier: MIT */
/* log_time.h - time stamps in the lines of text logs, in the forms that programs use. Pure. */
#ifndef SIM_LOG_TIME_H
#define SIM_LOG_TIME_H

#include "../fakeigd/base/slice.h"

enum log_time_form {
	LOG_TIME_NONE,
	LOG_TIME_DATE,	/* year to second: nanoseconds since 1970 */
	LOG_TIME_MONTH, /* month to second, no year: nanoseconds since the year's begin */
	LOG_TIME_DAY,	/* hours to second: nanoseconds since midnight */
	LOG_TIME_COUNT, /* seconds since something: "[   12.345678]" */
};

/**
 * struct log_stamp - a time stamp
 * @form:	what is in it
 * @ns:		nanoseconds; from where, the form says
 * @zone:	it is a date that says its zone (or a count since 1970, which needs none)
 * @at, @len:	where in the line
 */
struct log_stamp {
	enum log_time_form form;
	int64_t ns;
	bool zone;
	size_t at, len;
};

/** log_time_find() - first time stamp in the first 200 bytes of @line. Return: there is one. */
bool log_time_find(struct slice line, struct log_stamp *out);

#endif
