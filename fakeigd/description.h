/* SPDX-License-Identifier: MIT */
/* description.h - root and service descriptions, made from the service tables and the profile. */
#ifndef FAKEIGD_DESCRIPTION_H
#define FAKEIGD_DESCRIPTION_H

#include "http.h"
#include "router.h"
#include "service.h"

struct descriptions;

/** descriptions_new() - URLs of the profile's services; documents are rendered when first asked. */
struct descriptions *descriptions_new(struct router *r);
void descriptions_free(struct descriptions *d);
/** descriptions_reload() - the profile or an address has changed: forget URLs and documents. */
void descriptions_reload(struct router *r);
/** descriptions_change() - whether URLs change with a reboot or a WAN connection. */
bool descriptions_change(const struct router *r);
/** description_get() - answer a GET or HEAD: root description, SCPD, or 404. */
void description_get(struct router *r, const struct http_request *request,
		     struct http_reply *reply);
/** description_location() - LOCATION for a LAN interface; @v6: with its IPv6 address. */
void description_location(const struct router *r, const struct router_interface *lan, bool v6,
			  struct buf *out);
/** description_control_service() - service whose control URL is @target; NULL when none. */
const struct profile_service *description_control_service(const struct router *r,
							  struct slice target);
/** description_shares_control() - whether two services of the profile have one control URL. */
bool description_shares_control(const struct router *r, const struct profile_service *a,
				const struct profile_service *b);
/** description_event_service() - the same for event subscription URLs. */
const struct profile_service *description_event_service(const struct router *r,
							struct slice target);
/** description_udn() - UDN of the device that holds the service. */
const char *description_udn(const struct router *r, const struct profile_service *service);

/**
 * description_each_advertisement() - the 3 + 2d + k advertisements of the tree (UDA 2.0 table 1-1)
 * @fn:		called with NT and USN, in the order of UDA
 */
void description_each_advertisement(const struct router *r,
				    void (*fn)(void *arg, const char *nt, const char *usn),
				    void *arg);

#endif
