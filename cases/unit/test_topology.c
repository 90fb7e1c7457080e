/* SPDX-License-Identifier: MIT */
/*
 * test_topology.c - reading topology files: what is refused with which words, and what comes out.
 *
 * links: sim
 */
#include "../../sim/draw.h"
#include "../../sim/topology.h"
#include "../../sim/tree.h"
#include "unit.h"

#include <arpa/inet.h>

#define NETWORKS "networks:\n  home: {subnet: 192.168.1.0/24}\n  internet: {subnet: 44.0.1.0/24}\n"
#define CLIENT	 "  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r1}\n"
#define ROUTER	 "  r1: {kind: router, lan: {home: 192.168.1.1}, wan: {internet: 44.0.1.2}}\n"

/* With IPv6; what else is said of the home network and of the router. */
#define SIX(home, router)                                                                          \
	"networks:\n"                                                                              \
	"  home: {subnet6: \"2a0e:b107:1:1::/64\",\n"                                              \
	"    " home "}\n"                                                                          \
	"  internet: {subnet6: \"2a0e:b107:1:2::/64\"}\n"                                          \
	"nodes:\n"                                                                                 \
	"  client: {kind: host, attach: {home: \"2a0e:b107:1:1::4\"}, gateway: r1}\n"              \
	"  r1: {kind: router, lan: {home: \"2a0e:b107:1:1::1\"}, router_advertisement: true, "     \
	"wan: "                                                                                    \
	"{internet: \"2a0e:b107:1:2::2\"}" router "}\n"

/* A topology that is refused, and every complaint about it. */
static const struct {
	const char *name;
	const char *text;
	const char *complaints;
} malformed[] = {
	{"an empty file", "", "t.yaml:1: the file is empty\n"},
	{"a list", "[]\n", "t.yaml:1: expected a mapping (key: value), found a list\n"},
	{"not YAML", "networks: {home: \n",
	 "t.yaml:2: not YAML: did not find expected node content, while parsing a flow node\n"},
	{"two documents",
	 NETWORKS "nodes:\n" CLIENT ROUTER "---\n"
		  "summary: second\n",
	 "t.yaml:7: a second document starts here; one file holds one\n"},
	{"an alias",
	 "summary: &a x\n"
	 "networks: *a\n",
	 "t.yaml:1: anchors (&name) and tags (!name) are not allowed\n"},
	{"no networks", "nodes: {a: {kind: host}}\n",
	 "t.yaml:1: networks: missing; expected {NAME: {subnet: 192.168.1.0/24}, ...}\n"},
	{"networks empty",
	 "networks: {}\n"
	 "nodes: {}\n",
	 "t.yaml:1: networks: is empty; expected {NAME: {subnet: 192.168.1.0/24}, ...}\n"},
	{"networks a list", "networks: [home]\n",
	 "t.yaml:1: networks: expected a mapping (key: value), found a list\n"},
	{"no nodes", NETWORKS,
	 "t.yaml:1: nodes: missing; expected {NAME: {kind: host, attach: {NETWORK: ADDRESS}}, "
	 "...}\n"},
	{"unknown section", "network: {}\n" NETWORKS "nodes:\n" CLIENT ROUTER,
	 "t.yaml:1: unknown key \"network\"; did you mean \"networks\"?\n"},
	{"a network twice",
	 "networks:\n"
	 "  home: {subnet: 10.0.0.0/8}\n"
	 "  home: {subnet: 10.0.0.0/8}\n",
	 "t.yaml:3: key \"home\" occurs twice (first at line 2)\n"},
	{"network without subnet",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {mtu: 1400}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: network \"x\": expected subnet, subnet6 or both\n"},
	{"network name too long",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  a-very-long-network: {subnet: 10.0.0.0/8}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: network \"a-very-long-network\": names have at most 15 characters, this one "
	 "has 19\n"},
	{"network name in capitals",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  Floor: {subnet: 10.0.0.0/8}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: network \"Floor\": names are made of a-z, 0-9 and -, and start with a "
	 "letter\n"},
	{"network name with a hyphen at its end",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  floor-: {subnet: 10.0.0.0/8}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: network \"floor-\": names are made of a-z, 0-9 and -, and start with a "
	 "letter\n"},
	{"what clients have to achieve",
	 "client: {must: maped, why: x}\n" NETWORKS "nodes:\n" CLIENT ROUTER,
	 "t.yaml:1: unknown key \"why\"; expected one of: must, note\n"},
	{"a word for it that there is not",
	 "client: {must: maped}\n" NETWORKS "nodes:\n" CLIENT ROUTER,
	 "t.yaml:1: unknown must \"maped\"; did you mean \"mapped\"?\n"},
	{"what clients have to achieve, without a word",
	 "client: {note: x}\n" NETWORKS "nodes:\n" CLIENT ROUTER,
	 "t.yaml:1: client: \"must\" is missing\n"},
	{"unknown key of a network",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {subnett: 10.0.0.0/8}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: unknown key \"subnett\"; did you mean \"subnet\"?\n"},
	{"subnet without prefix",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {subnet: 10.0.0.0}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: subnet: expected an IPv4 subnet such as 192.168.1.0/24 (prefix 1 to 30), found "
	 "\"10.0.0.0\"\n"},
	{"subnet with host bits",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {subnet: 10.0.0.7/24}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: subnet: \"10.0.0.7/24\" is an address inside a subnet; the subnet is "
	 "10.0.0.0/24\n"},
	{"prefix too long",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {subnet: 10.0.0.0/31}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: subnet: expected an IPv4 subnet such as 192.168.1.0/24 (prefix 1 to 30), found "
	 "\"10.0.0.0/31\"\n"},
	{"subnet a mapping",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {subnet: {a: 1}}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: subnet: expected an IPv4 subnet such as 192.168.1.0/24 (prefix 1 to 30), found "
	 "something else\n"},
	{"IPv6 in subnet",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {subnet: \"2a0e:b107::/64\"}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: subnet: expected an IPv4 subnet such as 192.168.1.0/24 (prefix 1 to 30), found "
	 "\"2a0e:b107::/64\"\n"},
	{"IPv6 subnet with host bits",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {subnet6: \"2a0e:b107::1/64\"}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: subnet6: \"2a0e:b107::1/64\" is an address inside a subnet; the subnet is "
	 "2a0e:b107::/64\n"},
	{"nobody on a network",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {subnet: 10.0.0.0/8}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: network \"x\": nobody is attached to it\n"},
	{"delay without unit that exists",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {subnet: 10.0.0.0/8, delay: 3 parsecs}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: delay: expected a duration such as 250ms, 1.5s, 2m, 1h or 7d, found \"3 "
	 "parsecs\"\n"},
	{"jitter larger than delay",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {subnet: 10.0.0.0/8, delay: 1ms, jitter: 2ms}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: jitter: is larger than the delay that it varies\n"},
	{"loss over one",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {subnet: 10.0.0.0/8, loss: 150%}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: loss: expected a probability such as 0.05 or 5%, found \"150%\"\n"},
	{"reordering without delay",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {subnet: 10.0.0.0/8, reorder: 0.1}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: reorder: needs a delay, which the packets that overtake do not wait for\n"},
	{"rate of nothing",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {subnet: 10.0.0.0/8, rate: 0}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: rate: expected bits per second such as 512kbit, 10mbit or 1gbit (1kbit to "
	 "100gbit), found \"0\"\n"},
	{"MTU below the smallest",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {subnet: 10.0.0.0/8, mtu: 20}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: mtu: expected a whole number from 68 to 65535, found \"20\"\n"},
	{"multicast maybe",
	 "networks:\n"
	 "  home: {subnet: 192.168.1.0/24}\n"
	 "  x: {subnet: 10.0.0.0/8, multicast: dropp}\n"
	 "nodes:\n"
	 "  a: {kind: host, attach: {home: 192.168.1.4}}\n",
	 "t.yaml:3: unknown multicast \"dropp\"; did you mean \"drop\"?\n"},
	{"node without kind",
	 NETWORKS "nodes:\n"
		  "  client: {attach: {home: 192.168.1.4}}\n" ROUTER,
	 "t.yaml:5: node \"client\": kind missing; expected host or router\n"},
	{"kind that does not exist",
	 NETWORKS "nodes:\n"
		  "  client: {kind: rooter}\n" ROUTER,
	 "t.yaml:5: unknown kind \"rooter\"; did you mean \"router\"?\n"},
	{"node that is a word",
	 NETWORKS "nodes:\n"
		  "  client: host\n" ROUTER,
	 "t.yaml:5: client: expected a mapping (key: value), found a value\n"},
	{"host with a LAN",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, lan: {home: 192.168.1.4}}\n" ROUTER,
	 "t.yaml:5: node \"client\": lan is for routers, this is a host (which has attach)\n"},
	{"router attached",
	 NETWORKS "nodes:\n"
		  "  r2: {kind: router, attach: {home: 192.168.1.2}}\n" ROUTER,
	 "t.yaml:5: node \"r2\": attach is for hosts, this is a router (which has lan and wan)\n"},
	{"unknown key of a host",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, atach: {home: 192.168.1.4}}\n" ROUTER,
	 "t.yaml:5: unknown key \"atach\"; did you mean \"attach\"?\n"},
	{"host on no network",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, attach: {}}\n" ROUTER,
	 "t.yaml:5: node \"client\": is on no network\n"},
	{"network that does not exist",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, attach: {hom: 192.168.1.4}}\n" ROUTER,
	 "t.yaml:5: unknown network \"hom\"; did you mean \"home\"?\n"},
	{"address that is none",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, attach: {home: 192.168.1}}\n" ROUTER,
	 "t.yaml:5: home: expected an IPv4 address such as 192.168.1.1, found \"192.168.1\"\n"},
	{"two addresses of one family",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, attach: {home: [192.168.1.4, 192.168.1.5]}}\n" ROUTER,
	 "t.yaml:5: a port has one IPv4 and one IPv6 address, \"192.168.1.5\" is a second\n"},
	{"IPv6 address that is none",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, attach: {home: \"2a0e::b107::1\"}}\n" ROUTER,
	 "t.yaml:5: home: expected an IPv6 address such as 2001:db8::1, found \"2a0e::b107::1\"\n"},
	{"address outside its subnet",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, attach: {home: 192.168.2.4}}\n" ROUTER,
	 "t.yaml:5: node \"client\": 192.168.2.4 is outside network \"home\" (192.168.1.0/24)\n"},
	{"address of the subnet itself",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, attach: {home: 192.168.1.0}}\n" ROUTER,
	 "t.yaml:5: node \"client\": 192.168.1.0 is the first or last address of 192.168.1.0/24, "
	 "which no node can have\n"},
	{"broadcast address",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, attach: {home: {address: 192.168.1.255}}}\n" ROUTER,
	 "t.yaml:5: node \"client\": 192.168.1.255 is the first or last address of 192.168.1.0/24, "
	 "which no node can have\n"},
	{"address used twice",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, attach: {home: 192.168.1.1}}\n" ROUTER,
	 "t.yaml:6: node \"r1\": 192.168.1.1 is used twice (first by \"client\")\n"},
	{"IPv6 address without subnet6",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, attach: {home: [192.168.1.4, \"2a0e::1\"]}}\n" ROUTER,
	 "t.yaml:5: node \"client\": 2a0e::1 is an IPv6 address, but network \"home\" has no "
	 "subnet6\n"},
	{"interface name too long",
	 NETWORKS
	 "nodes:\n"
	 "  client: {kind: host, attach: {home: {interface: enp0s31f6-and-more}}}\n" ROUTER,
	 "t.yaml:5: interface: \"enp0s31f6-and-more\" cannot be the name of an interface\n"},
	{"gateway that does not exist",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r11}\n" ROUTER,
	 "t.yaml:5: unknown node \"r11\"; did you mean \"r1\"?\n"},
	{"gateway that is a host",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, attach: {home: 192.168.1.4}, gateway: peer}\n"
		  "  peer: {kind: host, attach: {internet: 44.0.1.10}}\n" ROUTER,
	 "t.yaml:5: gateway: \"peer\" is a host; a gateway is a router\n"},
	{"gateway that is no neighbour",
	 NETWORKS "nodes:\n"
		  "  r1: {kind: router, lan: {internet: 44.0.1.2}}\n" CLIENT,
	 "t.yaml:6: gateway: \"r1\" is on none of the networks of this node\n"},
	{"gateway without an address",
	 NETWORKS "nodes:\n" CLIENT
		  "  r1: {kind: router, lan: {home: {}}, wan: {internet: 44.0.1.2}}\n",
	 "t.yaml:5: gateway: \"r1\" has no address on the network that it shares with this node\n"},
	{"gateway of itself",
	 NETWORKS
	 "nodes:\n" CLIENT
	 "  r1: {kind: router, lan: {home: 192.168.1.1}, wan: {internet: 44.0.1.2}, gateway: r1}\n",
	 "t.yaml:6: gateway: \"r1\" cannot be its own gateway\n"},
	{"loop of gateways",
	 NETWORKS
	 "nodes:\n" CLIENT
	 "  r1: {kind: router, lan: {home: 192.168.1.1}, wan: {internet: 44.0.1.2}, gateway: r2}\n"
	 "  r2: {kind: router, lan: {home: 192.168.1.2}, wan: {internet: 44.0.1.3}, gateway: r1}\n",
	 "t.yaml:6: gateway: \"r2\" leads back to \"r1\": a loop of gateways\n"
	 "t.yaml:7: gateway: \"r1\" leads back to \"r2\": a loop of gateways\n"},
	{"router without LAN",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, attach: {home: 192.168.1.4}}\n"
		  "  r1: {kind: router, wan: {internet: 44.0.1.2}}\n",
	 "t.yaml:6: node \"r1\": a router needs lan: {NETWORK: ADDRESS}\n"},
	{"two WANs",
	 NETWORKS "nodes:\n"
		  "  client: {kind: host, attach: {home: 192.168.1.4}}\n"
		  "  r1: {kind: router, wan: {internet: 44.0.1.2, home: 192.168.1.1}}\n",
	 "t.yaml:6: wan: a router has one WAN, \"home\" is a second\n"},
	{"LAN and WAN on one network",
	 NETWORKS "nodes:\n" CLIENT
		  "  r1: {kind: router, lan: {home: 192.168.1.1}, wan: {home: 192.168.1.2}}\n"
		  "  p: {kind: host, attach: {internet: 44.0.1.9}}\n",
	 "t.yaml:6: node \"r1\": is attached to network \"home\" twice\n"},
	{"overlapping subnets",
	 "networks:\n"
	 "  home: {subnet: 10.0.0.0/8}\n"
	 "  floor: {subnet: 10.1.0.0/16}\n"
	 "nodes:\n"
	 "  r1: {kind: router, lan: {home: 10.0.0.1}, wan: {floor: 10.1.0.1}}\n",
	 "t.yaml:5: node \"r1\": is attached to \"home\" and \"floor\", whose subnets overlap\n"},
	{"profile that does not exist",
	 NETWORKS "nodes:\n" CLIENT "  r1: {kind: router, lan: {home: 192.168.1.1}, wan: "
		  "{internet: 44.0.1.2}, igd: conformant-igd3}\n",
	 "t.yaml:6: unknown profile \"conformant-igd3\"; did you mean \"conformant-igd1\"?\n"},
	{"quirk without profile",
	 NETWORKS "nodes:\n" CLIENT "  r1: {kind: router, lan: {home: 192.168.1.1}, wan: "
		  "{internet: 44.0.1.2}, quirks: [phantom]}\n",
	 "t.yaml:6: node \"r1\": quirks need igd: PROFILE, which they are laid over\n"},
	{"profile and daemon",
	 NETWORKS "nodes:\n" CLIENT
		  "  r1: {kind: router, lan: {home: 192.168.1.1}, wan: {internet: 44.0.1.2}, igd: "
		  "conformant-igd1, daemon: miniupnpd}\n",
	 "t.yaml:6: node \"r1\": has igd and daemon; a router runs one of them\n"},
	{"quirks a mapping",
	 NETWORKS "nodes:\n" CLIENT "  r1: {kind: router, lan: {home: 192.168.1.1}, wan: "
		  "{internet: 44.0.1.2}, igd: conformant-igd1, quirks: {a: 1}}\n",
	 "t.yaml:6: quirks: expected a list of names, found a mapping (key: value)\n"},
	{"NAT perhaps",
	 NETWORKS "nodes:\n" CLIENT "  r1: {kind: router, lan: {home: 192.168.1.1}, wan: "
		  "{internet: 44.0.1.2}, nat: perhaps}\n",
	 "t.yaml:6: nat: expected off, on or a mapping (mapping, filtering, port_preservation, "
	 "...), found \"perhaps\"\n"},
	{"NAT of no kind",
	 NETWORKS "nodes:\n" CLIENT "  r1: {kind: router, lan: {home: 192.168.1.1}, wan: "
		  "{internet: 44.0.1.2}, nat: {mapping: symmetric}}\n",
	 "t.yaml:6: unknown mapping \"symmetric\"; expected one of: endpoint-independent, "
	 "address-dependent, address-and-port-dependent\n"},
	{"NAT with an unknown key",
	 NETWORKS "nodes:\n" CLIENT "  r1: {kind: router, lan: {home: 192.168.1.1}, wan: "
		  "{internet: 44.0.1.2}, nat: {maping: endpoint-independent}}\n",
	 "t.yaml:6: unknown key \"maping\"; did you mean \"mapping\"?\n"},
	{"NAT timeout too short",
	 NETWORKS "nodes:\n" CLIENT "  r1: {kind: router, lan: {home: 192.168.1.1}, wan: "
		  "{internet: 44.0.1.2}, nat: {udp_timeout: 10ms}}\n",
	 "t.yaml:6: udp_timeout: expected 1s to 31d, found \"10ms\"\n"},
	{"router advertisement without a /64",
	 NETWORKS "nodes:\n" CLIENT "  r1: {kind: router, lan: {home: 192.168.1.1}, wan: "
		  "{internet: 44.0.1.2}, router_advertisement: true}\n",
	 "t.yaml:6: router_advertisement: needs a LAN whose subnet6 is a /64 (RFC 4862)\n"},
	{"router advertisement unclear",
	 NETWORKS "nodes:\n" CLIENT "  r1: {kind: router, lan: {home: 192.168.1.1}, wan: "
		  "{internet: 44.0.1.2}, router_advertisement: often}\n",
	 "t.yaml:6: router_advertisement: expected true or false, found \"often\"\n"},
	{"former prefix that is no /64", SIX("former6: \"2a0e:b107:2::/56\"", ""),
	 "t.yaml:3: former6: expected a /64, found \"2a0e:b107:2::/56\"\n"},
	{"former prefix that is no prefix", SIX("former6: yesterday", ""),
	 "t.yaml:3: former6: expected an IPv6 subnet such as 2a0e:b107:1::/64 (prefix 1 to 126), "
	 "found \"yesterday\"\n"},
	{"former prefix that is still there", SIX("former6: \"2a0e:b107:1:1::/64\"", ""),
	 "t.yaml:3: former6: is the subnet6 itself\n"},
	{"former prefix where nobody advertises",
	 "networks: {x: {subnet6: \"2a0e:b107:1::/64\", former6: \"2a0e:b107:2::/64\"}}\n"
	 "nodes: {a: {kind: host, attach: {x: \"2a0e:b107:1::4\"}}}\n",
	 "t.yaml:1: former6: needs a subnet6 that is a /64 and a router on \"x\" with "
	 "router_advertisement\n"},
	{"delegated prefix that no LAN is in", SIX("", ", delegated: \"2a0e:b107:9::/48\""),
	 "t.yaml:7: delegated: needs a LAN whose subnet6 lies in it\n"},
	{"delegated prefix that the WAN is in", SIX("", ", delegated: \"2a0e:b107:1::/48\""),
	 "t.yaml:7: delegated: \"2a0e:b107:1::/48\" overlaps the subnet6 of the WAN\n"},
	{"NAT64 with a prefix of another length", SIX("", ", nat64: \"64:ff9b::/64\""),
	 "t.yaml:7: nat64: expected a /96, found \"64:ff9b::/64\"\n"},
	{"NAT64 without IPv4 outside", SIX("", ", nat64: \"64:ff9b::/96\""),
	 "t.yaml:7: nat64: needs a LAN with subnet6, a WAN with an IPv4 address, and NAT\n"},
	{"NAT64 in the prefix of a LAN",
	 "networks:\n"
	 "  home: {subnet6: \"2a0e:b107:1:1::/64\"}\n"
	 "  internet: {subnet: 44.0.1.0/24}\n"
	 "nodes:\n"
	 "  r1: {kind: router, lan: {home: \"2a0e:b107:1:1::1\"}, wan: {internet: 44.0.1.2},\n"
	 "    nat64: \"2a0e:b107:1:1:2::/96\"}\n",
	 "t.yaml:6: nat64: \"2a0e:b107:1:1:2::/96\" overlaps a subnet6\n"},
	{"delegated prefix without a WAN for it",
	 NETWORKS "nodes:\n" CLIENT
		  "  r1: {kind: router, lan: {home: 192.168.1.1}, wan: {internet: 44.0.1.2},"
		  " delegated: \"2a0e:b107:1::/48\"}\n",
	 "t.yaml:6: delegated: needs a WAN with an IPv6 address\n"},
};

static void test_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		struct diag d = {0};
		struct topology *t = topology_load_text(malformed[i].text,
							strlen(malformed[i].text), "t.yaml", &d);

		if (t)
			fail_msg("%s: was accepted", malformed[i].name);
		if (strcmp(d.text.data, malformed[i].complaints) != 0)
			fail_msg("%s:\n%sinstead of\n%s", malformed[i].name, d.text.data,
				 malformed[i].complaints);
		diag_free(&d);
	}
}

/* The same texts cut off anywhere: refused or read, but never a crash. */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		for (size_t len = 0; len < strlen(malformed[i].text); len += 7) {
			struct diag d = {0};

			topology_free(topology_load_text(malformed[i].text, len, "t.yaml", &d));
			diag_free(&d);
		}
	}
}

static const char everything[] =
	"summary: every key once\n"
	"networks:\n"
	"  home:\n"
	"    subnet: 192.168.1.0/24\n"
	"    subnet6: \"2a0e:b107:1:1::/64\"\n"
	"    former6: \"2a0e:b107:1:9::/64\"\n"
	"    bridge: true\n"
	"    delay: 20ms\n"
	"    jitter: 5ms\n"
	"    loss: 1%\n"
	"    duplicate: 0.25\n"
	"    reorder: 0.5\n"
	"    rate: 10mbit\n"
	"    mtu: 1492\n"
	"    multicast: drop\n"
	"  internet: {subnet: 44.0.1.0/24, subnet6: \"2a0e:b107:2::/64\"}\n"
	"  cable: {subnet: 10.9.0.0/30}\n"
	"nodes:\n"
	"  peer: {kind: host, attach: {internet: 44.0.1.10}}\n"
	"  client:\n"
	"    kind: host\n"
	"    attach:\n"
	"      home: [192.168.1.4, \"2a0e:b107:1:1::4\"]\n"
	"      cable: {address: 10.9.0.1, loss: 0.5, interface: eth7}\n"
	"    gateway: r1\n"
	"  r1:\n"
	"    kind: router\n"
	"    lan: {home: [192.168.1.1, \"2a0e:b107:1:1::1\"], cable: 10.9.0.2}\n"
	"    wan: {internet: {address: 44.0.1.2, address6: \"2a0e:b107:2::2\", rate: 512kbit}}\n"
	"    delegated: \"2a0e:b107:1::/56\"\n"
	"    nat64: \"64:ff9b::/96\"\n"
	"    igd: conformant-igd1\n"
	"    router_advertisement: true\n"
	"    nat: {mapping: endpoint-independent, filtering: address-dependent,\n"
	"          port_preservation: false, hairpinning: no, udp_timeout: 2m, tcp_timeout: 1h}\n"
	"  r2: {kind: router, lan: {home: 192.168.1.2}, nat: off}\n";

static struct topology *load(const char *text)
{
	struct diag d = {0};
	struct topology *t = topology_load_text(text, strlen(text), "dir/every.yaml", &d);

	if (!t)
		fail_msg("refused: %s", d.text.data);
	diag_free(&d);
	return t;
}

static void test_networks(void **state)
{
	struct topology *t = load(everything);
	const struct network *home = &t->networks[0];
	struct in6_addr subnet6;

	(void)state;
	assert_string_equal(t->name, "every");
	assert_string_equal(t->summary, "every key once");
	assert_int_equal(t->network_count, 3);
	assert_string_equal(home->name, "home");
	assert_int_equal(ntohl(home->subnet.s_addr), 0xc0a80100);
	assert_int_equal(home->prefix, 24);
	assert_int_equal(home->prefix6, 64);
	inet_pton(AF_INET6, "2a0e:b107:1:1::", &subnet6);
	assert_memory_equal(&home->subnet6, &subnet6, sizeof(subnet6));
	subnet6.s6_addr[7] = 9;
	assert_true(home->renumbered && !t->networks[1].renumbered);
	assert_memory_equal(&home->former6, &subnet6, sizeof(subnet6));
	assert_true(home->has_subnet && home->force_bridge);
	assert_false(t->networks[1].force_bridge);
	assert_int_equal(home->impairment.delay_us, 20000);
	assert_int_equal(home->impairment.jitter_us, 5000);
	assert_float_equal(home->impairment.loss, 0.01, 1e-9);
	assert_float_equal(home->impairment.duplicate, 0.25, 1e-9);
	assert_float_equal(home->impairment.reorder, 0.5, 1e-9);
	assert_int_equal(home->impairment.rate, 10000000);
	assert_int_equal(home->impairment.mtu, 1492);
	assert_true(home->impairment.drop_multicast);
	assert_int_equal(t->networks[1].impairment.delay_us, 0);
	topology_free(t);
}

static void test_nodes(void **state)
{
	struct topology *t = load(everything);
	const struct node *client = &t->nodes[1], *r1 = &t->nodes[2], *r2 = &t->nodes[3];

	(void)state;
	assert_int_equal(t->node_count, 4);
	assert_int_equal(client->kind, NODE_HOST);
	assert_int_equal(client->port_count, 2);
	assert_string_equal(client->ports[0].ifname, "eth0");
	assert_string_equal(client->ports[1].ifname, "eth1");
	assert_int_equal(client->ports[1].network, 2);
	assert_string_equal(client->ports[1].interface, "eth7");
	assert_float_equal(client->ports[1].impairment.loss, 0.5, 1e-9);
	assert_int_equal(ntohl(client->ports[0].address.s_addr), 0xc0a80104);
	assert_int_equal(client->ports[0].address6.s6_addr[15], 4);
	assert_int_equal(client->gateway, 2);
	assert_int_equal(t->nodes[0].gateway, -1);
	assert_int_equal(r1->port_count, 3);
	assert_string_equal(r1->ports[0].ifname, "lan0");
	assert_string_equal(r1->ports[1].ifname, "lan1");
	assert_string_equal(r1->ports[2].ifname, "wan");
	assert_int_equal(r1->ports[2].role, PORT_WAN);
	assert_int_equal(r1->ports[2].impairment.rate, 512000);
	assert_string_equal(r1->igd, "conformant-igd1");
	assert_true(r1->router_advertisement);
	assert_null(r2->igd);
	assert_false(r2->router_advertisement);
	assert_int_equal(r1->delegated_prefix, 56);
	assert_int_equal(r1->delegated.s6_addr[5], 1);
	assert_int_equal(r2->delegated_prefix, 0);
	assert_true(r1->has_nat64 && !r2->has_nat64);
	assert_int_equal(r1->nat64.s6_addr[3], 0x9b);
	topology_free(t);
}

static void test_nat(void **state)
{
	struct topology *t = load(everything), *plain = load(NETWORKS "nodes:\n" CLIENT ROUTER);
	const struct nat_behaviour *nat = &t->nodes[2].nat, *usual = &plain->nodes[1].nat;

	(void)state;
	assert_true(nat->enabled);
	assert_int_equal(nat->mapping, NAT_ENDPOINT_INDEPENDENT);
	assert_int_equal(nat->filtering, NAT_ADDRESS_DEPENDENT);
	assert_false(nat->preserve_ports || nat->hairpinning);
	assert_int_equal(nat->udp_timeout, 120);
	assert_int_equal(nat->tcp_timeout, 3600);
	assert_false(t->nodes[3].nat.enabled);
	assert_true(usual->enabled && usual->preserve_ports && usual->hairpinning);
	assert_int_equal(usual->mapping, NAT_ADDRESS_AND_PORT_DEPENDENT);
	assert_int_equal(usual->filtering, NAT_ADDRESS_AND_PORT_DEPENDENT);
	assert_int_equal(usual->udp_timeout, 0);
	topology_free(t);
	topology_free(plain);
}

static void test_places(void **state)
{
	struct topology *t = load(everything);

	(void)state;
	assert_int_equal(topology_node(t, "r2"), 3);
	assert_int_equal(topology_node(t, "r3"), -1);
	assert_int_equal(topology_client(t), 1);
	assert_int_equal(topology_outermost(t), 2);
	topology_free(t);
	t = load("networks: {a: {subnet: 10.0.0.0/8}}\n"
		 "nodes: {x: {kind: host, attach: {a: 10.0.0.1}}}\n");
	assert_int_equal(topology_client(t), 0);
	assert_int_equal(topology_outermost(t), -1);
	topology_free(t);
}

/* Every topology in the tree can be read, has a client, and says what it is. */
static void test_shipped(void **state)
{
	struct names names = tree_names("topologies");

	(void)state;
	assert_true(names.count >= 10);
	for (size_t i = 0; i < names.count; i++) {
		struct diag d = {0};
		struct topology *t = topology_load(names.items[i], &d);

		if (!t)
			fail_msg("%s", d.text.data);
		assert_string_equal(t->name, names.items[i]);
		assert_true(*t->summary);
		assert_string_equal(t->nodes[topology_client(t)].name, "client");
		assert_true(topology_outermost(t) >= 0);
		topology_free(t);
		diag_free(&d);
	}
	names_free(&names);
}

static void test_not_found(void **state)
{
	struct diag d = {0};

	(void)state;
	assert_null(topology_load("falt", &d));
	assert_string_equal(d.text.data, "unknown topology \"falt\"; did you mean \"flat\"?\n");
	diag_free(&d);
	assert_null(topology_load("./no-such-file.yaml", &d));
	assert_string_equal(d.text.data, "topology \"./no-such-file.yaml\" cannot be read: "
					 "no such file\n");
	diag_free(&d);
}

static void test_drawing(void **state)
{
	struct topology *t = load(
		NETWORKS "nodes:\n" CLIENT ROUTER "  r2: {kind: router, lan: {home: 192.168.1.2}, "
			 "wan: {internet: {address: 44.0.1.3, delay: 5ms}}, nat: off}\n"
			 "  peer: {kind: host, attach: {internet: 44.0.1.10}}\n");
	struct buf out = {0};

	(void)state;
	draw_tree(t, &out);
	assert_string_equal(out.data,
			    "internet  44.0.1.0/24\n"
			    "├─ r1  wan 44.0.1.2  NAT, no IGD\n"
			    "│  ╰─ home  192.168.1.0/24  (r1 lan0 192.168.1.1)\n"
			    "│     ├─ client  eth0 192.168.1.4  gateway r1\n"
			    "│     ╰─ r2  lan0 192.168.1.2\n"
			    "├─ r2  wan 44.0.1.3  no NAT, no IGD, delay 5 ms\n"
			    "│  ╰─ home  192.168.1.0/24  (r2 lan0 192.168.1.2)  see above\n"
			    "╰─ peer  eth0 44.0.1.10\n");
	buf_free(&out);
	topology_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malformed), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_networks),  cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_nat),	  cmocka_unit_test(test_places),
		cmocka_unit_test(test_shipped),	  cmocka_unit_test(test_not_found),
		cmocka_unit_test(test_drawing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
