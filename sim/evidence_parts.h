/* SPDX-License-Identifier: MIT */
/* evidence_parts.h - shared by the files of evidence: the capture in memory, nodes, comments. */
#ifndef SIM_EVIDENCE_PARTS_H
#define SIM_EVIDENCE_PARTS_H

#include "evidence.h"
#include "flow.h"
#include "ladder.h"
#include "pcapng.h"

#include <jansson.h>

/**
 * struct evidence_packet - a packet of the capture, in order of time
 * @to:		node that its destination station belongs to, -1 = none or a group
 * @from:	the same of its source
 * @comment:	lines of the journals about it
 */
struct evidence_packet {
	struct pcapng_packet packet;
	int from, to;
	struct buf comment;
};

/**
 * struct evidence - everything about one directory while it is finished
 * @path, @dir:	its name and descriptor
 * @map, @map_len: capture.pcapng
 * @reader:	has the interfaces
 * @packets, @count: sorted
 * @statistics, @statistics_count: in the capture's order
 * @nodes, @node_count: columns of the picture, in its order
 * @topology, @command, @verdict: of lab.json and run.json, or NULL
 */
struct evidence {
	const char *path;
	int dir;
	struct diag *diag;
	void *map;
	size_t map_len;
	struct pcapng_reader reader;
	struct evidence_packet *packets;
	size_t count;
	struct pcapng_statistics *statistics;
	size_t statistics_count;
	struct ladder_node *nodes;
	size_t node_count;
	char *topology;
	char *command;
	char *verdict;
	bool failed;
	struct flow *flow;
};

/** evidence_nodes() - the lab's nodes; without lab.json none. */
void evidence_nodes(struct evidence *e);
/** evidence_strangers() - columns for bare addresses, when there is no lab.json. */
void evidence_strangers(struct evidence *e);
void evidence_nodes_free(struct evidence *e);
/** evidence_run() - command and verdict of run.json, when there is one. */
void evidence_run(struct evidence *e);
/** evidence_comments() - lines of all journals to the packets that they are about. */
void evidence_comments(struct evidence *e);
/** evidence_load() - a JSON file of the directory; NULL when it is not there (or bad: complaint).
 */
json_t *evidence_load(struct evidence *e, const char *name);

#endif
