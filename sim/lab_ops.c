/* SPDX-License-Identifier: MIT */
/* lab_ops.c - the table of requests, and those that need no file of their own. */
#include "../fakeigd/base/mem.h"
#include "lab_init.h"
#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ------------------------------------------------------------ info */

static json_t *address_text(int family, const void *address)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family, address, text, sizeof(text));
	return json_string(text);
}

static json_t *port_info(struct lab_init *lab, size_t node, size_t index)
{
	static const char *const roles[] = {
		[PORT_HOST] = "host", [PORT_LAN] = "lan", [PORT_WAN] = "wan"};
	const struct port *port = &lab->topology->nodes[node].ports[index];
	const struct network *network = &lab->topology->networks[port->network];
	json_t *out =
		json_pack("{s:s, s:s, s:s, s:i}", "ifname", port->ifname, "network", network->name,
			  "role", roles[port->role], "index", lab->nodes[node].index[index]);
	char text[18];
	uint8_t mac[6];

	if (port->interface[0]) {
		json_object_set_new(out, "interface", json_string(port->interface));
	} else {
		lab_mac(mac, port->network, node, index);
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
			 mac[2], mac[3], mac[4], mac[5]);
		json_object_set_new(out, "mac", json_string(text));
	}
	if (port->address.s_addr) {
		json_object_set_new(out, "address", address_text(AF_INET, &port->address));
		json_object_set_new(out, "prefix", json_integer(network->prefix));
	}
	if (!IN6_IS_ADDR_UNSPECIFIED(&port->address6))
		json_object_set_new(out, "address6", address_text(AF_INET6, &port->address6));
	if (network->prefix6 && !port->interface[0]) {
		struct in6_addr local = lab_link_local(mac);

		json_object_set_new(out, "link_local", address_text(AF_INET6, &local));
		json_object_set_new(out, "prefix6", json_integer(network->prefix6));
	}
	return out;
}

static json_t *node_info(struct lab_init *lab, size_t index)
{
	const struct lab_node *running = &lab->nodes[index];
	const struct node *node = running->node;
	json_t *out = json_pack("{s:s}", "kind", node->kind == NODE_ROUTER ? "router" : "host");
	json_t *ports = json_array(), *quirks;

	for (size_t i = 0; i < node->port_count; i++)
		json_array_append_new(ports, port_info(lab, index, i));
	json_object_set_new(out, "ports", ports);
	if (node->gateway >= 0)
		json_object_set_new(out, "gateway",
				    json_string(lab->topology->nodes[node->gateway].name));
	if (running->outside)
		json_object_set_new(out, "physical", json_true());
	if (node->daemon)
		json_object_set_new(out, "daemon", json_string(node->daemon));
	if (running->igd.pid)
		json_object_set_new(out, "pid", json_integer(running->igd.pid));
	if (running->igd.died)
		json_object_set_new(out, "died", json_string(running->igd.died));
	if (!node->igd)
		return out;
	quirks = json_array();
	for (size_t i = 0; i < node->quirk_count; i++)
		json_array_append_new(quirks, json_string(node->quirks[i]));
	json_object_set_new(out, "profile", json_string(node->igd));
	json_object_set_new(out, "quirks", quirks);
	return out;
}

static json_t *network_info(struct lab_init *lab, size_t index)
{
	const struct network *network = &lab->topology->networks[index];
	json_t *out = json_pack("{s:b}", "bridge", lab->segments[index].bridge != 0);

	if (network->has_subnet) {
		json_object_set_new(out, "subnet", address_text(AF_INET, &network->subnet));
		json_object_set_new(out, "prefix", json_integer(network->prefix));
	}
	if (network->prefix6) {
		json_object_set_new(out, "subnet6", address_text(AF_INET6, &network->subnet6));
		json_object_set_new(out, "prefix6", json_integer(network->prefix6));
	}
	return out;
}

static json_t *node_name(const struct topology *t, int index)
{
	return index < 0 ? json_null() : json_string(t->nodes[index].name);
}

json_t *lab_info(struct lab_init *lab)
{
	const struct topology *t = lab->topology;
	const char *name = lab->options->name;
	json_t *networks = json_object(), *nodes = json_object();
	json_t *out;
	int programs = 0;

	for (size_t i = 0; i < t->network_count; i++)
		json_object_set_new(networks, t->networks[i].name, network_info(lab, i));
	for (size_t i = 0; i < t->node_count; i++)
		json_object_set_new(nodes, t->nodes[i].name, node_info(lab, i));
	for (const struct program *p = lab->programs; p; p = p->next)
		programs++;
	out = json_pack("{s:o, s:i, s:s, s:s?, s:i, s:b, s:o, s:o, s:o, s:o, s:{s:b, s:b}}", "lab",
			name ? json_string(name) : json_null(), "pid", (int)lab->pid, "topology",
			t->name, "evidence", lab->options->evidence, "programs", programs, "root",
			lab->every_id, "networks", networks, "nodes", nodes, "client",
			node_name(t, topology_client(t)), "outermost",
			node_name(t, topology_outermost(t)), "features", "user_namespace",
			lab->user_namespace, "private_proc", lab->private_proc);
	json_object_set_new(out, "attached", json_boolean(!lab->options->detached));
	return out;
}

static void op_info(struct lab_init *lab, struct request *rq)
{
	request_reply(rq, lab_info(lab), -1);
}

/* ------------------------------------------------------------ socket */

/** struct word - a name in a request and the number behind it */
struct word {
	const char *name;
	int value;
};

static const struct word domains[] = {
	{"inet", AF_INET}, {"inet6", AF_INET6}, {"packet", AF_PACKET}, {"netlink", AF_NETLINK}};
static const struct word types[] = {
	{"stream", SOCK_STREAM}, {"dgram", SOCK_DGRAM}, {"raw", SOCK_RAW}};

/* The number of a member that is one of @words; answers when it is none. */
static bool choose(struct request *rq, const char *key, const struct word *words, size_t count,
		   int *out)
{
	const char *text = NULL, *names[8];

	if (!request_string(rq, key, true, &text))
		return false;
	for (size_t i = 0; i < count; i++) {
		names[i] = words[i].name;
		if (!strcmp(text, words[i].name)) {
			*out = words[i].value;
			return true;
		}
	}
	request_unknown(rq, key, text, names, count);
	return false;
}

static void op_socket(struct lab_init *lab, struct request *rq)
{
	struct lab_node *node = request_node(rq);
	int64_t protocol = 0;
	int domain, type, fd, error;

	if (!node || !choose(rq, "domain", domains, ARRAY_SIZE(domains), &domain) ||
	    !choose(rq, "type", types, ARRAY_SIZE(types), &type) ||
	    !request_integer(rq, "protocol", false, 0, 0xffff, &protocol))
		return;
	if (domain == AF_PACKET)
		protocol = htons((uint16_t)protocol);
	error = lab_enter(lab, node);
	fd = error ? -1 : socket(domain, type | SOCK_CLOEXEC, (int)protocol);
	if (fd < 0)
		error = -errno;
	lab_enter(lab, NULL);
	if (error)
		request_fail(rq, "socket in node %s: %s", node->node->name, strerror(-error));
	else
		request_reply(rq, NULL, fd);
}

/* ------------------------------------------------------------ link, down */

static void op_link(struct lab_init *lab, struct request *rq)
{
	struct lab_node *node = request_node(rq);
	const char *ifname = NULL, *names[TOPOLOGY_PORTS_MAX];
	bool up = true;
	int error;

	if (!node || !request_string(rq, "ifname", true, &ifname) ||
	    !request_bool(rq, "up", true, &up))
		return;
	for (size_t p = 0; p < node->node->port_count; p++) {
		names[p] = node->node->ports[p].ifname;
		if (strcmp(names[p], ifname))
			continue;
		error = lab_link_set(lab, node, p, up);
		if (error)
			request_fail(rq, "%s of node %s: %s", ifname, node->node->name,
				     link_error(error));
		else
			request_reply(rq, NULL, -1);
		return;
	}
	request_unknown(rq, "interface", ifname, names, node->node->port_count);
}

/* Requests are answered one after the other, and a descriptor is closed here once it is sent. */
static void op_ping(struct lab_init *lab, struct request *rq)
{
	(void)lab;
	request_reply(rq, NULL, -1);
}

static void op_down(struct lab_init *lab, struct request *rq)
{
	(void)lab;
	request_reply(rq, NULL, -1);
	/* The connection closes when nothing is left that could be seen. */
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	_exit(0);
}

const struct lab_op lab_ops[] = {
	{"info", {NULL}, op_info},
	{"ping", {NULL}, op_ping},
	{"socket", {"node", "domain", "type", "protocol", NULL}, op_socket},
	{"exec", {"node", "argv", "env", "cwd", "tty", NULL}, lab_op_exec},
	{"kill", {"pid", "signal", "group", NULL}, lab_op_kill},
	{"router", {"node", "request", NULL}, lab_op_router},
	{"state", {"node", NULL}, lab_op_state},
	{"advance", {"seconds", NULL}, lab_op_advance},
	{"reset", {NULL}, lab_op_reset},
	{"link", {"node", "ifname", "up", NULL}, op_link},
	{"sync", {NULL}, lab_op_sync},
	{"finish", {NULL}, lab_op_finish},
	{"down", {NULL}, op_down},
};
const size_t lab_op_count = ARRAY_SIZE(lab_ops);
