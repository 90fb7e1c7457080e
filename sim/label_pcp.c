/* SPDX-License-Identifier: MIT */
/*
 * label_pcp.c - NAT-PMP (RFC 6886) and PCP (RFC 6887) datagrams in one line.
 *
 * Theory of operation
 *
 * Both run on port 5351 (and 5350 for announcements) and tell themselves apart by the first octet:
 * 0 is NAT-PMP, 2 is PCP (RFC 6887 clause 9). The top bit of the second one makes a response. Only
 * as much is read as a label needs; fields that the datagram is too short for are "?".
 */
#include "label.h"

#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/pcp.h"

#include <arpa/inet.h>
#include <stdio.h>

#define VERSION_NATPMP 0
#define VERSION_PCP    2
#define RESPONSE       0x80

static uint16_t u16(struct slice s, size_t at)
{
	return (uint16_t)((uint8_t)s.ptr[at] << 8 | (uint8_t)s.ptr[at + 1]);
}

static uint32_t u32(struct slice s, size_t at)
{
	return (uint32_t)u16(s, at) << 16 | u16(s, at + 2);
}

/* RFC 6886 clause 3.5 */
static const char *natpmp_result(unsigned code)
{
	static const char *const names[] = {"ok",
					    "UnsupportedVersion",
					    "NotAuthorized",
					    "NetworkFailure",
					    "OutOfResources",
					    "UnsupportedOpcode"};

	return code < ARRAY_SIZE(names) ? names[code] : "?";
}

static const char *pcp_result(unsigned code)
{
	return code <= PCP_EXCESSIVE_REMOTE_PEERS ? pcp_result_name(code) : "?";
}

static void natpmp_reply(struct buf *text, struct slice s, unsigned opcode)
{
	char address[INET_ADDRSTRLEN];

	if (opcode == 0 && s.len >= 12) {
		inet_ntop(AF_INET, s.ptr + 8, address, sizeof(address));
		buf_printf(text, "NAT-PMP external address %s, epoch %u", address, u32(s, 4));
	} else if ((opcode == 1 || opcode == 2) && s.len >= 16) {
		buf_printf(text, "NAT-PMP %u/%s → :%u, %u s", u16(s, 10),
			   opcode == 1 ? "UDP" : "TCP", u16(s, 8), u32(s, 12));
	} else {
		buf_printf(text, "NAT-PMP reply to opcode %u", opcode);
	}
}

static void natpmp_request(struct buf *text, struct slice s, unsigned opcode)
{
	if (opcode == 0)
		buf_puts(text, "NAT-PMP external address");
	else if ((opcode == 1 || opcode == 2) && s.len >= 12)
		buf_printf(text, "NAT-PMP map %u/%s → :%u, %u s", u16(s, 6),
			   opcode == 1 ? "UDP" : "TCP", u16(s, 4), u32(s, 8));
	else
		buf_printf(text, "NAT-PMP opcode %u", opcode);
}

static void label_natpmp(struct flow_message *m, struct slice s)
{
	unsigned opcode = (uint8_t)s.ptr[1] & ~RESPONSE;
	struct buf text = {0};

	m->protocol = FLOW_NATPMP;
	m->is_reply = (uint8_t)s.ptr[1] & RESPONSE;
	m->is_error = m->is_reply && s.len >= 4 && u16(s, 2);
	if (m->is_error)
		buf_printf(&text, "NAT-PMP %u %s", u16(s, 2), natpmp_result(u16(s, 2)));
	else if (m->is_reply)
		natpmp_reply(&text, s, opcode);
	else
		natpmp_request(&text, s, opcode);
	label_set(m, &text);
}

static void pcp_address(struct buf *text, const char *address)
{
	static const char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (char)0xff, (char)0xff};
	char name[INET6_ADDRSTRLEN];

	if (memcmp(address, mapped, sizeof(mapped)) == 0) {
		buf_puts(text, inet_ntop(AF_INET, address + 12, name, sizeof(name)));
	} else {
		inet_ntop(AF_INET6, address, name, sizeof(name));
		buf_printf(text, "[%s]", name);
	}
}

static const char *protocol_name(uint8_t protocol, char out[8])
{
	if (protocol == IPPROTO_TCP)
		return "TCP";
	if (protocol == IPPROTO_UDP)
		return "UDP";
	if (protocol == 0)
		return "all";
	snprintf(out, 8, "%u", protocol);
	return out;
}

/* The part that MAP (RFC 6887 clause 11.1) and PEER (clause 12.1) share. */
static void pcp_mapping(struct buf *text, struct slice s, const char *name)
{
	char number[8];

	buf_printf(text, "PCP %s ", name);
	pcp_address(text, s.ptr + 44);
	buf_printf(text, ":%u/%s → :%u, %u s", u16(s, 42),
		   protocol_name((uint8_t)s.ptr[36], number), u16(s, 40), u32(s, 4));
}

static void label_pcp(struct flow_message *m, struct slice s)
{
	unsigned opcode = (uint8_t)s.ptr[1] & ~RESPONSE;
	unsigned result = s.len >= 4 ? (uint8_t)s.ptr[3] : 0;
	struct buf text = {0};

	m->protocol = FLOW_PCP;
	m->is_reply = (uint8_t)s.ptr[1] & RESPONSE;
	m->is_error = m->is_reply && result;
	if (m->is_error)
		buf_printf(&text, "PCP %u %s", result, pcp_result(result));
	else if ((opcode == 1 || opcode == 2) && s.len >= 60)
		pcp_mapping(&text, s, opcode == 1 ? "MAP" : "PEER");
	else if (opcode == 0)
		buf_puts(&text, "PCP ANNOUNCE");
	else
		buf_printf(&text, "PCP opcode %u", opcode);
	label_set(m, &text);
}

bool label_port_control(struct flow_message *m)
{
	struct slice s = buf_slice(&m->bytes);

	if (s.len < 2)
		return false;
	if (s.ptr[0] == VERSION_NATPMP)
		label_natpmp(m, s);
	else if (s.ptr[0] == VERSION_PCP)
		label_pcp(m, s);
	else
		return false;
	return true;
}
