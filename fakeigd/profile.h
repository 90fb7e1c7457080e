/* SPDX-License-Identifier: MIT */
/*
 * profile.h - a router as data: identity, form (messages), behaviour (policy), misbehaviour
 * (rules).
 *
 * Resolution order, later wins: defaults in message.def and policy.def; "extends" chain, outermost
 * ancestor first; the profile itself; overlays of its "quirks", in order; quirks of the command
 * line. Mappings merge key by key; "rules" append; "quirks" append; any other list replaces.
 */
#ifndef FAKEIGD_PROFILE_H
#define FAKEIGD_PROFILE_H

#include "message.h"
#include "rule.h"

#define PROFILE_SERVICES_MAX 32
#define PROFILE_PORTS_MAX    8
#define PROFILE_UPSTREAM_MAX 8
#define PROFILE_DEVICES_MAX  16
#define PROFILE_PAGES_MAX    8

/** struct policy - one field per line of policy.def: bool, long long, int (choice index), int64_t
 * us */
struct policy {
#define POLICY_BOOL(field, name, value, sentence, clause, evidence)	       bool field;
#define POLICY_INT(field, name, min, max, value, sentence, clause, evidence)   long long field;
#define POLICY_CHOICE(field, name, choices, value, sentence, clause, evidence) int field;
#define POLICY_DURATION(field, name, seconds, sentence, clause, evidence)      int64_t field;
#include "policy.def"
};

/**
 * struct profile_device - a device of the tree
 * @name:	how the profile calls it: root, wan, connection, lan, or another
 * @type, @version: WANConnectionDevice, 1
 * @urn:	whole deviceType instead of that, or NULL
 * @domain:	schemas-upnp-org
 * @udn:	NULL only for lan: derived from the root's
 * @texts:	its own friendly_name, manufacturer and so on, instead of the identity's, or NULL
 *		(part of the document)
 * @parent:	index of the device above, -1 for the root
 * @first:	before its siblings
 * @written:	it is in the tree even when nothing is in it
 * @silent:	not advertised by SSDP
 * @form:	of its element, NULL = the profile's "device"
 */
struct profile_device {
	char *name;
	char *type;
	unsigned version;
	char *urn;
	char *domain;
	char *udn;
	const struct doc *texts;
	int parent;
	bool first;
	bool written;
	bool silent;
	struct template *form;
};

/**
 * struct profile_page - a further document of the HTTP server
 * @path:	where
 * @form:	rendered as a root description
 * @replace:	texts in the result that become others, or NULL (part of the document)
 */
struct profile_page {
	char *path;
	struct template *form;
	const struct doc *replace;
};

/**
 * struct profile_service - one line of "services"
 * @type, @version: WANIPConnection, 1
 * @urn:	whole serviceType instead of that, or NULL
 * @as_type, @as_version: the service table it is answered by, NULL = its own
 * @id:		urn:upnp-org:serviceId:WANIPConn1
 * @domain:	schemas-upnp-org
 * @optional, @optionals: optional actions offered; NULL = all of the service table
 * @device:	index of the device that holds it
 * @control, @event, @scpd: URL patterns of its own, NULL = the profile's
 * @state:	values of state variables that never change, or NULL (part of the document)
 */
struct profile_service {
	char *type;
	unsigned version;
	char *urn;
	char *as_type;
	unsigned as_version;
	char *id;
	char *domain;
	char **optional;
	size_t optionals;
	int device;
	char *control;
	char *event;
	char *scpd;
	const struct doc *state;
};

/** struct profile_mapping - one line of "state.mappings": the table at start */
struct profile_mapping {
	struct in_addr remote_host;
	uint16_t external_port;
	int protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	uint16_t internal_port;
	struct in_addr internal_client;
	bool enabled;
	char *description;
	uint32_t lease; /* seconds left, 0 = permanent */
};

/**
 * struct profile_upstream - whom the router asks for ports on its WAN side
 * @pcp:	a PCP server; false = nobody is asked
 * @server, @servers: whom it asks, 0.0.0.0 = the next hop of the WAN's default route; each client
 *		has one of them (RFC 7648 3.6)
 * @port:	of the server
 * @initial_us, @maximum_us: IRT and MRT of retransmission (RFC 6887 clause 8.1.1)
 * @answer_us:	how long an asker waits at most
 * @retries:	how often a refusal that holds for a short time is tried again (RFC 6970 5.6.2)
 * @ask_external: an external address that is not known yet is found by a short mapping
 * @description: descriptions are handed on (RFC 7220)
 */
struct profile_upstream {
	bool pcp;
	struct in_addr server[PROFILE_UPSTREAM_MAX];
	size_t servers;
	uint16_t port;
	int64_t initial_us;
	int64_t maximum_us;
	int64_t answer_us;
	unsigned retries;
	bool ask_external;
	bool description;
};

/**
 * struct profile - the resolved router; owns everything in it
 * @name, @summary: of the file
 * @device:	root device type's name, InternetGatewayDevice
 * @device_version: 1 or 2: of root, WANDevice and WANConnectionDevice
 * @server:	SERVER string
 * @udn:	UDNs with "uuid:" of root, WANDevice, WANConnectionDevice, derived from the
 *		router's name and MAC when the file does not fix them
 * @friendly_name ...: identity
 * @http_port:	0 = any free one
 * @also_port, @also_ports: further TCP ports of the same server
 * @url_description, @url_scpd, @url_control, @url_event: paths; {service}, {version}, {udn},
 *{service_id} are filled per service
 * @max_age:	of advertisements, seconds
 * @ssdp_sets:	how often each advertisement set is sent
 * @ssdp_order:	targets that come first in a set, in that order, or NULL (part of the document)
 * @date_offset: seconds added to {date} (DATE that is not UTC)
 * @external:	override of the external address, 0.0.0.0 = the WAN's own
 * @upstream:	see there
 * @domain:	of device and service types that have none of their own
 * @devices, @device_count: the four standard ones, then those of the file
 * @pages, @page_count: further documents
 * @services, @service_count: in document order
 * @templates:	by enum message_id, never NULL
 * @policy:	behaviour
 * @errors:	errorDescription by code, instead of the specifications', or NULL (part of the
 *		document)
 * @rules:	compiled, never NULL
 * @mappings, @mapping_count: table at start
 * @document:	the resolved document, for "show" and reload
 */
struct profile {
	char *name;
	char *summary;
	char *device;
	unsigned device_version;
	char *server;
	char *udn[3];
	char *friendly_name;
	char *manufacturer;
	char *manufacturer_url;
	char *model_description;
	char *model_name;
	char *model_number;
	char *model_url;
	char *serial_number;
	char *upc;
	char *presentation_url;
	uint16_t http_port;
	uint16_t also_port[PROFILE_PORTS_MAX];
	size_t also_ports;
	char *url_description;
	char *url_scpd;
	char *url_control;
	char *url_event;
	unsigned max_age;
	unsigned ssdp_sets;
	const struct doc *ssdp_order;
	long date_offset;
	struct in_addr external;
	struct profile_upstream upstream;
	char *domain;
	struct profile_device devices[PROFILE_DEVICES_MAX];
	size_t device_count;
	struct profile_page pages[PROFILE_PAGES_MAX];
	size_t page_count;
	struct profile_service services[PROFILE_SERVICES_MAX];
	size_t service_count;
	struct template *templates[MESSAGE_COUNT];
	struct policy policy;
	const struct doc *errors;
	struct rules *rules;
	struct profile_mapping *mappings;
	size_t mapping_count;
	struct doc *document;
};

/**
 * profile_load() - find, resolve and check a profile
 * @name:	name in the data directory, or a file (has "/" or ends in .yaml)
 * @quirks, @count: names or files of further quirks to lay over it
 * @data:	directory that holds profiles/ and quirks/
 * @seed:	what UDNs are derived from when the profile does not fix them (router name and MAC)
 * @d:		complaints
 *
 * Return: the profile, or NULL after complaints.
 */
struct profile *profile_load(const char *name, const char *const *quirks, size_t count,
			     const char *data, const char *seed, struct diag *d);
void profile_free(struct profile *p);
/** profile_own_keys() - keys that describe a file and not the router: neither handed down by
 * "extends" nor part of what it does. */
const char *const *profile_own_keys(size_t *count);
/** profile_error_text() - the profile's own errorDescription of a code, NULL when it has none. */
const char *profile_error_text(const struct profile *p, int code);
/** profile_resolve() - the merged document only, unchecked values, for "show"; caller frees. */
struct doc *profile_resolve(const char *name, const char *const *quirks, size_t count,
			    const char *data, struct diag *d);
/** profile_resolve_text(), profile_load_text() - the same for a profile in memory; @name stands for
 * its file, and files that it names are looked up beside that. */
struct doc *profile_resolve_text(const char *name, const char *text, size_t len, const char *data,
				 struct diag *d);
struct profile *profile_load_text(const char *name, const char *text, size_t len, const char *data,
				  const char *seed, struct diag *d);
/** policy_defaults() - every field as policy.def says. */
void policy_defaults(struct policy *p);
/** policy_list() - policy.def as text (one paragraph each) or as a JSON array. */
void policy_list_text(struct buf *out);
json_t *policy_list_json(void);
/** profile_schema(), quirk_schema() - JSON Schemas; the caller drops the reference. */
json_t *profile_schema(void);
json_t *quirk_schema(void);

#endif
