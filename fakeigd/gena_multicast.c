/* SPDX-License-Identifier: MIT */
/*
 * gena_multicast.c - events to everybody (UDA 2.0 4.2; policy gena.multicast).
 *
 * No variable of an InternetGatewayDevice is multicast by specification, so only a router that
 * departs from it sends these: one datagram per change to 239.255.255.246:7900 on each LAN.
 */
#include "gena_parts.h"
#include "journal.h"
#include "router.h"
#include "service.h"

#include <arpa/inet.h>
#include <unistd.h>

#define GROUP	   "239.255.255.246"
#define GROUP_PORT 7900

static void send_on(const struct router *r, const struct router_interface *lan,
		    const struct buf *datagram)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(GROUP_PORT)};
	struct ip_mreqn out = {.imr_address = lan->address, .imr_ifindex = (int)lan->index};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	inet_pton(AF_INET, GROUP, &to.sin_addr);
	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)) == 0 &&
	    sendto(fd, datagram->data, datagram->len, 0, (struct sockaddr *)&to, sizeof(to)) > 0)
		journal_write(r->journal, JOURNAL_SENT, "gena", (const struct sockaddr *)NULL,
			      (const struct sockaddr *)&to, "multicast event", NULL);
	close(fd);
}

void gena_multicast(struct gena *g, size_t service, const struct buf *properties)
{
	const struct router *r = g->router;
	const struct profile_service *s = &r->profile->services[service];
	struct message_values values = {0};
	struct buf body = {0}, datagram = {0};

	values.v[PLACEHOLDER_PROPERTIES] = buf_slice(properties);
	template_render(r->profile->templates[MESSAGE_EVENT], &values, &body);
	buf_printf(&datagram,
		   "NOTIFY * HTTP/1.0\r\nHOST: " GROUP ":%d\r\n"
		   "CONTENT-TYPE: text/xml; charset=\"utf-8\"\r\nCONTENT-LENGTH: %zu\r\n"
		   "NT: upnp:event\r\nNTS: upnp:propchange\r\nUSN: %s::",
		   GROUP_PORT, body.len, r->profile->udn[0]);
	service_urn(s, &datagram);
	buf_printf(&datagram, "\r\nSVCID: %s\r\nSEQ: %u\r\nLVL: upnp:/general\r\n\r\n", s->id,
		   g->multicast_seq++);
	buf_add_slice(&datagram, buf_slice(&body));
	for (size_t i = 0; i < r->lans; i++)
		if (r->lan[i].address.s_addr)
			send_on(r, &r->lan[i], &datagram);
	buf_free(&body);
	buf_free(&datagram);
}
