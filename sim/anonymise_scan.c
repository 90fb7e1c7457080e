/* SPDX-License-Identifier: MIT */
/*
 * anonymise_scan.c - addresses, MACs and UUIDs in text, and what stands for them.
 *
 * Theory of operation
 *
 * The text is read once; where no letter or digit goes before, each pattern is tried: a UUID in its
 * canonical form (RFC 9562 clause 4), a MAC with colons or dashes, IPv6 (RFC 4291 clause 2.2),
 * IPv4, and runs of 12 or 32 hexadecimal digits that are a MAC or UUID already known with
 * separators. Each value gets its replacement when it is first seen. Replacements lie in ranges
 * that are never replaced themselves (RFC 5737, RFC 3849, locally administered MACs), so that a
 * second run finds nothing. They are as long as the original where a range has such a text.
 */
#include "anonymise_parts.h"

#include "../fakeigd/base/mem.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- pairs ---- */

static const uint8_t *pairs_find(const struct pairs *p, const uint8_t *from, size_t len)
{
	for (size_t i = 0; i < p->count; i++) {
		if (!memcmp(p->items[i].from, from, len))
			return p->items[i].to;
	}
	return NULL;
}

static void pairs_add(struct pairs *p, const uint8_t *from, const uint8_t *to, size_t len)
{
	if ((p->count & (p->count - 1)) == 0)
		p->items = xrealloc(p->items, (p->count ? p->count * 2 : 1) * sizeof(*p->items));
	memset(&p->items[p->count], 0, sizeof(*p->items));
	memcpy(p->items[p->count].from, from, len);
	memcpy(p->items[p->count].to, to, len);
	p->count++;
}

void anonymiser_free(struct anonymiser *a)
{
	struct pairs *all[] = {&a->ipv4, &a->prefixes, &a->hosts6, &a->ipv6, &a->macs, &a->uuids};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		free(all[i]->items);
	substitutions_free(&a->words);
	substitutions_free(&a->texts);
	*a = (struct anonymiser){0};
}

/* ---- IPv4 ---- */

/* Ranges that tell nothing about anybody (RFC 6890), but 100.64.0.0/10, which an ISP assigns. */
static bool is_public4(const uint8_t a[4])
{
	static const struct {
		uint32_t net, mask;
	} special[] = {
		{0x00000000, 0xff000000}, {0x0a000000, 0xff000000}, {0x7f000000, 0xff000000},
		{0xa9fe0000, 0xffff0000}, {0xac100000, 0xfff00000}, {0xc0000000, 0xffffff00},
		{0xc0000200, 0xffffff00}, {0xc0a80000, 0xffff0000}, {0xc6120000, 0xfffe0000},
		{0xc6336400, 0xffffff00}, {0xcb007100, 0xffffff00}, {0xe0000000, 0xe0000000},
	};
	uint32_t address = (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];

	for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
		if ((address & special[i].mask) == special[i].net)
			return false;
	}
	return true;
}

static size_t decimal_len(unsigned value)
{
	return value > 99 ? 3 : value > 9 ? 2 : 1;
}

static size_t text_len4(const uint8_t a[4])
{
	return decimal_len(a[0]) + decimal_len(a[1]) + decimal_len(a[2]) + decimal_len(a[3]) + 3;
}

/* One as long as @len, else the first that is free, else the last of all. */
static void choose4(struct anonymiser *a, size_t len, uint8_t out[4])
{
	static const uint8_t nets[2][3] = {{198, 51, 100}, {203, 0, 113}};

	for (int exact = 1; exact >= 0; exact--) {
		for (unsigned i = 0; i < 512; i++) {
			unsigned net = i < 256, host = i % 256; /* 203.0.113 first */
			size_t slot = net * 256 + host;

			memcpy(out, nets[net], 3);
			out[3] = (uint8_t)host;
			if (host == 0 || host == 255 || a->taken4[slot] ||
			    (exact && text_len4(out) != len))
				continue;
			a->taken4[slot] = true;
			return;
		}
	}
	memcpy(out, (const uint8_t[]){198, 51, 100, 254}, 4);
}

static bool stays4(const struct anonymiser *a, const uint8_t address[4])
{
	for (size_t i = 0; i < a->keep_count; i++)
		if (!memcmp(&a->keep[i], address, 4))
			return true;
	return !is_public4(address);
}

bool anonymise_ipv4(struct anonymiser *a, uint8_t address[4])
{
	const uint8_t *known = pairs_find(&a->ipv4, address, 4);
	uint8_t to[4];

	if (stays4(a, address))
		return false;
	if (!known) {
		choose4(a, text_len4(address), to);
		pairs_add(&a->ipv4, address, to, 4);
		known = to;
	}
	memcpy(address, known, 4);
	return true;
}

/* ---- MAC ---- */

static bool is_anonymous_mac(const uint8_t mac[6])
{
	static const uint8_t ours[] = {2, 0, 0, 0}, zero[6] = {0};

	return (mac[0] & 1) || !memcmp(mac, ours, sizeof(ours)) || !memcmp(mac, zero, 6);
}

static bool anonymise_mac(struct anonymiser *a, uint8_t mac[6])
{
	const uint8_t *known = pairs_find(&a->macs, mac, 6);
	size_t number = a->macs.count + 1;
	uint8_t to[6] = {2, 0, 0, 0, (uint8_t)(number >> 8), (uint8_t)number};

	if (is_anonymous_mac(mac))
		return false;
	if (!known) {
		pairs_add(&a->macs, mac, to, 6);
		known = to;
	}
	memcpy(mac, known, 6);
	return true;
}

/* ---- IPv6 ---- */

/* A MAC inside an interface identifier (RFC 4291 appendix A). */
static bool anonymise_eui(struct anonymiser *a, uint8_t id[8])
{
	uint8_t mac[6] = {id[0] ^ 2, id[1], id[2], id[5], id[6], id[7]};

	if (id[3] != 0xff || id[4] != 0xfe || !anonymise_mac(a, mac))
		return false;
	id[0] = mac[0] ^ 2;
	memcpy(id + 1, mac + 1, 2);
	memcpy(id + 5, mac + 3, 3);
	return true;
}

static void counted(struct pairs *pairs, uint8_t *bytes, size_t len, const uint8_t *start,
		    size_t start_len)
{
	const uint8_t *known = pairs_find(pairs, bytes, len);
	size_t number = pairs->count + 1;
	uint8_t to[PAIR_BYTES] = {0};

	if (!known) {
		if (start_len)
			memcpy(to, start, start_len);
		to[len - 1] = (uint8_t)number;
		to[len - 2] = (uint8_t)(number >> 8);
		pairs_add(pairs, bytes, to, len);
		known = to;
	}
	memcpy(bytes, known, len);
}

bool anonymise_ipv6(struct anonymiser *a, uint8_t address[16])
{
	static const uint8_t documentation[] = {0x20, 0x01, 0x0d, 0xb8};
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	uint8_t before[16];

	memcpy(before, address, 16);
	if (!memcmp(address, mapped, sizeof(mapped)))
		return anonymise_ipv4(a, address + 12);
	if ((address[0] & 0xe0) != 0x20) /* not global unicast; ff00::/8 has no station in it */
		return address[0] != 0xff && anonymise_eui(a, address + 8);
	if (!memcmp(address, documentation, sizeof(documentation)))
		return false;
	counted(&a->prefixes, address, 8, documentation, sizeof(documentation));
	if (!anonymise_eui(a, address + 8))
		counted(&a->hosts6, address + 8, 8, NULL, 0);
	if (!pairs_find(&a->ipv6, before, 16))
		pairs_add(&a->ipv6, before, address, 16);
	return true;
}

/* ---- patterns ---- */

static bool is_hex(char c)
{
	return isxdigit((unsigned char)c);
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c);
}

static uint8_t nibble(char c)
{
	return (uint8_t)(isdigit((unsigned char)c) ? c - '0'
						   : tolower((unsigned char)c) - 'a' + 10);
}

/* Hexadecimal digits at the front with @separators between (a dash at the places of a UUID, or the
 * same character after every two). Return: how many characters it took, 0 = it is something else.
 */
static size_t hex_bytes(struct slice s, uint8_t *out, size_t count, const char *gaps)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		if (at + 2 > s.len || !is_hex(s.ptr[at]) || !is_hex(s.ptr[at + 1]))
			return 0;
		out[i] = (uint8_t)(nibble(s.ptr[at]) << 4 | nibble(s.ptr[at + 1]));
		at += 2;
		if (gaps[i] == '.')
			continue;
		if (at == s.len || s.ptr[at] != gaps[i])
			return 0;
		at++;
	}
	return at < s.len && is_word(s.ptr[at]) ? 0 : at;
}

/* Write bytes as the original had them: its separators, its case. */
static void put_like(struct buf *out, const uint8_t *bytes, size_t count, const char *gaps,
		     struct slice original)
{
	bool upper = false;

	for (size_t i = 0; i < original.len; i++)
		upper = upper || isupper((unsigned char)original.ptr[i]);
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, upper ? "%02X" : "%02x", bytes[i]);
		if (gaps[i] != '.')
			buf_putc(out, gaps[i]);
	}
}

#define UUID_GAPS "...-.-.-.-......"
#define UUID_BARE "................"
#define MAC_COLON ":::::."
#define MAC_DASH  "-----."
#define MAC_BARE  "......"

/* 00000000-0000-4000-8000- and a number: version 4 in form, and nobody's. */
static bool anonymise_uuid(struct anonymiser *a, uint8_t uuid[16])
{
	static const uint8_t ours[] = {0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0}, zero[16] = {0};
	const uint8_t *known = pairs_find(&a->uuids, uuid, 16);
	size_t number = a->uuids.count + 1;
	uint8_t to[16] = {0};

	if (!memcmp(uuid, ours, sizeof(ours)) || !memcmp(uuid, zero, 16))
		return false;
	if (!known) {
		memcpy(to, ours, sizeof(ours));
		to[13] = (uint8_t)(number >> 16);
		to[14] = (uint8_t)(number >> 8);
		to[15] = (uint8_t)number;
		pairs_add(&a->uuids, uuid, to, 16);
		known = to;
	}
	memcpy(uuid, known, 16);
	return true;
}

static size_t try_uuid(struct anonymiser *a, struct slice s, struct buf *out)
{
	uint8_t uuid[16];
	size_t len = hex_bytes(s, uuid, 16, UUID_GAPS);
	bool bare = !len && (len = hex_bytes(s, uuid, 16, UUID_BARE)) != 0;

	if (!len || (bare && !pairs_find(&a->uuids, uuid, 16)) || !anonymise_uuid(a, uuid))
		return 0;
	put_like(out, uuid, 16, bare ? UUID_BARE : UUID_GAPS, (struct slice){s.ptr, len});
	return len;
}

static size_t try_mac(struct anonymiser *a, struct slice s, struct buf *out)
{
	static const char *const forms[] = {MAC_COLON, MAC_DASH, MAC_BARE};
	uint8_t mac[6];

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t len = hex_bytes(s, mac, 6, forms[i]);

		if (!len || (forms[i][0] == '.' && !pairs_find(&a->macs, mac, 6)))
			continue;
		if (len < s.len && s.ptr[len] == forms[i][0]) /* goes on: no MAC */
			continue;
		if (!anonymise_mac(a, mac))
			return 0;
		put_like(out, mac, 6, forms[i], (struct slice){s.ptr, len});
		return len;
	}
	return 0;
}

static size_t try_ipv6(struct anonymiser *a, struct slice s, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t address[16];
	size_t len = 0;

	while (len < s.len && len < sizeof(text) - 1 &&
	       (is_hex(s.ptr[len]) || s.ptr[len] == ':' || s.ptr[len] == '.'))
		len++;
	while (len && s.ptr[len - 1] == '.') /* end of a sentence */
		len--;
	if (len < 3 || (len < s.len && is_word(s.ptr[len])))
		return 0;
	memcpy(text, s.ptr, len);
	text[len] = '\0';
	if (!strchr(text, ':') || inet_pton(AF_INET6, text, address) != 1)
		return 0;
	if (anonymise_ipv6(a, address))
		inet_ntop(AF_INET6, address, text, sizeof(text));
	buf_puts(out, text); /* also when it stays: nothing is looked for inside of it */
	return len;
}

/* "Linux/2.6.18.8" is a version: a product token (RFC 9110 clause 10.2.4), and in no URL. */
static bool is_version(struct slice in, size_t at)
{
	size_t start = at;

	if (at < 2 || in.ptr[at - 1] != '/' || !isalpha((unsigned char)in.ptr[at - 2]))
		return false;
	while (start && !isspace((unsigned char)in.ptr[start - 1]))
		start--;
	return memmem(in.ptr + start, at - start, "://", 3) == NULL;
}

static size_t try_ipv4(struct anonymiser *a, struct slice in, size_t at, struct buf *out)
{
	uint8_t address[4];
	size_t pos = at;

	for (int i = 0; i < 4; i++) {
		size_t start = pos;
		uint64_t part;

		while (pos < in.len && pos < start + 4 && isdigit((unsigned char)in.ptr[pos]))
			pos++;
		if (!slice_number((struct slice){in.ptr + start, pos - start}, 255, &part))
			return 0;
		address[i] = (uint8_t)part;
		if (i < 3 && (pos == in.len || in.ptr[pos++] != '.'))
			return 0;
	}
	if (pos < in.len && (is_word(in.ptr[pos]) ||
			     (in.ptr[pos] == '.' && pos + 1 < in.len && is_word(in.ptr[pos + 1]) &&
			      isdigit((unsigned char)in.ptr[pos + 1]))))
		return 0;
	if (is_version(in, at) || !anonymise_ipv4(a, address))
		return 0;
	buf_printf(out, "%u.%u.%u.%u", address[0], address[1], address[2], address[3]);
	return pos - at;
}

/* Whether a pattern may begin at @at: nothing of the kind goes before it. */
static bool may_begin(struct slice in, size_t at)
{
	char before = at ? in.ptr[at - 1] : ' ';

	if (is_word(before))
		return false;
	return before != '.' || at < 2 || !isdigit((unsigned char)in.ptr[at - 2]);
}

/* Whether two digits and a separator go before: @at is in the middle of something longer. */
static bool is_inside(struct slice in, size_t at)
{
	return at > 2 && (in.ptr[at - 1] == ':' || in.ptr[at - 1] == '-') &&
	       is_hex(in.ptr[at - 2]) && is_hex(in.ptr[at - 3]) &&
	       (at == 3 || !is_word(in.ptr[at - 4]));
}

static size_t try_all(struct anonymiser *a, struct slice in, size_t at, struct buf *out)
{
	struct slice rest = {in.ptr + at, in.len - at};
	size_t len = 0;

	if (is_hex(*rest.ptr)) {
		len = try_uuid(a, rest, out);
		if (!len && !is_inside(in, at))
			len = try_mac(a, rest, out);
	}
	if (!len && isdigit((unsigned char)*rest.ptr))
		len = try_ipv4(a, in, at, out);
	return len ? len : try_ipv6(a, rest, out);
}

void anonymise_patterns(struct anonymiser *a, struct slice in, struct buf *out)
{
	size_t plain = 0;

	for (size_t at = 0; at < in.len;) {
		size_t len = 0;
		struct buf replacement = {0};

		if ((is_hex(in.ptr[at]) || in.ptr[at] == ':') && may_begin(in, at))
			len = try_all(a, in, at, &replacement);
		if (len) {
			buf_add(out, in.ptr + plain, at - plain);
			buf_add_slice(out, buf_slice(&replacement));
			plain = at + len;
		}
		buf_free(&replacement);
		at += len ? len : 1;
	}
	if (in.len > plain)
		buf_add(out, in.ptr + plain, in.len - plain);
}

void anonymise_text(struct anonymiser *a, struct slice in, struct buf *out)
{
	struct buf texts = {0}, words = {0};

	anonymise_descriptions(a, in, &texts);
	substitutions_apply(&a->words, buf_slice(&texts), &words);
	anonymise_patterns(a, buf_slice(&words), out);
	buf_free(&texts);
	buf_free(&words);
}
