/* SPDX-License-Identifier: MIT */
/*
 * log_time.c - time stamps in the lines of text logs.
 *
 * Theory of operation: from each place of a line where a word begins, a few forms are tried, those
 * that say most first: "2025-07-28 09:52:06.822" with slashes, T, comma and zone in their variants;
 * "28/Jul/2025:09:52:06 +0200"; "Jul 28 09:52:06" of syslog; "07-28 09:52:06.822" of Android;
 * "09:52:06.822"; seconds, milliseconds, microseconds or nanoseconds since 1970; seconds since the
 * start in brackets. A form is a pattern of one character per field; all numbers are bounded.
 */
#include "log_time.h"

#include <ctype.h>

#define SEARCHED 200 /* bytes of a line */
#define SECOND	 INT64_C(1000000000)

/** struct fields - what a pattern has read so far */
struct fields {
	int64_t year, month, day, hour, minute, second, ns, zone_minutes;
	bool zone;
};

static bool number(struct slice s, size_t *at, size_t least, size_t most, int64_t *out)
{
	size_t begin = *at;

	*out = 0;
	while (*at < s.len && *at - begin < most && isdigit((unsigned char)s.ptr[*at]))
		*out = *out * 10 + (s.ptr[(*at)++] - '0');
	return *at - begin >= least;
}

static bool month_name(struct slice s, size_t *at, int64_t *out)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12 && *at + 3 <= s.len; i++)
		if (!memcmp(s.ptr + *at, names + 3 * i, 3)) {
			*out = i + 1;
			*at += 3;
			return true;
		}
	return false;
}

/* ".822", ",822822" as nanoseconds; none is 0. */
static void fraction(struct slice s, size_t *at, int64_t *ns)
{
	int64_t unit = SECOND / 10;

	*ns = 0;
	if (*at + 1 >= s.len || (s.ptr[*at] != '.' && s.ptr[*at] != ',') ||
	    !isdigit((unsigned char)s.ptr[*at + 1]))
		return;
	for (++*at; *at < s.len && isdigit((unsigned char)s.ptr[*at]); ++*at, unit /= 10)
		*ns += unit * (s.ptr[*at] - '0');
}

/* "Z", "+08:00", " +0800", none. */
static void zone(struct slice s, size_t *at, struct fields *f)
{
	size_t i = *at;
	int64_t hours, minutes;
	bool west;

	if (i < s.len && s.ptr[i] == 'Z') {
		f->zone = true;
		++*at;
		return;
	}
	if (i < s.len && s.ptr[i] == ' ')
		i++;
	if (i >= s.len || (s.ptr[i] != '+' && s.ptr[i] != '-'))
		return;
	west = s.ptr[i++] == '-';
	if (!number(s, &i, 2, 2, &hours))
		return;
	if (i < s.len && s.ptr[i] == ':')
		i++;
	if (!number(s, &i, 2, 2, &minutes) || hours > 14 || minutes > 59)
		return;
	f->zone = true;
	f->zone_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
	*at = i;
}

/*
 * A pattern: Y M D h m s numbers of two digits (Y four, d one or two after spaces), N the month's
 * name, f a fraction, z a zone, - one of "-/", T one of "T " , anything else itself.
 */
static bool one(struct slice s, size_t *at, char what, struct fields *f)
{
	char c = *at < s.len ? s.ptr[*at] : 0;

	switch (what) {
	case 'Y':
		return number(s, at, 4, 4, &f->year);
	case 'M':
		return number(s, at, 2, 2, &f->month) && f->month >= 1 && f->month <= 12;
	case 'N':
		return month_name(s, at, &f->month);
	case 'd':
		while (*at < s.len && s.ptr[*at] == ' ')
			++*at;
		return number(s, at, 1, 2, &f->day) && f->day >= 1 && f->day <= 31;
	case 'D':
		return number(s, at, 2, 2, &f->day) && f->day >= 1 && f->day <= 31;
	case 'h':
		return number(s, at, 2, 2, &f->hour) && f->hour <= 23;
	case 'm':
		return number(s, at, 2, 2, &f->minute) && f->minute <= 59;
	case 's':
		return number(s, at, 2, 2, &f->second) && f->second <= 60;
	case 'f':
		fraction(s, at, &f->ns);
		return true;
	case 'z':
		zone(s, at, f);
		return true;
	case '-':
		++*at;
		return c == '-' || c == '/';
	case 'T':
		++*at;
		return c == 'T' || c == ' ' || c == '_';
	default:
		++*at;
		return c == what;
	}
}

/* Days from 1970 to a date of the Gregorian calendar. */
static int64_t days(int64_t year, int64_t month, int64_t day)
{
	static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	int64_t past = month > 2 ? year : year - 1;

	return (year - 1970) * 365 + (past / 4 - past / 100 + past / 400) - (1969 / 4 - 19 + 4) +
	       before[month - 1] + day - 1;
}

static const struct {
	const char *pattern;
	enum log_time_form form;
} forms[] = {
	{"Y-M-DTh:m:sfz", LOG_TIME_DATE}, {"D-N-Y:h:m:sz", LOG_TIME_DATE},
	{"D-N-Y h:m:sfz", LOG_TIME_DATE}, {"Nd h:m:sf", LOG_TIME_MONTH},
	{"M-D h:m:sf", LOG_TIME_MONTH},	  {"h:m:sf", LOG_TIME_DAY},
};

static bool by_pattern(struct slice line, size_t begin, size_t row, struct log_stamp *out)
{
	struct fields f = {.year = 1970, .month = 1, .day = 1};
	size_t at = begin;

	for (const char *p = forms[row].pattern; *p; p++)
		if (!one(line, &at, *p, &f))
			return false;
	if (f.year < 1970 || f.year >= 2200)
		return false;
	if (at < line.len && isalnum((unsigned char)line.ptr[at]))
		return false;
	*out = (struct log_stamp){
		forms[row].form,
		((days(f.year, f.month, f.day) * 24 + f.hour) * 60 + f.minute - f.zone_minutes) *
				60 * SECOND +
			f.second * SECOND + f.ns,
		f.zone, begin, at - begin};
	return true;
}

/* Since 1970: 10 digits with or without fraction, or 13, 16, 19; "[12.345678]" since the start. */
static bool by_count(struct slice line, size_t begin, struct log_stamp *out)
{
	size_t at = begin;
	int64_t value, ns = 0;
	bool dot;

	if (!number(line, &at, 1, 18, &value))
		return false;
	if (at - begin == 18 && at < line.len && isdigit((unsigned char)line.ptr[at]) &&
	    value < INT64_C(420000000000000000))
		value = value * 10 + (line.ptr[at++] - '0');
	if (at < line.len && isdigit((unsigned char)line.ptr[at]))
		return false;
	dot = at < line.len && line.ptr[at] == '.';
	*out = (struct log_stamp){.form = LOG_TIME_DATE, .zone = true, .at = begin};
	if (at - begin == 10 && value >= 946684800) {
		fraction(line, &at, &ns);
		out->ns = value * SECOND + ns;
	} else if (at - begin == 13 && value >= INT64_C(946684800000) && !dot) {
		out->ns = value * (SECOND / 1000);
	} else if (at - begin == 16 && value >= INT64_C(946684800000000) && !dot) {
		out->ns = value * (SECOND / 1000000);
	} else if (at - begin == 19 && value >= INT64_C(946684800000000000) && !dot) {
		out->ns = value;
	} else if (dot && value < 1000000000) {
		size_t bracket = begin;

		while (bracket && line.ptr[bracket - 1] == ' ')
			bracket--;
		fraction(line, &at, &ns);
		if (!bracket || line.ptr[bracket - 1] != '[' || at >= line.len ||
		    line.ptr[at] != ']')
			return false;
		*out = (struct log_stamp){LOG_TIME_COUNT, value * SECOND + ns, false, begin, 0};
	} else {
		return false;
	}
	out->len = at - begin;
	return at >= line.len || (!isalnum((unsigned char)line.ptr[at]) && line.ptr[at] != '.');
}

bool log_time_find(struct slice line, struct log_stamp *out)
{
	char before = 0;

	*out = (struct log_stamp){0};
	for (size_t i = 0; i < line.len && i < SEARCHED; before = line.ptr[i++]) {
		unsigned char c = (unsigned char)line.ptr[i];

		if (isalnum((unsigned char)before) || (before && strchr(".-/", before)) ||
		    (!isdigit(c) && (c < 'A' || c > 'S')))
			continue;
		for (size_t row = 0; row < sizeof(forms) / sizeof(forms[0]); row++)
			if (by_pattern(line, i, row, out))
				return true;
		if (isdigit(c) && by_count(line, i, out))
			return true;
	}
	*out = (struct log_stamp){0};
	return false;
}
