# SPDX-License-Identifier: MIT
"""subject.py - a router under test: an adapter (cases/daemons/NAME.yaml), what it claims, the lab around it.

A subject is named

    fakeigd:PROFILE[+QUIRK...]      the fake router with a profile (name or file) and quirks
    NAME                            an adapter: miniupnpd-nftables, miniupnpd-iptables, ...
    ./my-router.yaml                an adapter of the user's; kind: remote is a router that is not in the lab

The lab has the nodes client and other (two hosts behind r1), peer and peer2 (two hosts outside); of a subject that
interworks (RFC 6970) or is a PCP proxy (RFC 7648) also the router carrier, next hop of r1, where a PCP server of ours listens (pcp_server.py). It is
kept between checks and made as good as new by reset(); a check that leaves a router behind that no
reset mends calls spoil().
"""
import contextlib
import functools
import ipaddress
import os
import pathlib
import select
import socket
import sys
import tempfile
import time
from xml.etree.ElementTree import ParseError

import yaml

from . import description, effect, pcp_server, trace
from .controlpoint import ControlPoint
from .http import BadMessage
from .lab import DEADLINE, REPOSITORY, Lab, LabError, until
from .remote import Remote
from .requirement import notrun, unsupported
from .soap import Fault

DAEMONS = REPOSITORY / "cases" / "daemons"
SSDP_GROUP = f"{int.from_bytes(socket.inet_aton('239.255.255.250'), sys.byteorder):08X}"  # in /proc/net/igmp
PATIENCE = 5.0  # seconds that a check may wait on a subject without a clock of ours, unless --long

TOPOLOGY = """\
summary: two clients, the router under test, two hosts outside
networks: {home: {subnet: 192.168.1.0/24}, internet: {subnet: 44.0.1.0/24}}
nodes:
  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r1}
  other:  {kind: host, attach: {home: 192.168.1.5}, gateway: r1}
  r1:     {kind: router, lan: {home: 192.168.1.1}, wan: {internet: 44.0.1.2}, nat: {mapping: endpoint-independent}, ROUTER}
  peer:   {kind: host, attach: {internet: 44.0.1.10}}
  peer2:  {kind: host, attach: {internet: 44.0.1.11}}
"""

# The same with IPv6 beside it, from a prefix that programs take for global (topologies/dual-stack.yaml).
DUAL_STACK = """\
summary: two clients, the router under test, two hosts outside, with IPv4 and IPv6
networks:
  home:     {subnet: 192.168.1.0/24, subnet6: "2a0e:b107:1:1::/64"}
  internet: {subnet: 44.0.1.0/24, subnet6: "2a0e:b107:1:2::/64"}
nodes:
  client: {kind: host, attach: {home: [192.168.1.4, "2a0e:b107:1:1::4"]}, gateway: r1}
  other:  {kind: host, attach: {home: [192.168.1.5, "2a0e:b107:1:1::5"]}, gateway: r1}
  r1:
    kind: router
    lan: {home: [192.168.1.1, "2a0e:b107:1:1::1"]}
    wan: {internet: [44.0.1.2, "2a0e:b107:1:2::2"]}
    nat: {mapping: endpoint-independent}
    router_advertisement: true
    ROUTER
  peer:   {kind: host, attach: {internet: [44.0.1.10, "2a0e:b107:1:2::10"]}}
  peer2:  {kind: host, attach: {internet: [44.0.1.11, "2a0e:b107:1:2::11"]}}
"""
# What is behind a router that asks a PCP server for each mapping.
CARRIER = "  carrier: {kind: router, lan: {internet: ADDRESSES}}\n"
CARRIER_AT = {"ipv6": '[44.0.1.1, "2a0e:b107:1:2::1"]'}  # in labs of that form; else 44.0.1.1
# A home with IPv6 alone, whose router leads to the IPv4 internet (topologies/nat64.yaml).
NAT64 = """\
summary: a client with IPv6 alone, the router under test, a host outside with IPv4 alone
networks:
  home:     {subnet6: "2a0e:b107:1:1::/64"}
  internet: {subnet: 44.0.1.0/24}
nodes:
  client: {kind: host, attach: {home: "2a0e:b107:1:1::4"}, gateway: r1}
  r1:
    kind: router
    lan: {home: "2a0e:b107:1:1::1"}
    wan: {internet: 44.0.1.2}
    router_advertisement: true
    nat64: "64:ff9b::/96"
    ROUTER
  peer:   {kind: host, attach: {internet: 44.0.1.10}}
"""
# What kinds of lab there are, by what checks need of them; anything else is for the first.
FORMS = {"": TOPOLOGY, "ipv6": DUAL_STACK, "nat64": NAT64}
IPV6 = pathlib.Path("/proc/sys/net/ipv6/conf")  # where the kernel has it
TUN = "/dev/net/tun"  # without which no lab translates

# A router on two cards of this machine: the interfaces become ports of the lab's networks.
CARDS = """\
summary: two clients and two hosts outside, on the two cards that lead to a router
networks: {{home: {{subnet: {lan}}}, internet: {{subnet: {wan}}}}}
nodes:
  client: {{kind: host, attach: {{home: {client}}}, gateway: r1}}
  other:  {{kind: host, attach: {{home: {other}}}, gateway: r1}}
  peer:   {{kind: host, attach: {{internet: {peer}}}}}
  peer2:  {{kind: host, attach: {{internet: {peer2}}}}}
  r1:
    kind: router
    lan: {{home: {{address: {address}, interface: {interface}}}}}
    wan: {{internet: {{address: {wan-address}, interface: {wan-interface}}}}}
"""
_REMOTE = {"address", "interface", "location"}
_TWO_CARDS = {"wan-interface", "wan-address", "prefix", "wan-prefix", "clients", "peers"}
_KEYS = {"name", "profile", "quirks", "summary", "kind", "needs", "run", "files", "nft", "ready", "claims", "known",
         "known-of", "remote", "restart", "reboot", "reset", "memory"}
_REQUIRED = ("WANCommonInterfaceConfig", "WANIPConnection", "WANPPPConnection")  # services
_CLAIMS = {"igd", "services", "optional", "ipv6", "natpmp", "pcp", "firewall6", "interworking", "proxy"}
PCP = {"PEER", "PREFER_FAILURE", "FILTER"}  # what "pcp: true" claims beside MAP and ANNOUNCE (RFC 6887)


# Policies of fakeigd that say what else it offers: {policy: (name, whether a value offers it)}
_PCP_POLICIES = {
    "peer": ("PEER", lambda value: value == "accept"), "prefer-failure": ("PREFER_FAILURE", lambda value: value != 5),
    "filter": ("FILTER", lambda value: value != 5), "third-party": ("THIRD_PARTY", lambda value: value == "allowed"),
    "description-max": ("DESCRIPTION", bool), "port-set-max": ("PORT_SET", bool),
    "prefix64": ("PREFIX64", lambda value: value != "none")}


class WrongAdapter(Exception):
    """A subject that does not exist, or an adapter that says what no adapter may say."""


def _load(path):
    return yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@functools.lru_cache(maxsize=None)
def profile_claims(name):
    """What a profile of fakeigd claims: igd, services, optional actions (None = every one)."""
    path = pathlib.Path(name) if "/" in name or name.endswith(".yaml") \
        else REPOSITORY / "fakeigd" / "profiles" / f"{name}.yaml"
    if not path.is_file():
        raise WrongAdapter(f"there is no profile {path}")
    profile = _load(path)
    claims = dict(profile_claims(profile["extends"])) if "extends" in profile else \
        {"igd": 1, "services": [], "optional": None, "ipv6": True, "firewall6": True}
    if "device" in profile:
        claims["igd"] = int(profile["device"].rpartition(":")[2])
    claims["ipv6"] = profile.get("policy", {}).get("ssdp", {}).get("ipv6", claims["ipv6"])
    enabled = {name: values.get("enabled") for name, values in profile.get("policy", {}).items() if isinstance(values, dict)}
    if enabled.get("igd") is False:
        claims |= {"igd": 0, "services": []}
    if enabled.get("firewall6") is not None:
        claims["firewall6"] = enabled["firewall6"]
    if enabled.get("natpmp") is not None:
        claims["natpmp"] = enabled["natpmp"]
    _claim_pcp(claims, profile.get("policy", {}).get("pcp", {}))
    if "upstream" in profile:
        servers = profile["upstream"].get("pcp", {}).get("server", [])
        claims |= {"interworking": "pcp" in profile["upstream"], "upstreams": servers if isinstance(servers, list) else [servers]}
    if profile.get("policy", {}).get("pcp", {}).get("proxy", "off") != "off":
        claims |= {"proxy": True, "interworking": False}
    if "services" in profile:
        services = [{"type": s} if isinstance(s, str) else s for s in profile["services"]]
        claims["services"] = [s["type"] for s in services]
        lists = [s["optional"] for s in services if "optional" in s]
        claims["optional"] = sum(lists, []) if lists else None
    return claims


def _claim_pcp(claims, policy):
    """Put into the claims what a profile's policies say of PCP: "pcp" and, behind it, what it offers."""
    if "enabled" in policy:
        claims["pcp"] = policy["enabled"]
    offers = set(claims.get("pcp-offers", PCP | {"DESCRIPTION", "PORT_SET"}))
    for key, (name, offered) in _PCP_POLICIES.items():
        if key in policy:
            (offers.add if offered(policy[key]) else offers.discard)(name)
    claims["pcp-offers"] = offers


def _without(claims, quirks):
    """The claims under quirks: a quirk with a list of services of its own claims no optional one that it leaves out."""
    for path in (REPOSITORY / "fakeigd" / "quirks" / f"{name}.yaml" for name in quirks):
        listed = str(_load(path)["overlay"].get("services", "")) if path.is_file() else ""
        if listed:
            claims = claims | {"services": [s for s in claims["services"] if s in listed or s.startswith(_REQUIRED)]}
    return claims


def builds(name):
    """The adapters that a name stands for: itself, or where there is none of that name those of each build, NAME-BUILD."""
    own = DAEMONS / f"{name}.yaml"
    return [name] if "/" in name or own.is_file() else sorted(path.stem for path in DAEMONS.glob(f"{name}-*.yaml")) or [name]


class Adapter:
    """What an adapter file, or the name of a fakeigd, says of a subject."""

    def __init__(self, name):
        self.name, self.profile, self.quirks = name, None, []
        if name.startswith("fakeigd:") or name == "fakeigd":
            self.profile, *self.quirks = (name.partition(":")[2] or "conformant-igd1").split("+")
            self.path, self.values = None, {
                "kind": "fakeigd", "claims": _without(profile_claims(self.profile), self.quirks)}
        else:
            self.path = pathlib.Path(name) if "/" in name or name.endswith(".yaml") \
                else DAEMONS / f"{name}.yaml"
            if not self.path.is_file():
                raise WrongAdapter(f'there is no daemon "{name}" ({self.path}); see igdlab list daemons')
            self.values = _load(self.path)
            self._check()
        if self.path and self.values["kind"] == "fakeigd":
            self.profile, self.quirks = self.values["profile"], self.values.get("quirks", [])
            self.values["claims"] = profile_claims(self.profile) | self.values.get("claims", {})
        self.kind, self.claims = self.values["kind"], self.values.get("claims", {})
        self.known = self._known()

    def _known(self):
        """Its known failures: those of the adapter in known-of, but for what it says itself (false: it passes)."""
        own = self.values.get("known") or {}
        name = self.values.get("known-of")
        others = Adapter(name).known if name else {}
        return {name: entry for name, entry in {**others, **own}.items() if entry}

    def _check(self):
        wrong = set(self.values) - _KEYS
        if wrong:
            raise WrongAdapter(f"{self.path}: unknown key {sorted(wrong)}")
        if self.values.get("kind") not in ("daemon", "remote", "fakeigd"):
            raise WrongAdapter(f"{self.path}: kind: expected daemon, remote or fakeigd")
        if self.values["kind"] == "fakeigd" and "profile" not in self.values:
            raise WrongAdapter(f"{self.path}: a fakeigd needs profile")
        if self.values["kind"] == "remote":
            self._check_remote()
        wrong = set(self.values.get("claims", {})) - _CLAIMS
        if wrong:
            raise WrongAdapter(f"{self.path}: claims: unknown key {sorted(wrong)}")
        for name, entry in (self.values.get("known") or {}).items():
            if entry is False and "known-of" in self.values:
                continue
            if not {"reason", "link", "expires"} <= set(entry or ()) <= {"reason", "link", "since", "expires", "checks"}:
                raise WrongAdapter(f"{self.path}: known: {name}: needs reason, link and expires, may have "
                                   "since and checks")

    def _check_remote(self):
        values = self.values.get("remote") or {}
        wanted = {"address", "interface"} | (_TWO_CARDS - {"prefix", "wan-prefix"} if "wan-interface" in values
                                             else set())
        if not wanted <= set(values) or set(values) - _REMOTE - _TWO_CARDS:
            raise WrongAdapter(f"{self.path}: remote: expected {', '.join(sorted(wanted))}; found "
                               + ", ".join(sorted(values)))

    @property
    def alone(self):
        """There is one router and not one per lab."""
        return self.kind == "remote"

    @property
    def on_cards(self):
        """A router between two cards of this machine, which go into a lab."""
        return self.kind == "remote" and "wan-interface" in self.values["remote"]

    @property
    def interworks(self):
        """A router in a lab that asks a PCP server upstream for each mapping."""
        return bool(self.claims.get("interworking") or self.claims.get("proxy")) and self.kind != "remote"

    def _cards(self):
        values = self.values["remote"]
        lan = ipaddress.ip_interface(f"{values['address']}/{values.get('prefix', 24)}").network
        wan = ipaddress.ip_interface(f"{values['wan-address']}/{values.get('wan-prefix', 24)}").network
        (client, other), (peer, peer2) = values["clients"], values["peers"]
        return CARDS.format(**values | {"lan": lan, "wan": wan, "client": client, "other": other, "peer": peer,
                                        "peer2": peer2})

    def missing(self):
        """Why this subject cannot run here, or None."""
        programs = (self.values.get("needs") or {}).get("program") or []
        for program in [programs] if isinstance(programs, str) else programs:
            path = program.replace("{tree}", str(REPOSITORY))
            if not pathlib.Path(path).exists():
                return f"{path} is not there; run scripts/install-deps test"
        return None

    def topology(self, folder, form=""):
        """Write the topology of a form (FORMS) into a folder; returns its path."""
        router = "igd: conformant-igd1"
        if self.kind == "fakeigd":
            router = f"igd: {self.profile}"
        elif self.kind == "daemon":
            router = f"daemon: {self.path.resolve()}"
        path, text = folder / "subject.yaml", FORMS[form]
        if self.interworks:
            router = ("\n    " if form else ", ").join(["gateway: carrier", router])
            text += CARRIER.replace("ADDRESSES", CARRIER_AT.get(form, "44.0.1.1"))
        path.write_text(self._cards() if self.on_cards else text.replace("ROUTER", router))
        return path


@functools.lru_cache(maxsize=None)
def adapter_of(name):
    """The Adapter of a subject's name, read once."""
    return Adapter(name)


class Subject:
    """A running lab with the router under test on r1; make it with ``with``.

    lab: the Lab (or Remote). igd: the version of InternetGatewayDevice that it claims. fake: it is a
    fakeigd, whose clock and control socket obey. form: of its lab, a key of FORMS. upstream: the PCP server
    (pcp_server.Server) behind one that interworks, else None.
    """

    def __init__(self, adapter, evidence=None, long=False, stay=False, form=""):
        self.adapter = adapter if isinstance(adapter, Adapter) else Adapter(adapter)
        self.fake = self.adapter.kind == "fakeigd"
        self.claims, self._evidence, self._long = self.adapter.claims, evidence, long
        self._stay, self.form = stay, form
        self.igd = self.claims.get("igd", 1)
        self.upstream = None
        self.spoilt, self.lab, self.foundations, self.mute = False, None, {}, set()  # foundation.py
        self._stack, self._description, self._description6 = contextlib.ExitStack(), None, (None, None)
        self._unread = []  # why the description could not be read

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            if self.adapter.kind == "remote" and not self.adapter.on_cards:
                self.lab = stack.enter_context(Remote(self.adapter.values["remote"]))
            else:
                folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="igdlab-")))
                self.lab = stack.enter_context(Lab(
                    self.adapter.topology(folder, self.form), quirks=self.adapter.quirks,
                    evidence=self._evidence, capture=bool(self._evidence), stay=self._stay))
            if self.adapter.interworks:
                self.upstream = stack.enter_context(pcp_server.Server(self.lab))
            if self.adapter.kind == "daemon":
                self._wait_for_daemon()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        self._stack.close()

    # -- what it claims and what can be done with it --------------------------------------------------

    @functools.cached_property
    def abilities(self):
        """What this way of testing can do: the words of requirement(needs=...)."""
        words = {"wan-side", "other", "peer2"} if self.adapter.kind != "remote" or self.adapter.on_cards else set()
        if self.adapter.kind != "remote":
            words.add("wan-control")
        if self.fake:
            words |= {"clock", "restart", "reboot", "firewall-switch"}
        if self.adapter.kind != "remote":
            words.add("kernel")
        if self.adapter.values.get("restart"):
            words |= {"restart", "reboot"}
        if self.claims.get("ipv6") and self.adapter.kind != "remote" and IPV6.exists():
            words.add("ipv6")
            if self.speaks_pcp("PREFIX64") and os.access(TUN, os.R_OK | os.W_OK):
                words.add("nat64")
        if len(self.claims.get("upstreams", [])) > 1:
            words.add("upstreams")
        return words

    def offers(self, action):
        """Whether the subject claims an optional action."""
        optional = self.claims.get("optional")
        return optional is None or action in optional

    def has_service(self, name):
        """Whether it claims a service: "WANIPConnection", or with a version "WANIPConnection:2"."""
        return any(f"{kind}:".startswith(f"{name}:") for kind in self.claims.get("services", []))

    def speaks_pcp(self, names):
        """Whether it claims PCP; names: True, or the opcode or options beside MAP and ANNOUNCE that it must claim."""
        claimed = self.claims.get("pcp") or ()
        wanted = set() if names is True else {names} if isinstance(names, str) else set(names)
        return bool(claimed) and wanted <= (self.claims.get("pcp-offers", PCP) if claimed is True else set(claimed))

    def require(self, igd=None, natpmp=False, pcp=None, firewall6=False, interworking=None, proxy=False, action=(), service=None,
                needs=()):
        """End the check when the subject does not claim, or the lab cannot do, what it needs."""
        igd = int(not natpmp and not pcp) if igd is None else igd
        if self.igd < igd:
            unsupported(f"is for InternetGatewayDevice:{igd}; the subject claims {self.igd}")
        if natpmp and not self.claims.get("natpmp"):
            unsupported("the subject does not claim NAT-PMP")
        if pcp and not self.speaks_pcp(pcp):
            unsupported("the subject does not claim PCP" + ("" if pcp is True else f" with {pcp}"))
        if interworking and not self.claims.get("interworking"):
            unsupported("the subject does not claim to ask a PCP server upstream for its mappings (RFC 6970)")
        if interworking is False and self.claims.get("interworking"):
            unsupported("is otherwise where a PCP server upstream is asked for each mapping (RFC 6970)")
        if pcp and self.claims.get("proxy") and not proxy:
            unsupported("what a PCP proxy answers is up to the server upstream; that it passes on what is asked is tested (PCPX)")
        if proxy and not self.claims.get("proxy"):
            unsupported("the subject does not claim to be a PCP proxy (RFC 7648)")
        if (interworking or proxy) and not self.adapter.interworks:
            notrun(f"needs a PCP server of ours upstream, which {self.adapter.name} does not have")
        if firewall6 and not self.claims.get("firewall6"):
            unsupported("the subject does not claim to be an IPv6 firewall")
        for name in [action] if isinstance(action, str) else action:
            if not self.offers(name):
                unsupported(f"the subject does not claim the optional action {name}")
        if service and not self.has_service(service):
            unsupported(f"the subject does not claim the service {service}")
        for word in [needs] if isinstance(needs, str) else needs:
            if word not in self.abilities:
                notrun(f"needs {word}, which {self.adapter.name} does not have")

    # -- control points and packets ----------------------------------------------------------------------

    def control_point(self, node="client"):
        """A control point on a node that knows the description (fetched once per lab)."""
        cp = ControlPoint(self.lab, node=node)
        if self._description is None:
            if len(self._unread) >= 3:
                raise BadMessage(f"the description could not be read: {self._unread[-1]!r}")  # nobody waits for it again
            try:
                self._description = self._discover()
            except (OSError, EOFError, BadMessage, ParseError) as error:
                self._unread.append(error)
                raise
        cp.description = self._description
        return cp

    def control_point6(self, node="client"):
        """The same over IPv6: the description's port and path at the router's global address on the LAN."""
        cp = self.control_point(node)
        if self._description6[0] is not cp.description:
            where = cp.description.location
            address = self.lab.address6_of("r1", role="lan")
            self._description6 = cp.description, description.fetch(
                self.lab, description.Url(address, where.port, where.path), node)
        cp.description = self._description6[1]
        return cp

    def _discover(self):
        location = (self.adapter.values.get("remote") or {}).get("location")
        cp = ControlPoint(self.lab)
        if self.fake:  # whatever a quirk does to discovery, the other checks go on
            location = self.lab.router(op="state")["location"]
        return (cp.fetch(location) if location else cp.discover()).description

    def reaches(self, port, protocol="TCP", **more):
        """Whether a packet from the peer to the outer address arrives at the client (effect.py)."""
        self.require(igd=0, needs="wan-side")
        if "clock" in self.abilities:  # what a quirk does behind its answer is done before anybody looks
            self.lab.request(op="sync")
        if self.upstream and "address" not in more:
            more["address"] = self.lab.address_of("r1", role="wan")
        probe = effect.udp_reaches if protocol.upper() == "UDP" else effect.tcp_reaches
        return probe(self.lab, port, **more)

    # -- time and trouble -----------------------------------------------------------------------------------

    def advance(self, seconds):
        """Let time pass for the subject: by its clock, or by waiting (more than 5 s only with --long)."""
        if "clock" in self.abilities:
            self.lab.advance(seconds)
        elif seconds <= PATIENCE or self._long:
            deadline = time.monotonic() + seconds
            while (left := deadline - time.monotonic()) > 0:
                select.select([], [], [], left)
        else:
            notrun(f"waits {seconds:g} s; --long does it")

    def reboot(self):
        """Restart the subject as a power failure does; returns when it serves again."""
        self._begin_again("reboot")

    def restart(self):
        """Restart the program alone, which keeps what it has put into files; returns when it serves again."""
        self._begin_again("restart")

    def _begin_again(self, how):
        self.require(igd=0, needs=how)
        self._description = None
        if self.fake:
            self.lab.router(op="reboot")
        else:
            self._command(how if how in self.adapter.values else "restart")

    def _command(self, name):
        done = self.lab.run("r1", "sh", "-c", self._expanded(self.adapter.values[name]))
        if done.code != 0:
            raise LabError(f"{name}: {done.stderr.strip()}")
        self._wait_for_daemon()

    def _wait_for_daemon(self):
        """Until it takes connections and searches: the port of "ready", and SSDP's group on the router."""
        kind, _, port = (self.adapter.values.get("ready") or {}).get("listen", "").partition(":")

        def answers():
            with contextlib.suppress(OSError):
                if kind == "tcp":
                    self.lab.connect("client", self.lab.lan_address(), int(port), timeout=1).close()
                return SSDP_GROUP in self.lab.run("r1", "cat", "/proc/net/igmp").stdout
            return False
        until(answers, what="the daemon's port and its membership of 239.255.255.250")

    def _expanded(self, text):
        values = {name: f"/run/igdlab/{name}" for name in self.adapter.values.get("files") or {}}
        values |= {"tree": REPOSITORY, "lan_address": self.lab.lan_address(),
                   "wan_ifname": self.lab.port("r1", role="wan")["ifname"],
                   "lan_ifname": self.lab.port("r1", role="lan")["ifname"]}
        for name, value in values.items():
            text = text.replace("{%s}" % name, str(value))
        return text

    def _ip(self, *words):
        done = self.lab.run("r1", "ip", *words)
        if done.code != 0:
            raise LabError(f"ip {' '.join(words)}: {done.stderr.strip()}")

    def renumber(self, address):
        """Give the router another outer address."""
        self.require(igd=0, needs="wan-control")
        trace.note("wan")
        self._description = None  # some routers have another then
        if self.fake:
            self.lab.router(op="renumber", address=address)
        else:
            name = self.lab.port("r1", role="wan")["ifname"]
            self._ip("addr", "flush", "dev", name, "scope", "global")
            self._ip("addr", "add", f"{address}/24", "brd", "+", "dev", name)
            self.spoil()

    def wan(self, status):
        """Make the router's uplink go "down" or "up"."""
        self.require(igd=0, needs="wan-control")
        trace.note("wan")
        self._description = None
        if self.fake:
            self.lab.router(op="wan", status=status)
        else:
            self._ip("link", "set", self.lab.port("r1", role="wan")["ifname"], status)
            self.spoil()

    def firewall6(self, enabled=None, inbound=None):
        """What an administrator switches: the IPv6 firewall, and whether control points may open pinholes; None = as it is."""
        self.require(igd=0, needs="firewall-switch")
        wanted = {"enabled": enabled, "inbound_allowed": inbound}
        self.lab.router(op="firewall", **{name: value for name, value in wanted.items() if value is not None})

    def memory_kib(self):
        """Resident memory of the daemon in KiB; notrun when it cannot be seen."""
        if self.fake:
            return self.lab.router(op="state")["memory_kib"]
        command = self.adapter.values.get("memory")
        if not command:
            notrun("the adapter does not say how to see the memory of the subject")
        return int(self.lab.run("r1", "sh", "-c", self._expanded(command)).stdout.split()[0])

    # -- between checks -------------------------------------------------------------------------------------

    def spoil(self):
        """After this check the lab is not used again."""
        self.spoilt = True

    def reset(self):
        """As good as new: no mappings, no subscriptions, the first address. LabError when it cannot be."""
        if self.upstream:
            self.upstream.begin_again()
        if self.fake:
            self.lab.router(op="reset")
        elif self.adapter.values.get("reset") == "restart":
            self._command("restart")
        else:
            self._delete_everything()
        if self.upstream:
            self.upstream.begin_again()  # what it was asked on the way is nobody's matter

    def _delete_everything(self):
        """Delete every mapping from the host that it leads to, as routers allow."""
        cp = self.control_point()
        nodes = {self.lab.address_of(n): n for n in ("client", "other") if n == "client" or "other" in self.abilities}
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            try:
                entry = cp.generic(0)
            except Fault:
                return
            cp.node = nodes.get(entry["NewInternalClient"], "client")
            try:
                cp.delete(entry["NewExternalPort"], entry["NewProtocol"], entry["NewRemoteHost"])
            except Fault as fault:
                raise LabError(f"a mapping stays behind: {entry}, {fault}") from None
        raise LabError("mappings stay behind")
