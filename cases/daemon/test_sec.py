# SPDX-License-Identifier: MIT
"""Published attacks (area SEC): after each, the subject still serves, and its memory did not grow."""
import contextlib
import re
import select

import pytest

from cases.harness import http, soap, ssdp
from cases.harness.controlpoint import fault_of
from cases.harness.description import get
from cases.harness.events import Subscription
from cases.harness.lab import growth_allowed
from cases.harness.portmap import REFUSALS
from cases.harness.requirement import nonstrict, requirement

OUTSIDE = "44.0.1.10"
REFUSED = range(400, 600)


@pytest.fixture
def alive(subject, lab, cp):
    """After the check: discovery, description, control and a mapping work, and the memory is what it was."""
    before = subject.memory_kib() if subject.fake or subject.adapter.values.get("memory") else None
    yield
    assert ssdp.search(lab, "upnp:rootdevice"), "no answer to a search afterwards"
    assert get(lab, "client", cp.description.location).status == 200
    cp.add(20999)
    assert subject.reaches(20999), "mappings do not forward afterwards"
    cp.delete(20999)
    if before is not None:
        assert subject.memory_kib() - before < growth_allowed(), "memory grew"


def status_of(cp, data, node="client"):
    """Status of the answer to raw bytes at the control port; 0 when the connection ends without one."""
    where = cp.connection.control
    with http.Client(cp.lab.connect(node, where.host, where.port)) as client:
        with contextlib.suppress(EOFError, ConnectionError, BrokenPipeError):
            return client.exchange(data).status
    return 0


def envelope(cp, inner, action="AddPortMapping"):
    """A control request around any text."""
    where, kind = cp.connection.control, cp.connection.type
    body = (f'<?xml version="1.0"?><s:Envelope xmlns:s="{soap.ENVELOPE}" s:encodingStyle="{soap.ENCODING}"><s:Body>'
            f'<u:{action} xmlns:u="{kind}">{inner}</u:{action}></s:Body></s:Envelope>').encode()
    return http.request("POST", where.path, where.authority, [
        ("Content-Type", "text/xml"), ("SOAPACTION", f'"{kind}#{action}"')], body)


def subscribe(cp, *headers):
    """Status of a SUBSCRIBE with those headers."""
    where = cp.connection.event
    with http.Client(cp.lab.connect("client", where.host, where.port)) as client:
        with contextlib.suppress(EOFError, ConnectionError):
            reply = client.exchange(http.request("SUBSCRIBE", where.path, where.authority, headers))
            if reply.get("SID"):
                client.socket.close()
                with http.Client(cp.lab.connect("client", where.host, where.port)) as again:
                    again.exchange(http.request("UNSUBSCRIBE", where.path, where.authority, [("SID", reply.get("SID"))]))
            return reply.status
    return 0


EVENT = [("NT", "upnp:event"), ("TIMEOUT", "Second-300")]


@pytest.mark.bulk
@requirement("SEC-01", needs="wan-side")
@pytest.mark.parametrize("callback", ["<http://{out}:7777/>", "<http://{in}:7777/><http://{out}:7777/>",
                                      "<http://10.99.0.1:7777/>"], ids=["outside", "one-of-two", "other-net"])
def test_callback_elsewhere_is_refused(lab, cp, alive, callback):
    text = callback.replace("{out}", OUTSIDE).replace("{in}", lab.address_of("client"))
    with lab.listen("peer", 7777) as listener, lab.listen("client", 7777):
        status = subscribe(cp, ("CALLBACK", text), *EVENT)
        assert cp.external_address()
        assert not select.select([listener], [], [], 0.3)[0], "it connected to the peer"
    if text.startswith(f"<http://{lab.address_of('client')}") and status == 200:
        return  # the good one alone is used
    assert status == 412


@pytest.mark.bulk
@requirement("SEC-02")
@pytest.mark.parametrize("many", [5, 50])
def test_many_callbacks_get_one_event(lab, cp, alive, many):
    with lab.listen("client", 7777) as listener:
        listener.setblocking(False)
        urls = "".join(f"<http://{lab.address_of('client')}:7777/{n}>" for n in range(many))
        where = cp.connection.event
        with http.Client(lab.connect("client", where.host, where.port)) as client:
            reply = client.exchange(http.request("SUBSCRIBE", where.path, where.authority, [("CALLBACK", urls), *EVENT]))
        count = 0
        while select.select([listener], [], [], 0.5)[0]:
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(2)
                accepted.recv(65536)
                accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            count += 1
        if reply.status == 200:
            with http.Client(lab.connect("client", where.host, where.port)) as client:
                client.exchange(http.request("UNSUBSCRIBE", where.path, where.authority, [("SID", reply.get("SID"))]))
        assert count <= 2


@requirement("SEC-03")
def test_callback_by_name_is_refused(cp, alive):
    assert subscribe(cp, ("CALLBACK", "<http://rebind.example:7777/>"), *EVENT) in REFUSED


@requirement("SEC-04", needs="wan-side")
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_mapping_to_the_outside_is_refused(subject, lab, cp, alive, protocol):
    assert fault_of(cp.add, 20000, protocol, internal=53, client=lab.address_of("peer2")) != 0
    assert not subject.reaches(20000, protocol, client="peer2", internal=53)


@requirement("SEC-05", igd=2, needs="other")
@pytest.mark.parametrize("port", [139, 445])
def test_file_sharing_of_others_is_refused(subject, lab, cp, alive, port):
    assert fault_of(cp.add, 20000, internal=port, client=lab.address_of("other")) != 0
    assert not subject.reaches(20000, client="other", internal=port)


@requirement("SEC-06")
@pytest.mark.parametrize("client", ["{lan}", "127.0.0.1", "0.0.0.0", "239.255.255.250"])
def test_mapping_to_the_router_is_refused(lab, cp, alive, client):
    port = cp.connection.control.port
    address = client.replace("{lan}", lab.lan_address())
    assert fault_of(cp.add, 20000, internal=port, client=address) != 0
    with contextlib.suppress(OSError, EOFError):
        with http.Client(lab.connect("peer", lab.wan_address(), 20000, timeout=0.5)) as client:
            raise AssertionError(client.exchange(http.request("GET", "/", "x")).raw)


@requirement("SEC-07", needs="wan-side")
def test_control_outside_is_refused(lab, cp, alive):
    data = soap.request(cp.connection.control, cp.connection.type, "GetExternalIPAddress")
    with contextlib.suppress(OSError, EOFError):
        with http.Client(lab.connect("peer", lab.wan_address(), cp.connection.control.port, timeout=1)) as client:
            raise AssertionError(f"answered {client.exchange(data).status}")


@pytest.mark.bulk
@requirement("SEC-07", needs=["wan-side", "ipv6"])
@pytest.mark.parametrize("role", ["wan", "lan"])
def test_control_outside_is_refused_over_ipv6(lab, cp, alive, role):
    """At either address of the router; the one of the LAN is global, too."""
    where, sock = cp.connection.control, lab.socket("peer", "stream", "inet6")
    data = http.request("GET", where.path, where.authority)
    sock.settimeout(1)
    with contextlib.closing(sock), contextlib.suppress(OSError, EOFError):
        sock.connect((lab.port("r1", role=role)["address6"], where.port))
        raise AssertionError(f"answered {http.Client(sock).exchange(data).status}")


LONG_SEARCHES = [b"uuid:" + b"A" * 1000, b"urn:" + b"B" * 1400, b"urn:schemas-upnp-org:service:" + b":" * 900,
                 b"urn:schemas-upnp-org:device:" + b"x" * 600 + b":1", b"uuid:%n%s%x%n::" + b"upnp:" * 100]


@pytest.mark.sanitize
@requirement("SEC-08")
@pytest.mark.parametrize("target", LONG_SEARCHES, ids=lambda t: f"{t[:8].decode()}-{len(t)}")
def test_long_search_target(lab, cp, alive, target):
    with ssdp.search_socket(lab) as sock:
        sock.sendto(ssdp.search_bytes(target.decode()), (ssdp.GROUP, ssdp.PORT))


@pytest.mark.sanitize
@requirement("SEC-09")
@pytest.mark.parametrize("data", [b"M", b"M-SEARCH * HTTP/1.1", b"M-SEARCH * HTTP/1.1\r\nST: upnp:rootdevice",
                                  b"M-SEARCH * HTTP/1.1\r\nMX: 1\r\nMAN: \"ssdp:discover\"\r\nST:", b"\0" * 1400, b""],
                         ids=["one", "start", "no-end", "st-at-end", "zeros", "empty"])
def test_broken_search(lab, cp, alive, data):
    with ssdp.search_socket(lab) as sock:
        sock.sendto(data, (ssdp.GROUP, ssdp.PORT))


@pytest.mark.sanitize
@requirement("SEC-09", "SEC-14")
@pytest.mark.parametrize("value", ['"' + "A" * 2100 + '#GetExternalIPAddress"', '"urn:x#' + "A" * 7000 + '"', '"', '""', "#", '"#"', "%n%s#%x"],
                         ids=["long-type", "long-action", "quote", "quotes", "hash", "nothing", "format"])
def test_odd_soapaction(cp, alive, value):
    where = cp.connection.control
    data = http.request("POST", where.path, where.authority, [("Content-Type", "text/xml"), ("SOAPACTION", value)],
                        soap.body(cp.connection.type, "GetExternalIPAddress", ()))
    assert status_of(cp, data) in (0, 200, *REFUSED)  # whoever goes by the path alone may answer


@pytest.mark.sanitize
@pytest.mark.bulk
@requirement("SEC-10")
@pytest.mark.parametrize("size", ["ffffffff", "-1", "fffffffffffffffe", "12345678901234567890", "7fffffff", "xyz", ""])
def test_chunk_size(cp, alive, size):
    where = cp.connection.control
    data = http.request("POST", where.path, where.authority, [
        ("Transfer-Encoding", "chunked"), ("Content-Type", "text/xml"),
        ("SOAPACTION", f'"{cp.connection.type}#GetExternalIPAddress"')], length=False)
    with http.Client(cp.lab.connect("client", where.host, where.port)) as client:
        client.send(data + size.encode() + b"\r\nabc\r\n0\r\n\r\n")
        client.socket.settimeout(1)  # one that waits for the rest is as good as one that refuses
        with contextlib.suppress(EOFError, ConnectionError, TimeoutError):
            assert client.receive().status in REFUSED


@requirement("SEC-11")
def test_long_callback_leaks_nothing(lab, cp, alive):
    path = "/" + "p" * 600
    with lab.listen("client", 7777) as listener:
        status = subscribe(cp, ("CALLBACK", f"<http://{lab.address_of('client')}:7777{path}>"), *EVENT)
        if status != 200 or not select.select([listener], [], [], 2)[0]:
            return
        accepted, _ = listener.accept()
        with accepted:
            accepted.settimeout(2)
            head = accepted.recv(65536).split(b"\r\n\r\n")[0].split(b"\r\n")
        match = re.fullmatch(rb"NOTIFY (/p*) HTTP/1\.1", head[0])
        assert match and path.encode().startswith(match[1]), head[0]
        assert all(re.fullmatch(rb"[\x20-\x7e]+", line) and len(line) < 700 for line in head)


@requirement("SEC-12")
@pytest.mark.parametrize("action", ["AddPortMapping", "DeletePortMapping", "GetSpecificPortMappingEntry",
                                    "GetGenericPortMappingEntry", "SetConnectionType"])
def test_no_arguments(cp, alive, action):
    assert fault_of(cp.call, action) in (402, 606, 731)


@requirement("SEC-12", igd=2)
@pytest.mark.parametrize("action", ["AddAnyPortMapping", "DeletePortMappingRange", "GetListOfPortMappings"])
def test_no_arguments_second_version(cp, alive, action):
    assert fault_of(cp.call, action) in (402, 606)


@pytest.mark.sanitize
@requirement("SEC-15")
@pytest.mark.parametrize("kind", ["upload", "deep", "attributes", "entities"])
def test_parsers(cp, alive, kind):
    where = cp.connection.control
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi")) + "]><x>&i;</x>"
    data = {"upload": http.request("POST", "/a", where.authority, body=b"x" * 1000),
            "deep": envelope(cp, "<a>" * 20000),
            "attributes": envelope(cp, "<a " + "b='c' " * 10000 + "/>"),
            "entities": http.request("POST", where.path, where.authority, [
                ("Content-Type", "text/xml"), ("SOAPACTION", f'"{cp.connection.type}#AddPortMapping"')],
                bomb.encode())}[kind]
    assert status_of(cp, data) in (0, *REFUSED)


@requirement("SEC-15")
def test_long_method(cp, alive):
    assert status_of(cp, http.request("A" * 4000, "/", cp.connection.control.authority)) in (0, *REFUSED)


@pytest.mark.sanitize
@requirement("SEC-16")
@pytest.mark.parametrize("callback", ["<", ">", "<>", "><", "<http://", "<http://>", "http://a", "<http://a><", "<<http://a>>",
                                      "<http://a>" * 100, "<http://[::1>", "<http://:99999/>"])
def test_odd_callback(cp, alive, callback):
    assert subscribe(cp, ("CALLBACK", callback), *EVENT) in (0, *REFUSED)


@requirement("SEC-17")
@pytest.mark.parametrize("what", ["control", "event", "description"])
def test_dns_rebinding(cp, alive, what):
    where = cp.description.location if what == "description" else getattr(cp.connection, what)
    method = {"control": "POST", "event": "SUBSCRIBE", "description": "GET"}[what]
    headers, body = [], b""
    if what == "control":
        headers = [("Content-Type", "text/xml"), ("SOAPACTION", f'"{cp.connection.type}#GetExternalIPAddress"')]
        body = soap.body(cp.connection.type, "GetExternalIPAddress", ())
    if what == "event":
        headers = [("CALLBACK", f"<http://{cp.lab.address_of('client')}:7777/>"), *EVENT]
    status = status_of(cp, http.request(method, where.path, "attacker.example", headers, body))
    assert status in (0, *range(400, 500))


@requirement("SEC-18")
@pytest.mark.parametrize("client", ["`touch /tmp/igdlab-was-here`", "$(touch /tmp/igdlab-was-here)", "192.168.1.4;touch /tmp/igdlab-was-here"])
def test_injection_in_the_client(subject, cp, alive, client):
    assert fault_of(cp.add, 20000, client=client) in REFUSALS
    if "wan-control" in subject.abilities:
        assert cp.lab.run("r1", "test", "-e", "/tmp/igdlab-was-here").code != 0


@pytest.mark.sanitize
@requirement("SEC-19", "SEC-22")
@pytest.mark.parametrize("headers", [(("CALLBACK", "<http://192.168.1.4/" + "a" * 1000 + ">" * 20),),
                                     (("SID", "uuid:" + "A" * 500),), (("SID", "A" * 4000),), (("SID", ""),)],
                         ids=["callback", "sid-500", "sid-4000", "sid-empty"])
def test_long_subscription(cp, alive, headers):
    more = EVENT if headers[0][0] == "CALLBACK" else EVENT[1:]
    assert subscribe(cp, *headers, *more) in (0, 200, *REFUSED)


@requirement("SEC-20")
def test_format_string_in_connection_type(cp, alive):
    assert fault_of(cp.call, "SetConnectionType", ("NewConnectionType", "%n%s%x%n")) in (402, 600, 601, 606, 703, 731)


@requirement("SEC-21")
def test_vendor_upgrade(cp, alive):
    for service in cp.description.services:
        actions = re.findall(rb"<name>\s*(\w*(?:Upgrade|Firmware|Exec|Command)\w*)\s*</name>", get(cp.lab, "client", service.scpd).body)
        assert not actions, f"{service.type} has {actions}"
    assert fault_of(cp.call, "Upgrade", ("NewStatusURL", "$(touch /tmp/x)")) in (401, 402, 602, 606)


@pytest.mark.bulk
@requirement("SEC-25", needs="wan-side")
def test_amplification(lab, cp, alive):
    request = ssdp.search_bytes("ssdp:all")
    with ssdp.search_socket(lab) as sock:
        sock.sendto(request, (ssdp.GROUP, ssdp.PORT))
        inside, most = 0, 150 * len(request)
        while inside < most and select.select([sock], [], [], 0.5)[0]:
            inside += len(sock.recv(65536))
    with lab.socket("peer") as sock:
        sock.sendto(request, (lab.wan_address(), ssdp.PORT))
        sock.settimeout(0.5)
        with contextlib.suppress(TimeoutError, ConnectionRefusedError):
            raise AssertionError(f"{sock.recv(65536)} outside")
    assert 0 < inside < most


@requirement("SEC-26")
def test_no_secrets(lab, cp, alive):
    documents = [cp.description.reply.body] + [get(lab, "client", s.scpd).body for s in cp.description.services]
    for text in documents:
        assert not re.search(rb"(?i)passphrase|wpakey|psk>|<password>[^<]", text)
    with contextlib.suppress(soap.Fault):
        assert cp.call("GetPassword").get("NewPassword", "") == ""


@pytest.mark.bulk
@requirement("SEC-27", needs="other")
def test_many_mappings_of_one_host(subject, cp, other, alive):
    codes = {fault_of(cp.add, port, lease=600) for port in range(21000, 21300)}
    assert codes <= {0, 501, 728, 718}
    other.add(20000)
    assert subject.reaches(20000, client="other")
    for port in range(21000, 21300):
        fault_of(cp.delete, port)


@requirement("SEC-28")
@pytest.mark.parametrize("start", [b"", b"POST ", b"GET / HTTP/1.1\r\nHost:"], ids=["silent", "word", "half-head"])
def test_half_requests(lab, cp, alive, start):
    where = cp.connection.control
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            sock = stack.enter_context(lab.connect("client", where.host, where.port))
            sock.sendall(start)
        assert get(lab, "other" if "other" in lab.info["nodes"] else "client", cp.description.location).status == 200


@pytest.mark.bulk
@requirement("SEC-28")
def test_many_subscriptions(lab, cp, alive):
    with contextlib.ExitStack() as stack:
        refused = {stack.enter_context(Subscription(lab, cp.connection)).refused for _ in range(150)}
    assert refused <= {None, 500, 503}


@requirement("SEC-29")
def test_server_header(lab, cp):
    server = get(lab, "client", cp.description.location).get("SERVER", "")
    if re.search(r"\d+\.\d+\.\d+-\S|#\d+|SMP", server):
        nonstrict(f"SERVER tells the exact build: {server}")


@pytest.mark.sanitize
@requirement("SEC-34")
@pytest.mark.parametrize("path", ["/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/%00", "/a%00b",
                                  "/#x", "/user:pw@host/", "*", "http://u:p@[::1]:99999/"], ids=str)
def test_odd_urls(cp, alive, path):
    is_not_found(cp, path)


@requirement("SEC-34")
@pytest.mark.parametrize("path", ["/?" + "a" * 3000, "/" + "../" * 500], ids=["query", "dots"])
def test_long_urls(cp, alive, path):
    is_not_found(cp, path)


def is_not_found(cp, path):
    """A path answers with anything but a page or a file."""
    where = cp.description.location
    with http.Client(cp.lab.connect("client", where.host, where.port)) as client:
        with contextlib.suppress(EOFError, ConnectionError):
            reply = client.exchange(http.request("GET", path, where.authority))
            assert b"root:" not in reply.body and reply.status != 200
