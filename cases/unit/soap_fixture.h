/* SPDX-License-Identifier: MIT */
/* soap_fixture.h - calling the actions of a router in unit tests. */
#ifndef SOAP_FIXTURE_H
#define SOAP_FIXTURE_H

#include "router_fixture.h"

#define A "192.168.1.4"
#define B "192.168.1.5"

#define NS		"http://schemas.xmlsoap.org/soap/envelope/"
#define TYPE		"urn:schemas-upnp-org:service:WANIPConnection:1"
#define URL		"/control/WANIPConnection-1"
#define TEXT_XML	"Content-Type: text/xml; charset=\"utf-8\"\r\n"
#define ACTION		"SOAPAction: \"" TYPE "#GetExternalIPAddress\"\r\n"
#define GET		"<m:GetExternalIPAddress xmlns:m=\"" TYPE "\"/>"
#define ENVELOPE(inner) "<e:Envelope xmlns:e=\"" NS "\"><e:Body>" inner "</e:Body></e:Envelope>"
#define KEY(remote, port, protocol)                                                                \
	"<NewRemoteHost>" remote "</NewRemoteHost><NewExternalPort>" port                          \
	"</NewExternalPort><NewProtocol>" protocol "</NewProtocol>"
#define QUERY(name)                                                                                \
	ENVELOPE("<u:QueryStateVariable "                                                          \
		 "xmlns:u=\"urn:schemas-upnp-org:control-1-0\"><u:varName>" name                   \
		 "</u:varName></u:QueryStateVariable>")
#define QUERY_HEAD                                                                                 \
	TEXT_XML "SOAPAction: \"urn:schemas-upnp-org:control-1-0#QueryStateVariable\"\r\n"

/* Requests by head and body: UPnP error code, 0, or minus the HTTP status. */
/* What an AddPortMapping is made of; NULL leaves an argument out. */
struct add {
	const char *remote, *external, *protocol, *internal, *client, *enabled, *text, *lease;
};

static const char *const argument_names[] = {
	"NewRemoteHost",
	"NewExternalPort",
	"NewProtocol",
	"NewInternalPort",
	"NewInternalClient",
	"NewEnabled",
	"NewPortMappingDescription",
	"NewLeaseDuration",
};

static inline int add_as(struct fixture *f, const char *from, unsigned version, const char *action,
			 const struct add *a)
{
	const char *const *values = (const char *const *)a;
	struct buf xml = {0};
	int code;

	buf_puts(&xml, "");
	for (size_t i = 0; i < ARRAY_SIZE(argument_names); i++) {
		if (!values[i])
			continue;
		buf_printf(&xml, "<%s>", argument_names[i]);
		buf_add_xml(&xml, slice_of(values[i]));
		buf_printf(&xml, "</%s>", argument_names[i]);
	}
	code = fixture_call(f, from, "WANIPConnection", version, action, xml.data);
	buf_free(&xml);
	return code;
}

static inline int add(struct fixture *f, const char *from, unsigned version, const char *external,
		      const char *client)
{
	struct add a = {"", external, "TCP", "3000", client, "1", "igdlab", "60"};

	return add_as(f, from, version, "AddPortMapping", &a);
}

#endif
