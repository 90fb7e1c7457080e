/* SPDX-License-Identifier: MIT */
/* description.h - device and service descriptions as a control point reads them (UDA 2.0 clause 2).
 */
#ifndef IGDLAB_WIRE_DESCRIPTION_H
#define IGDLAB_WIRE_DESCRIPTION_H

#include "url.h"
#include "xml.h"

#define DESCRIPTION_SERVICES_MAX 128

/**
 * struct description_service - one service, anywhere in the device tree
 * @type, @id:		serviceType and serviceId as sent
 * @control, @event, @scpd: resolved URLs; host "" when absent or unusable
 * @udn, @device_type:	of the device that holds it
 * @depth:		0 for the root device
 */
struct description_service {
	char *type;
	char *id;
	struct url control;
	struct url event;
	struct url scpd;
	char *udn;
	char *device_type;
	int depth;
};

struct description {
	char *device_type; /* root device */
	char *udn;
	char *friendly_name;
	char *manufacturer;
	char *model_name;
	struct description_service *services; /* document order */
	size_t count;
};

/**
 * description_parse() - a root device description
 * @data, @len:	the document
 * @location:	where it was fetched: base of relative URLs unless URLBase is there and usable
 * @out:	free with description_free() when true
 * @why:	points to a sentence when false
 */
bool description_parse(const char *data, size_t len, const struct url *location,
		       struct description *out, const char **why);
void description_free(struct description *d);

#endif
