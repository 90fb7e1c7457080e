/* SPDX-License-Identifier: MIT */
/* import_name.h - what a message is, by its head: protocol, short name, who began. Pure. */
#ifndef SIM_IMPORT_NAME_H
#define SIM_IMPORT_NAME_H

#include "../fakeigd/wire/http.h"
#include "flow.h"

#define IMPORT_NAME_MAX 128

/**
 * struct import_name - of an exchange, by its request; or by its reply when that is all there is
 * @text:	printable ASCII: "AddPortMapping", "GET /root.xml", "M-SEARCH ssdp:all"
 * @from_router: a notification or announcement
 */
struct import_name {
	enum flow_protocol protocol;
	char text[IMPORT_NAME_MAX];
	bool from_router;
};

/**
 * import_name_http() - HTTP over TCP
 * @body:	of a request without SOAPACTION, for its envelope; may be empty
 */
void import_name_http(const struct http_head *head, struct slice body, struct import_name *out);
/** import_name_ssdp() - a datagram with such a head. Return: false when it is no SSDP. */
bool import_name_ssdp(const struct http_head *head, struct import_name *out);
/**
 * import_name_port_control() - NAT-PMP (RFC 6886 clause 3) or PCP (RFC 6887 clause 7)
 * @reply:	whether it is a response
 *
 * Return: false when it is neither.
 */
bool import_name_port_control(struct slice datagram, struct import_name *out, bool *reply);

#endif
