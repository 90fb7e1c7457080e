/* SPDX-License-Identifier: MIT */
/*
 * fuzz_topology.c - any text as a topology: refused with a complaint, or one that holds together
 * and can be drawn.
 *
 * links: sim
 */
#include "fuzz.h"

#include "../../sim/draw.h"
#include "../../sim/effect.h"

/* What everybody who gets a topology relies on. */
static void check_node(const struct topology *t, const struct node *node)
{
	require(*node->name && node->port_count <= TOPOLOGY_PORTS_MAX);
	require(node->gateway >= -1 && node->gateway < (int)t->node_count);
	require(node->gateway < 0 || t->nodes[node->gateway].kind == NODE_ROUTER);
	require(node->port_count > 0);
	for (size_t i = 0; i < node->port_count; i++) {
		require(node->ports[i].network < t->network_count);
		require(*node->ports[i].ifname);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct diag d = {0};
	struct buf out = {0};
	struct topology *t = topology_load_text((const char *)bytes, len, "f", &d);

	require(t ? !d.errors : d.errors > 0);
	if (t) {
		require(t->network_count && t->node_count);
		for (size_t i = 0; i < t->node_count; i++) {
			check_node(t, &t->nodes[i]);
			effect_faces_peer(t, i);
		}
		require(topology_client(t) < (int)t->node_count);
		topology_outermost(t);
		draw_tree(t, &out);
		draw_table(t, &out);
	}
	buf_free(&out);
	topology_free(t);
	diag_free(&d);
	return 0;
}
