/* SPDX-License-Identifier: MIT */
/* forward_table.h - table "ip fakeigd": its rules, and its elements one at a time. */
#ifndef FAKEIGD_FORWARD_TABLE_H
#define FAKEIGD_FORWARD_TABLE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct mnl_socket;
struct router;
struct mapping;

/**
 * struct forward_key - a mapping as an element of one of the maps
 * @map:	name of the map
 * @key, @key_len: protocol [. remote host] [. external port], each field 4 bytes
 * @data, @data_len: internal client [. internal port] . connection mark
 * @has_port:	the map knows ports (it is not of the wildcard external port)
 */
struct forward_key {
	const char *map;
	uint8_t key[12];
	uint32_t key_len;
	uint8_t data[12];
	uint32_t data_len;
	bool has_port;
};

/** forward_table_make() - the table with all its rules, in place of one that was left behind.
 * Return: 0 or -errno, then @what says what the kernel lacks. */
int forward_table_make(const struct router *r, const char **what);
int forward_table_delete(void);
/** forward_table_empty() - no element in any map. */
int forward_table_empty(void);
/** forward_table_gate() - whether packets come as far as the maps. */
int forward_table_gate(bool open);

/** forward_key_of() - the element for a mapping; @mark: of its connections. */
struct forward_key forward_key_of(const struct mapping *m, uint32_t mark);
int forward_element_add(struct mnl_socket *nl, const struct forward_key *k);
int forward_element_delete(struct mnl_socket *nl, const struct forward_key *k);
/** forward_element_get() - the element of that key. @mark: of its connections; @used: whether any
 * packet took it. Return: 0, -ENOENT, or another -errno. */
int forward_element_get(struct mnl_socket *nl, const struct forward_key *k, uint32_t *mark,
			bool *used);

#endif
