# SPDX-License-Identifier: MIT
"""observe.py - what a quirk file says must be seen on the wire ("observe:"), done and judged.

``observe`` is a list of steps. A step is a mapping with one verb, its arguments, and ``expect``; a step
without ``expect`` only prepares. The verbs:

  search: ST | {st, mx, to: multicast|unicast|ADDRESS, from: NODE, network: NAME, group: ff02::c|ff05::c, host, man, from-port,
          extra: {NAME: value}, raw: text}, wait: seconds (0.4), count: N, then: {advance: SECONDS} or {router request}
  notify: {after: reboot|byebye|advance SECONDS|search, st}   NOTIFY datagrams heard by multicast
  get: description | scpd NAME | PATH                   with method:, headers: {}, version:, limit: bytes
                                                        after which an endless answer is malformed
  raw: text for a TCP connection to the router          {path}, {control}, {host} are filled in; as a
                                                        list: one segment each, gap: seconds apart;
                                                        half-close: true (no more is sent); port: N
  call: ACTION, args: {NAME: value}, service: NAME, headers: {}, soapaction: text, body: text, action_ns: URN
  add: {port, to, protocol, internal, client, lease, remote, enabled, text, any}    AddPortMapping; with
                                                        ``to`` for every port up to that one
  subscribe: {callback: URL, nt, sid, timeout, headers}, then: as for search  GENA, with the events;
                                                        sid: last renews the subscription before;
                                                        answer: false closes without an answer to them
  reach: PORT | {port, protocol, internal, address, peer, from-port}            a packet of the peer
                                                        UDP: after-outbound: true (the client's socket has
                                                        sent to the peer before), answer-after: SECONDS
                                                        (of the lab's clock, then the client answers)
                                                        ipv6: true (through the IPv6 firewall)
  cross: {packet: plain|spoofed|local|routing-header|stray-error|error|ESP|AH|HIP|IKE|SCTP|SYN, sender: peer|client, port: N}
                                                        an IPv6 packet from one side to the other (effect6.PROBES): reached;
                                                        answered: the sender is told by ICMPv6 that it may not
  leave: PORT | {port, ports: [of the peer]}            UDP from a port of the client to the peer's
  natpmp: {opcode, internal, external, lifetime, version, raw: hex, to: ADDRESS, from: NODE}  a NAT-PMP request; a map has TCP
                                                        unless opcode says 1, and lifetime 3600; hear: PORT instead
                                                        listens to announcements, with then:
  pcp: {opcode: MAP|PEER|ANNOUNCE|N, internal, external, protocol: TCP|UDP|N, lifetime, address, nonce: hex, to-peer: [ADDRESS, PORT],
        client: ADDRESS, version, options: [{NAME: value}], raw: hex, to: ADDRESS, from: NODE, ipv6: true}    a PCP request; a
                                                        MAP for TCP and 3600 s unless it says otherwise, ANNOUNCE without internal;
                                                        the nonce is the same in all steps; options: THIRD_PARTY: ADDRESS,
                                                        PREFER_FAILURE:, FILTER: ADDRESS, DESCRIPTION: text, PORT_SET: [SIZE, FIRST],
                                                        N: hex; hear: PORT listens to 224.0.0.1 instead, with then:
  pcp: {upstream: {external, port, lifetime, refuse: [RESULT, LIFETIME], mute: true, lost: true}}    the peer is the router's next
                                                        hop from now on, and a PCP server that grants what it is told to
                                                        (pcp_server.py); lost: its table, and it announces that
  pcp: {asked: N}        what the router has asked it since the step before that looked, when there are N: replies (how many), and of
                                                        the last one opcode, internal, external, lifetime, protocol, nonce, names,
                                                        args as of an answer; address (of the client)
  advance: SECONDS       router: {control request}      again: N (repeat the step before N times)

Any step may say ``of: r2``: which router it talks to.

``call``, ``add`` and ``subscribe`` take ``at:`` (path or URL of their own, for descriptions that lead
nowhere); ``call`` and ``add`` need no description at all with ``at`` and ``action_ns``.

``expect`` (every member must hold; texts are regular expressions searched in latin-1 text):

  status, reason, version, head, not-head, body, not-body, header: {NAME: regex}, absent: [NAME]
  fault: code, text: regex, ok: true, args: {NAME: regex}, names: [argument names in order]
  replies: "N", ">=N", "0"; st, usn, location: regex; source-port, source: regex; sources: ">=2"
  segments: ">=N", seconds: ">=S", closed: true, size: ">=N", notes: regex (what a strict reader notes)
  error: eof|reset|refused|timeout|malformed|missing (no such service)
  left: ">=N" bytes behind the end of the answer; date-ahead: ">=N" (seconds by which DATE differs from the clock)
  reached: true|false, answered: true|false; source, source-port, sources: whom reach and leave come from
  kind: alive|byebye|update, event: {NAME: regex}, seq: N, events: ">=N"
  result, opcode, epoch, internal, external, lifetime: N; address: regex; of a NAT-PMP or PCP answer
  protocol: N, nonce: hex regex, peer: regex (ADDRESS:PORT), names: [options], args: {OPTION: hex regex} of a PCP answer
  early: true|false (an event came before the answer to SUBSCRIBE)
"""
import contextlib
import email.utils
import re
import select
import socket
import time
import xml.etree.ElementTree as ElementTree

from . import arrivals, description, effect, effect6, http, natpmp, pcp, pcp_server, soap, ssdp
from .controlpoint import ControlPoint
from .lab import LabError

GATEWAY = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"
SILENCE = 0.4  # seconds after which a lab's router has nothing more to say


class MissingService(Exception):
    """The description holds no service of that name."""


class Seen:
    """What a step saw: attributes by the names of ``expect``; missing ones are None."""

    def __init__(self, **members):
        self.__dict__.update(members)

    def __getattr__(self, name):
        return None

    def __repr__(self):
        return "; ".join(f"{k}={str(v)[:200]}" for k, v in self.__dict__.items() if v not in (None, ""))


def _compare(wanted, number):
    """Whether a number fits "N", ">=N", "<=N", ">N", "<N" or "!N"."""
    match = re.fullmatch(r"(>=|<=|>|<|!|)\s*(-?[\d.]+)", str(wanted).strip())
    if not match:
        raise ValueError(f"no comparison: {wanted!r}")
    if number is None:
        return False
    sign, limit = match[1], float(match[2])
    return {">=": number >= limit, "<=": number <= limit, ">": number > limit, "<": number < limit,
            "!": number != limit, "": number == limit}[sign]


NUMBERS = {"status", "fault", "replies", "segments", "seconds", "seq", "size", "source-port", "sources",
           "events", "date-ahead", "left", "result", "opcode", "epoch", "internal", "external", "lifetime", "protocol"}
TEXTS = {"reason", "version", "head", "body", "text", "st", "usn", "location", "source", "notes", "kind",
         "address", "nonce", "peer"}
MAPS = {"header", "args", "event"}


def _holds(key, wanted, seen):
    """Whether one member of ``expect`` holds."""
    value = getattr(seen, key.replace("-", "_"))
    if key in NUMBERS:
        return _compare(wanted, value)
    if key in TEXTS:
        return value is not None and re.search(str(wanted), value) is not None
    if key in ("not-head", "not-body"):
        value = getattr(seen, key[4:])
        return value is not None and re.search(str(wanted), value) is None
    if key in MAPS:
        found = {k.lower(): v for k, v in (value or {}).items()}
        return all(k.lower() in found and re.search(str(v), found[k.lower()]) for k, v in wanted.items())
    if key == "absent":
        found = {k.lower() for k in (seen.header or {"": ""})}
        return seen.header is not None and not any(name.lower() in found for name in wanted)
    if key == "names":
        return list((seen.args or {}).keys()) == wanted
    if key in ("ok", "closed", "reached", "answered", "early"):
        return bool(value) is bool(wanted) and value is not None
    if key == "error":
        return value in str(wanted).split("|")
    raise ValueError(f"unknown expectation {key!r}")


def unmet(expect, seen):
    """Sentences about the expectations that do not hold."""
    return [f"{key}: expected {wanted!r}" for key, wanted in expect.items()
            if not _holds(key, wanted, seen)]


def _error_of(error):
    if isinstance(error, EOFError):
        return "eof"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return "reset"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, MissingService):
        return "missing"
    return "malformed"


class Observer:
    """Carries out steps in a lab whose router r1 is the subject."""

    def __init__(self, lab, router="r1"):
        self.lab, self.router = lab, router
        self._cp, self._before, self._sid = None, None, None
        self._others, self._upstream = {}, None

    def of(self, router):
        """The observer of another router of the lab."""
        if router == self.router:
            return self
        if router not in self._others:
            self._others[router] = Observer(self.lab, router)
        return self._others[router]

    @property
    def cp(self):
        """Control point with the description; found without SSDP, which may be what is bent."""
        if self._cp is None:
            state = self.lab.router(self.router, op="state")
            self._cp = ControlPoint(self.lab, router=self.router)
            self._cp.description = description.fetch(self.lab, state["location"])
        return self._cp

    def _service(self, step):
        """The service that a step talks to."""
        try:
            return self.cp.description.service(step["service"]) if step.get("service") else self.cp.connection
        except (KeyError, AttributeError, ValueError) as error:
            raise MissingService(str(error)) from None

    def step(self, step):
        """Do one step; returns (Seen, list of unmet expectations)."""
        if "of" in step:
            return self.of(step["of"]).step({k: v for k, v in step.items() if k != "of"})
        verbs = [k for k in step if hasattr(self, f"do_{k}")]
        if len(verbs) != 1:
            raise ValueError(f"a step has one verb, found {verbs} in {list(step)}")
        begun = time.monotonic()
        try:
            seen = getattr(self, f"do_{verbs[0]}")(step[verbs[0]], step)
        except (OSError, EOFError, http.BadMessage, MissingService, ElementTree.ParseError) as error:
            seen = Seen(error=_error_of(error), text=str(error))
        except (LabError, KeyError) as error:  # a node or network that the topology does not have
            seen = Seen(error="missing", text=str(error))
        if "seconds" not in seen.__dict__:
            seen.seconds = time.monotonic() - begun
        if verbs[0] != "again":
            self._before = step
        return seen, unmet(step.get("expect", {}), seen)

    def _then(self, step):
        """What "then" asks for while an answer is awaited."""
        then = step.get("then") or []
        for request in [then] if isinstance(then, dict) else then:
            # What was sent is with the router before its clock moves.
            self.lab.router(self.router, op="sync")
            if "advance" in request:
                self.lab.advance(float(request["advance"]))
            else:
                self.lab.router(self.router, **request)

    # -- discovery -----------------------------------------------------------------------------------

    @staticmethod
    def _datagrams(datagrams, begun):
        parsed = []
        for data, source, when in datagrams:
            try:
                message = ssdp.Datagram(data, source, when)
                parsed.append((message, message.notes))
            except http.BadMessage as error:
                parsed.append((None, [str(error)]))
        seen = Seen(replies=len(datagrams), sources=len({s for _, s, _ in datagrams}))
        if datagrams:
            data, source, when = datagrams[0]
            seen.head = data.decode("latin-1")
            seen.source, seen.source_port, seen.size = source[0], source[1], len(data)
            seen.seconds = when - begun
            seen.notes = "\n".join(note for _, notes in parsed for note in notes)
            first = parsed[0][0]
            if first:
                seen.header, seen.kind = dict(reversed(first.head.headers)), first.kind
                seen.st, seen.usn = first.target or "", first.get("USN", "")
                seen.location = first.get("LOCATION", "")
            seen.body = "\n".join(d.decode("latin-1") for d, _, _ in datagrams)
        return seen

    def _gather(self, sock, begun, step, wait=SILENCE, count=None, wanted=lambda data: True):
        """The datagrams that answer what was sent since *begun*, or caused by ``then``. A step that has ``wait`` takes what comes
        within it."""
        until = (time.time() if "then" in step else begun) + step["wait"] if "wait" in step else None
        return arrivals.datagrams(self.lab, sock, step.get("wait", wait), until, step.get("count", count), wanted)

    def do_search(self, what, step):
        what = {"st": what} if isinstance(what, str) else dict(what)
        node, network = what.get("from", "client"), what.get("network")
        if "group" in what:
            sock, scope = ssdp.search_socket6(self.lab, node, network)
            to, host = (what["group"], ssdp.PORT, 0, scope), f"[{what['group'].upper()}]:{ssdp.PORT}"
        else:
            sock = ssdp.search_socket(self.lab, node, network, port=what.get("from-port", 0))
            to = what.get("to", "multicast")
            named = {"multicast": ssdp.GROUP, "unicast": self.lab.lan_address(self.router)}
            to, host = (named.get(to, to), ssdp.PORT), f"{ssdp.GROUP}:{ssdp.PORT}"
        with sock:
            if "raw" in what:
                data = what["raw"].encode("latin-1")
            else:
                data = ssdp.search_bytes(what.get("st", GATEWAY), what.get("mx", 1), what.get("host", host),
                                         what.get("man", '"ssdp:discover"'),
                                         extra=tuple(what.get("extra", {}).items()))
            begun = arrivals.stamped(sock)
            sock.sendto(data, to)
            self._then(step)
            return self._datagrams(self._gather(sock, begun, step), begun)

    def do_notify(self, what, step):
        after = str((what or {}).get("after", "reboot"))
        with ssdp.listen_socket(self.lab) as sock:
            begun = arrivals.stamped(sock)
            if after.startswith("advance"):
                self.lab.advance(float(after.split()[1]))
            elif after == "byebye":
                self.lab.router(self.router, op="quit")
            elif after == "reboot":
                self.lab.router(self.router, op="reboot")
            elif after == "search":
                with ssdp.search_socket(self.lab) as other:
                    other.sendto(ssdp.search_bytes(what.get("st", GATEWAY)), (ssdp.GROUP, ssdp.PORT))
            got = self._gather(sock, begun, step, wanted=lambda data: not data.startswith(b"M-SEARCH"))
            return self._datagrams(got, begun)

    # -- HTTP ------------------------------------------------------------------------------------------

    @staticmethod
    def _reply(reply, begun):
        head = reply.raw[:len(reply.raw) - len(reply.body)].decode("latin-1")
        try:
            date = email.utils.parsedate_to_datetime(reply.get("DATE")).timestamp() - time.time()
        except (TypeError, ValueError):
            date = None
        return Seen(date_ahead=date, status=reply.status, reason=reply.reason, head=head,
                    version="%d.%d" % reply.version, body=reply.body.decode("latin-1"),
                    header=dict(reversed(reply.head.headers)), segments=len(reply.segments),
                    closed=reply.closed, notes="\n".join(reply.notes), size=len(reply.body),
                    seconds=time.monotonic() - begun)

    def _exchange(self, where, pieces, step=None, to_head=False, listener=None):
        step = step or {}
        port = step.get("port", where.port)
        with arrivals.Segments(self.lab, "client", where.host, port) if "segments" in step.get("expect", {}) else \
                contextlib.nullcontext() as segments, \
                http.Client(self.lab.connect("client", where.host, port), step.get("limit")) as client:
            client.socket.settimeout(step.get("timeout", 15))
            begun = time.monotonic()
            for number, piece in enumerate(pieces):
                if number and step.get("gap"):
                    select.select([], [], [], step["gap"])
                client.send(piece)
            if step.get("half-close"):
                client.socket.shutdown(socket.SHUT_WR)
            early = listener and client.socket not in \
                select.select([client.socket, listener], [], [], step.get("timeout", 15))[0]
            reply = client.receive(to_head)
            seen = self._reply(reply, begun)
            if segments:
                seen.segments = segments.count()
            seen.early = early
            seen.left = len(client._pending)
            if not seen.closed:
                watched = {"closed", "left"} & set(step.get("expect", {}))
                if watched:
                    arrivals.settled(self.lab)
                client.socket.settimeout(0.15 if watched else 0)
                try:
                    more = client.socket.recv(65536)
                    seen.closed, seen.left = more == b"", seen.left + len(more)
                except (TimeoutError, BlockingIOError):
                    seen.closed = False
                except OSError:
                    seen.closed = True
            return seen, reply

    def _location(self):
        return description.url(self.lab.router(self.router, op="state")["location"])

    def do_get(self, what, step):
        where = self._location()
        if what.startswith("scpd "):
            where = self._service({"service": what.split()[1]}).scpd
        elif what != "description":
            where = description.Url(where.host, where.port, what)
        method = step.get("method", "GET")
        data = http.request(method, where.path, where.authority, tuple(step.get("headers", {}).items()),
                            version=step.get("version", "1.1"))
        return self._exchange(where, [data], step, method == "HEAD")[0]

    def do_raw(self, what, step):
        where = self._location()
        pieces = [what] if isinstance(what, str) else what
        fill = {"{path}": where.path, "{host}": where.authority}
        if any("{control}" in p for p in pieces):
            fill["{control}"] = self._service(step).control.path
        for key, value in fill.items():
            pieces = [p.replace(key, value) for p in pieces]
        return self._exchange(where, [p.encode("latin-1") for p in pieces], step)[0]

    def do_call(self, action, step):
        kind = step.get("action_ns") or self._service(step).type
        where = description.url(step["at"], self._location()) if "at" in step else self._service(step).control
        body = step["body"].encode("latin-1") if "body" in step else \
            soap.body(kind, action, tuple(step.get("args", {}).items()))
        headers = [("Content-Type", 'text/xml; charset="utf-8"'),
                   ("SOAPACTION", step.get("soapaction", f'"{kind}#{action}"'))]
        for name, value in step.get("headers", {}).items():
            headers = [h for h in headers if h[0].lower() != name.lower()]
            if value is not None:
                headers.append((name, value))
        data = http.request("POST", where.path, where.authority, headers, body)
        seen, reply = self._exchange(where, [data], step)
        try:
            seen.args = {k.split("}")[-1]: v for k, v in soap.parse(reply, kind, action).items()}
            seen.ok = True
        except soap.Fault as fault:
            seen.fault, seen.text, seen.ok = fault.code, fault.text, False
        except http.BadMessage as error:
            seen.error, seen.text, seen.ok = "malformed", str(error), False
        seen.notes = "\n".join(reply.notes)
        return seen

    def do_add(self, what, step):
        what = {"port": what} if isinstance(what, int) else dict(what)
        port = what["port"]
        for earlier in range(port, what["to"]) if "to" in what else ():
            self.do_add({k: v for k, v in what.items() if k != "to"} | {"port": earlier}, step)
        port = what.get("to", port)
        args = {"NewRemoteHost": what.get("remote", ""), "NewExternalPort": port,
                "NewProtocol": what.get("protocol", "TCP"),
                "NewInternalPort": what.get("internal", port),
                "NewInternalClient": what.get("client", self.lab.address_of("client")),
                "NewEnabled": what.get("enabled", 1),
                "NewPortMappingDescription": what.get("text", "igdlab"),
                "NewLeaseDuration": what.get("lease", 0)}
        action = "AddAnyPortMapping" if what.get("any") else "AddPortMapping"
        return self.do_call(action, {**step, "args": args})

    # -- events ----------------------------------------------------------------------------------------

    def do_subscribe(self, what, step):
        what = dict(what or {})
        where = description.url(step["at"], self._location()) if "at" in step else self._service(step).event
        with self.lab.listen("client", 7777) as listener:
            new = "sid" not in what
            callback = f"<http://{self.lab.address_of('client')}:7777/>"
            headers = {"CALLBACK": what.get("callback", callback if new else None),
                       "NT": what.get("nt", "upnp:event" if new else None),
                       "TIMEOUT": what.get("timeout", "Second-1800"),
                       "SID": self._sid if what.get("sid") == "last" else what.get("sid"),
                       **what.get("headers", {})}
            lines = [(k, v) for k, v in headers.items() if v is not None]
            seen, _ = self._exchange(where, [http.request(what.get("method", "SUBSCRIBE"), where.path,
                                                          where.authority, lines)], listener=listener)
            self._sid = seen.header.get("SID", self._sid)
            self._then(step)
            self._events(listener, seen, step.get("wait", SILENCE), what.get("answer", True))
        return seen

    def _events(self, listener, seen, wait, answer):
        seen.events, seen.event, seen.body = 0, {}, ""
        for _ in arrivals.arrivals(self.lab, listener, wait):
            sock, _ = listener.accept()
            with sock:
                sock.settimeout(2)
                data = b""
                while True:
                    parsed = http.parse_head(data)
                    if parsed and len(data) - parsed[1] >= int(parsed[0].get("Content-Length") or 0):
                        break
                    piece = sock.recv(65536)
                    if not piece:
                        break
                    data += piece
                if answer:
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            seen.events += 1
            seen.body += data.decode("latin-1")
            parsed = http.parse_head(data)
            if parsed and (parsed[0].get("SEQ") or "").isdigit():
                seen.seq = int(parsed[0].get("SEQ"))
            for name, value in re.findall(rb"<(\w+)>([^<]*)</\1>", data):
                seen.event[name.decode()] = value.decode("latin-1")

    # -- NAT-PMP and PCP -----------------------------------------------------------------------------------------

    @staticmethod
    def _pmp_request(what):
        if "raw" in what:
            return bytes.fromhex(what["raw"])
        opcode, version = what.get("opcode", natpmp.TCP if "internal" in what else natpmp.ADDRESS), what.get("version", 0)
        if opcode == natpmp.ADDRESS:
            return natpmp.address_request(version)
        return natpmp.map_request(opcode, what["internal"], what.get("external", what["internal"]),
                                  what.get("lifetime", 3600), version)

    def _datagram(self, sock, request, to, step):
        """Send a request, if there is one; returns (what is seen, the bytes of the last answer or None)."""
        many = "replies" in step.get("expect", {}) or "sources" in step.get("expect", {})
        with sock:
            begun = arrivals.stamped(sock)
            if request is not None:
                sock.sendto(request, to)
            self._then(step)
            got = self._gather(sock, begun, step, SILENCE if many else 2.0, None if many else 1)
        seen = Seen(replies=len(got), sources=len({source for _, source, _ in got}), seconds=time.time() - begun)
        if not got:
            return seen, None
        data, source, _ = got[-1]
        seen.__dict__.update(source=source[0], source_port=source[1], size=len(data), body=data.hex(), version=str(data[0]) if data else "")
        return seen, data

    def do_natpmp(self, what, step):
        node, request, to = what.get("from", "client"), None, None
        if "hear" not in what:
            request, to = self._pmp_request(what), (what.get("to", self.lab.lan_address(self.router)), natpmp.PORT)
        sock = self.lab.socket(node) if request else natpmp.listen(self.lab, node, what["hear"])
        seen, data = self._datagram(sock, request, to, step)
        if data is not None:
            answer = natpmp.parse(data)
            seen.__dict__.update(notes="\n".join(answer.notes), **{name: getattr(answer, name) for name in
                                 ("result", "opcode", "epoch", "internal", "external", "lifetime", "address")})
        return seen

    def close(self):
        """End what was started beside the router."""
        for observer in self._others.values():
            observer.close()
        if self._upstream:
            self._upstream.__exit__()

    def _with_upstream(self, what):
        """Tell the PCP server upstream something, or look at what it was asked."""
        if "asked" in what:
            asks = self._upstream.news(what["asked"])
            return Seen(replies=len(asks), **(pcp_server.fields(asks[-1]) if asks else {}))
        if not self._upstream:
            self._upstream = pcp_server.behind(self.lab, self.router).__enter__()
        self._upstream.told(**what["upstream"] or {})
        return Seen(ok=True)

    def do_pcp(self, what, step):
        if "upstream" in what or "asked" in what:
            return self._with_upstream(what)
        node, request, to = what.get("from", "client"), None, None
        with pcp.Client(self.lab, node, what.get("to") or self.lab.port(self.router, role="lan")[
                "address6" if what.get("ipv6") else "address"], bool(what.get("ipv6"))) as client:
            if "hear" not in what:
                request, to = pcp.request_of(client, what), (client.to, pcp.PORT)
            sock = client.sock.dup() if request is not None else pcp.listen(self.lab, node, what["hear"])
        seen, data = self._datagram(sock, request, to, step)
        if data is not None:
            answer = pcp.parse(data)
            seen.__dict__.update(notes="\n".join(answer.notes), nonce=(answer.nonce or b"").hex(),
                                 peer="%s:%d" % answer.peer if answer.peer else None,
                                 args={pcp.NAMES.get(code, str(code)): value.hex() for code, value in answer.options},
                                 **{name: getattr(answer, name) for name in ("result", "opcode", "epoch", "internal",
                                    "external", "lifetime", "address", "protocol")})
        return seen

    # -- effect, time, state -----------------------------------------------------------------------------

    def do_reach(self, what, step):
        what = {"port": what} if isinstance(what, int) else dict(what)
        if what.pop("ipv6", False):
            return Seen(reached=effect6.reaches(self.lab, what.pop("port"), what.pop("protocol", "TCP"),
                                                **{k.replace("-", "_"): v for k, v in what.items()}))
        probe = effect.udp_source if what.pop("protocol", "TCP") == "UDP" else effect.tcp_source
        if "answer-after" in what:
            seconds = float(what.pop("answer-after"))
            what["answer"] = lambda: self.lab.advance(seconds)
        source = probe(self.lab, what.pop("port"), **{k.replace("-", "_"): v for k, v in what.items()})
        seen = Seen(reached=source is not None)
        if "answer" in what:
            seen.answered = bool(source)
        elif source:
            seen.source, seen.source_port = source
        return seen

    def do_cross(self, what, step):
        reached, answered = effect6.crosses(self.lab, what["packet"], what.get("sender", "peer"), what.get("port", 5000))
        return Seen(reached=reached, answered=answered)

    def do_leave(self, what, step):
        what = {"port": what} if isinstance(what, int) else dict(what)
        sources = [s for s in effect.leaves_from(self.lab, **what) if s]
        seen = Seen(reached=bool(sources), sources=len(set(sources)))
        if sources:
            seen.source, seen.source_port = sources[0]
        return seen

    def do_advance(self, seconds, step):
        self.lab.advance(float(seconds))
        return Seen(ok=True)

    def do_router(self, request, step):
        self.lab.router(self.router, **request)
        return Seen(ok=True)

    def do_again(self, times, step):
        last = dict(self._before)
        if "expect" in step:
            last["expect"] = step["expect"]
        for _ in range(int(times) - 1):
            self.step({**last, "expect": {}})
        verb = next(k for k in last if hasattr(self, f"do_{k}"))
        return getattr(self, f"do_{verb}")(last[verb], last)


def observe(lab, steps, router="r1", enough=None):
    """Do all steps; returns sentences about every expectation that did not hold, at least *enough*."""
    sentences = []
    with contextlib.closing(Observer(lab, router)) as observer:
        for number, step in enumerate(steps, 1):
            seen, missing = observer.step(step)
            sentences += [f"step {number} ({', '.join(k for k in step if k != 'expect')}): {m}; saw {seen!r}"
                          for m in missing]
            if enough and len(sentences) >= enough:
                break
    return sentences
