/* SPDX-License-Identifier: MIT */
/* description_parts.h - what the files of the description share; nobody else includes it. */
#ifndef FAKEIGD_DESCRIPTION_PARTS_H
#define FAKEIGD_DESCRIPTION_PARTS_H

#include "description.h"

/**
 * struct described_service - a service of the profile with its URLs
 * @profile:	which
 * @table:	its table; NULL for a type that fakeigd only describes
 * @device:	index of the device that holds it
 * @scpd, @control, @event: URLs as they stand in the description; @event "" when nothing is evented
 * @document:	its service description, empty until asked for
 */
struct described_service {
	const struct profile_service *profile;
	const struct service *table;
	int device;
	char *scpd;
	char *control;
	char *event;
	struct buf document;
};

/**
 * struct descriptions - see description.c
 * @root:	path of the root description
 * @lan_udn:	UDN of LANDevice, where the profile gives none
 * @services, @count: as in the profile
 * @roots:	root descriptions by LAN interface (last: none) and family, empty until asked for
 */
struct descriptions {
	struct router *router;
	char *root;
	char *lan_udn;
	struct described_service services[PROFILE_SERVICES_MAX];
	size_t count;
	struct buf roots[ROUTER_LANS_MAX + 1][2];
};

/** description_device_udn() - UDN of a device of the profile. */
const char *description_device_udn(const struct descriptions *d, int device);
/** description_render_root() - @template NULL: the profile's. */
void description_render_root(const struct descriptions *d, int lan, bool v6,
			     const struct template *template, struct buf *out);
void description_render_scpd(const struct descriptions *d, const struct described_service *s,
			     const struct template *template, struct buf *out);

#endif
