/* SPDX-License-Identifier: MIT */
/*
 * cp_pinhole_find.c - the router that opens IPv6 pinholes, and our address to be opened (see cp.h)
 *
 * Theory of operation
 *
 * A router that is careful compares the address to be opened with the one that asks, so the way to
 * it is over IPv6, from the very address (WANIPv6FirewallControl:1 clause 2.6.3): M-SEARCH goes to
 * the link-local and the site-local group on every interface (UDA 2.0 annex A.2), and connections
 * are bound to our address whatever the router's is. Where nobody answers, over IPv4 as for port
 * mappings; some routers take that, others answer 606.
 *
 * Our address: global (2000::/3, 6FC-27), valid, and not temporary when there is another one, since
 * a pinhole of an address that is gone cannot be deleted any more. /proc/net/if_inet6 has the flags
 * that getifaddrs() does not tell.
 */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/ssdp.h"
#include "cp.h"
#include "cp_pinhole.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVICE	     "WANIPv6FirewallControl"
#define HOPS	     10
#define MX	     1
#define DATAGRAM_MAX 8192
#define COPIES	     2
#define COPY_GAP_US  (CLOCK_SECOND / 3)

static const char *const targets[] = {
	"urn:schemas-upnp-org:service:" SERVICE ":1",
	"urn:schemas-upnp-org:device:InternetGatewayDevice:2",
	"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
};

/* A line of /proc/net/if_inet6: "20010db8...01 02 40 00 80     eth0". Return: it is usable. */
static bool read_own_address(const char *line, const char *interface, struct sockaddr_in6 *out,
			     unsigned *flags)
{
	unsigned index, prefix, scope;
	char digits[33], name[IFNAMSIZ];

	if (sscanf(line, "%32s %x %x %x %x %15s", digits, &index, &prefix, &scope, flags, name) !=
		    6 ||
	    strlen(digits) != 32)
		return false;
	for (size_t i = 0; i < 16; i++) {
		const char byte[] = {digits[2 * i], digits[2 * i + 1], '\0'};

		out->sin6_addr.s6_addr[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return (out->sin6_addr.s6_addr[0] & 0xe0) == 0x20 &&
	       (!interface || !strcmp(interface, name)) &&
	       !(*flags & (IFA_F_DEPRECATED | IFA_F_TENTATIVE | IFA_F_DADFAILED));
}

bool cp_own_address6(struct cp *cp)
{
	struct sockaddr_in6 found = {.sin6_family = AF_INET6};
	FILE *f = fopen("/proc/net/if_inet6", "re");
	char line[128], text[INET6_ADDRSTRLEN] = "none";
	bool temporary = true, wanted = false;
	unsigned flags;

	cp_step(cp, 0, "own address");
	cp->own6.sin6_family = 0;
	while (!wanted && f && fgets(line, sizeof(line), f)) {
		if (!read_own_address(line, cp->options.interface, &found, &flags))
			continue;
		wanted = IN6_ARE_ADDR_EQUAL(&found.sin6_addr, &cp->options.own6);
		if (!wanted && cp->own6.sin6_family && (flags & IFA_F_TEMPORARY || !temporary))
			continue;
		cp->own6 = found;
		temporary = flags & IFA_F_TEMPORARY;
	}
	if (f)
		fclose(f);
	if (cp->own6.sin6_family)
		inet_ntop(AF_INET6, &cp->own6.sin6_addr, text, sizeof(text));
	cp_believe(cp, "%s", text);
	cp_why(cp, !cp->own6.sin6_family ? "no interface has a global IPv6 address"
		   : wanted		 ? "the one that was asked for"
		   : temporary		 ? "there are only temporary ones"
					 : "global, and stays");
	return cp->own6.sin6_family;
}

/* A search on one interface, to both groups. */
static void send_search(int fd, unsigned index)
{
	static const char *const groups[] = {SSDP_GROUP_LINK, SSDP_GROUP_SITE};

	for (size_t g = 0; g < ARRAY_SIZE(groups); g++) {
		struct sockaddr_in6 to = {.sin6_family = AF_INET6,
					  .sin6_port = htons(SSDP_PORT),
					  .sin6_scope_id = index};
		char host[64];

		inet_pton(AF_INET6, groups[g], &to.sin6_addr);
		snprintf(host, sizeof(host), "[%s]:%d", groups[g], SSDP_PORT);
		for (size_t t = 0; t < ARRAY_SIZE(targets); t++) {
			struct buf bytes = {0};

			ssdp_build_search(&bytes, host, targets[t], MX);
			/* Where it cannot be sent nobody answers, which is seen. */
			if (sendto(fd, bytes.data, bytes.len, MSG_NOSIGNAL, (struct sockaddr *)&to,
				   sizeof(to)) < 0)
				t = ARRAY_SIZE(targets);
			buf_free(&bytes);
		}
	}
}

static void search_everywhere(const struct cp *cp, int fd)
{
	struct if_nameindex *list = if_nameindex();

	for (const struct if_nameindex *i = list; i && i->if_index; i++) {
		int index = (int)i->if_index;

		if (!strcmp(i->if_name, "lo") ||
		    (cp->options.interface && strcmp(cp->options.interface, i->if_name) != 0))
			continue;
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index));
		send_search(fd, i->if_index);
	}
	if_freenameindex(list);
}

/* LOCATION of an answer; a link-local address in it is on the interface that the answer came by. */
static bool read_location(const char *data, size_t len, const struct sockaddr_in6 *from,
			  struct url *out)
{
	struct ssdp_message m;
	struct in6_addr host;
	char zone[IFNAMSIZ];
	size_t used;

	if (ssdp_parse(data, len, &m) != SSDP_OK || m.kind != SSDP_REPLY || !m.location.ptr ||
	    !url_parse(m.location, out) || !out->is_ipv6)
		return false;
	used = strlen(out->host);
	if (inet_pton(AF_INET6, out->host, &host) != 1 || !IN6_IS_ADDR_LINKLOCAL(&host) ||
	    !if_indextoname(from->sin6_scope_id, zone))
		return true;
	snprintf(out->host + used, sizeof(out->host) - used, "%%%s", zone);
	return true;
}

/* Wait for an answer with a LOCATION. Return: there is one. */
static bool await_answer(struct cp *cp, int fd, int64_t until, struct url *out)
{
	char data[DATAGRAM_MAX];
	int64_t left;

	while ((left = until - clock_now()) > 0) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		struct sockaddr_in6 from;
		socklen_t size = sizeof(from);
		ssize_t len;

		if (poll(&p, 1, (int)(left / 1000) + 1) <= 0)
			continue;
		len = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &size);
		if (len > 0 && read_location(data, (size_t)len, &from, out)) {
			cp_reply(cp, "http://[%s]:%u%s", out->host, out->port, out->path);
			return true;
		}
	}
	return false;
}

static bool search6(struct cp *cp, struct url *out)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), hops = HOPS;
	bool found = false;

	cp_step(cp, 1, "search over IPv6");
	cp_request(cp, "M-SEARCH to " SSDP_GROUP_LINK " and " SSDP_GROUP_SITE);
	if (fd >= 0)
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops));
	for (int copy = 0; fd >= 0 && !found && copy < COPIES; copy++) {
		int64_t wait = copy + 1 < COPIES ? COPY_GAP_US : (MX + 1) * CLOCK_SECOND;

		search_everywhere(cp, fd);
		found = await_answer(cp, fd, clock_now() + wait, out);
	}
	if (fd >= 0)
		close(fd);
	cp_believe(cp, found ? "a router answers" : "nobody");
	return found;
}

/* A description, and a service of that type in it, whatever its version. Return: it is there. */
static bool fetch_service(struct cp *cp, const char *location, const struct url *url,
			  const char *type, struct cp_router *out)
{
	struct cp_http_request q = {.method = "GET", .url = url};
	struct cp_http_reply reply = {0};
	struct description d;
	const char *why = "";
	struct urn urn;

	*out = (struct cp_router){0};
	cp_step(cp, 1, "description");
	cp_request(cp, "GET %s", location);
	if (!cp_http(cp, &q, &reply, &why) || reply.status != 200 ||
	    !description_parse(reply.body.data, reply.body.len, url, &d, &why)) {
		cp_believe(cp, "none");
		cp_why(cp, "%s",
		       reply.status && reply.status != 200 ? "the router has none there" : why);
		cp_http_free(&reply);
		return false;
	}
	cp_reply(cp, "HTTP %d, %zu bytes", reply.status, reply.body.len);
	for (size_t i = 0; i < d.count && !out->type; i++) {
		const struct description_service *s = &d.services[i];

		/* A service without a usable control URL is none (quirk v6-no-control-url). */
		if (!urn_parse(slice_of(s->type), &urn) || !slice_case_eq(urn.type, type) ||
		    !*s->control.host)
			continue;
		out->type = xstrdup(s->type);
		out->version = urn.version;
		out->control = s->control;
		out->location = xstrdup(location);
		out->friendly_name = xstrdup(d.friendly_name ? d.friendly_name : "");
	}
	cp_believe(cp, out->type ? "%s" : "no usable %s", out->type ? out->type : type);
	description_free(&d);
	cp_http_free(&reply);
	return out->type;
}

/* A control URL on the router's link-local address is on the same link as its description. */
static void keep_zone(const struct url *location, struct url *control)
{
	const char *zone = strchr(location->host, '%');
	size_t len = strcspn(location->host, "%");

	if (zone && control->is_ipv6 && strlen(control->host) == len &&
	    !strncmp(control->host, location->host, len))
		snprintf(control->host, sizeof(control->host), "%s", location->host);
}

static bool find6(struct cp *cp, struct cp_router *out)
{
	struct buf text = {0};
	struct url url;
	bool found;

	if (!search6(cp, &url))
		return false;
	url_format(&url, &text);
	found = fetch_service(cp, text.data, &url, SERVICE, out);
	if (found)
		keep_zone(&url, &out->control);
	buf_free(&text);
	return found;
}

static bool find4(struct cp *cp, struct cp_router *out)
{
	const struct cp_candidate *best = NULL;
	struct url url;

	if (cp->options.url && url_parse(slice_of(cp->options.url), &url))
		return fetch_service(cp, cp->options.url, &url, SERVICE, out);
	cp_discover(cp, 1, NULL);
	for (size_t i = 0; i < cp->candidate_count; i++) {
		const struct cp_candidate *c = &cp->candidates[i];

		if (!c->refused && (!best || cp_candidate_score(c) > cp_candidate_score(best)))
			best = c;
	}
	return best && fetch_service(cp, best->location, &best->url, SERVICE, out);
}

bool cp_find_firewall(struct cp *cp, int family, struct cp_router *out)
{
	if (family != AF_INET && !cp->options.url && find6(cp, out))
		return true;
	return family != AF_INET6 && find4(cp, out);
}
