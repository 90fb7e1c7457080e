/* SPDX-License-Identifier: MIT */
/* ssdp.h - SSDP datagrams: M-SEARCH, its answers, NOTIFY (UDA 2.0 clause 1). Pure. */
#ifndef IGDLAB_WIRE_SSDP_H
#define IGDLAB_WIRE_SSDP_H

#include "http.h"

#define SSDP_PORT	1900
#define SSDP_GROUP_V4	"239.255.255.250"
#define SSDP_GROUP_LINK "ff02::c"
#define SSDP_GROUP_SITE "ff05::c"

enum ssdp_kind { SSDP_SEARCH, SSDP_REPLY, SSDP_ALIVE, SSDP_BYEBYE, SSDP_UPDATE };

enum ssdp_error {
	SSDP_OK,
	SSDP_NOT_HTTP,	   /* no parsable head */
	SSDP_OTHER_METHOD, /* neither M-SEARCH nor NOTIFY, or target not "*" */
	SSDP_NO_MAN,	   /* M-SEARCH without MAN: "ssdp:discover" */
	SSDP_NO_ST,
	SSDP_NO_NT,
	SSDP_BAD_NTS,
	SSDP_BAD_STATUS, /* a response that is not 200 */
	SSDP_ERROR_COUNT,
};

/**
 * struct ssdp_message - a decoded datagram; slices point into it
 * @kind:	which of the five
 * @target:	ST or NT
 * @usn, @location, @server: as sent, ptr NULL when absent
 * @mx:		M-SEARCH: seconds, -1 when absent or no number
 * @max_age:	seconds from CACHE-CONTROL, -1 when absent or unreadable
 * @boot_id, @next_boot_id, @config_id, @search_port: UDA 1.1 headers, -1 when absent or no number
 * @man_unquoted: MAN was ssdp:discover without its quotes: SSDP_NO_MAN by the letter (SSDP-43), but
 *		a tolerant router answers
 * @head:	the whole head
 */
struct ssdp_message {
	enum ssdp_kind kind;
	struct slice target;
	struct slice usn;
	struct slice location;
	struct slice server;
	long mx;
	long max_age;
	long boot_id;
	long next_boot_id;
	long config_id;
	long search_port;
	bool man_unquoted;
	struct http_head head;
};

/**
 * ssdp_parse() - decode one datagram
 *
 * Lenient about case, spaces, broken lines and a missing final empty line. On any error but
 * SSDP_NOT_HTTP, @out holds what could be read all the same.
 */
enum ssdp_error ssdp_parse(const char *data, size_t len, struct ssdp_message *out);
const char *ssdp_error_text(enum ssdp_error error);
/** ssdp_build_search() - an M-SEARCH; @host is the HOST header's value, @mx < 0 leaves MX out. */
void ssdp_build_search(struct buf *out, const char *host, const char *target, int mx);

/**
 * struct urn - "urn:DOMAIN:KIND:TYPE:VERSION" taken apart
 * @domain:	e.g. schemas-upnp-org
 * @kind:	device or service
 * @type:	e.g. WANIPConnection
 * @version:	e.g. 1
 */
struct urn {
	struct slice domain;
	struct slice kind;
	struct slice type;
	unsigned version;
};

/** urn_parse() - take a device or service type apart; versions are 1 to 65535. Return: it is one.
 */
bool urn_parse(struct slice text, struct urn *out);

#endif
