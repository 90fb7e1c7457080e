# SPDX-License-Identifier: MIT
"""fieldlog.py - the field log of 2025-07-28 replayed request by request against its profile.

The expected bytes are data (captures/field-2025-07-28-nested.flow.json; the .yaml beside it proves
them). The replay sends the log's requests from the client's node and compares the replies byte for
byte; only the value of DATE is masked.
"""
import email.utils
import json
import re
import time

import yaml

from . import http, ssdp
from .lab import REPOSITORY, Lab

NAME = "field-2025-07-28-nested"
CAPTURES = REPOSITORY / "captures"
PROFILE = CAPTURES / f"{NAME}.profile.yaml"
_DATE = re.compile(rb"(?im)^(date:\s*)[^\r\n]*")


def _exchange(name, request, reply):
    return {"name": name, "request": request.encode("latin-1"), "reply": reply.encode("latin-1")}


def expected():
    """The log's exchanges: {"discovery": x, "description": x, "soap": [x] * 7}, bytes in and out.

    The request of the discovery is not in the log; the .yaml has it from the program's source. A
    request without its reply is left out.
    """
    flow = json.loads((CAPTURES / f"{NAME}.flow.json").read_text())
    about = yaml.safe_load((CAPTURES / f"{NAME}.yaml").read_text())
    by_protocol = {"ssdp": [], "http": [], "soap": []}
    for e in flow["exchanges"]:
        if e.get("replies"):
            request = e["request"]["text"] if "request" in e else about["discovery"]
            by_protocol[e["protocol"]].append(_exchange(e["name"], request, e["replies"][0]["text"]))
    (discovery,), (description,) = by_protocol["ssdp"], by_protocol["http"]
    router = next(e["request"]["to"] for e in flow["exchanges"] if e["protocol"] == "soap")
    return {"discovery": discovery, "description": description, "soap": by_protocol["soap"],
            "port": int(router.rsplit(":", 1)[1])}


def difference(wanted, got):
    """None when the bytes are the same but for the value of DATE; else a sentence about the first."""
    wanted, got = _DATE.sub(rb"\1*", wanted), _DATE.sub(rb"\1*", got)
    if wanted == got:
        return None
    at = next((i for i, (a, b) in enumerate(zip(wanted, got)) if a != b), min(len(wanted), len(got)))
    return (f"differs at byte {at}: expected {wanted[max(0, at - 20):at + 20]!r}, "
            f"got {got[max(0, at - 20):at + 20]!r}")


def _post(lab, exchange, port):
    """One SOAP exchange over a connection of its own, as the log's client does."""
    with http.Client(lab.connect("client", lab.lan_address(), port)) as client:
        begun = time.monotonic()
        reply = client.exchange(exchange["request"])
        return reply, time.monotonic() - begun


def _lease(body):
    return int(re.search(rb"<NewLeaseDuration>(\d+)<", body)[1])


def replay(evidence=None, advance=0):
    """Replay the log in the topology "field"; returns what came back.

    evidence: directory for capture and ladder. advance: seconds by which the lab's clock is moved
    before the SOAP exchanges. Result: discovery and description with "differs"; soap: a list of
    {action, differs, body_length, seconds}; leases: of the two entries that the log shows;
    date_ahead: seconds by which DATE is ahead of UTC.
    """
    wanted = expected()
    with Lab("field", profile=f"r1={PROFILE}", evidence=evidence, capture=bool(evidence)) as lab:
        lab.request(op="reset")
        result = {"soap": [], "leases": []}
        with ssdp.search_socket(lab) as sock:
            sock.sendto(wanted["discovery"]["request"], (ssdp.GROUP, ssdp.PORT))
            data, _ = sock.recvfrom(65536)
        result["discovery"] = {"differs": difference(wanted["discovery"]["reply"], data)}
        with http.Client(lab.connect("client", lab.lan_address(), wanted["port"])) as client:
            reply = client.exchange(wanted["description"]["request"])
        head = reply.raw[:len(reply.raw) - len(reply.body)]
        result["description"] = {"differs": difference(wanted["description"]["reply"], head)}
        if advance:
            lab.advance(advance)
        for exchange in wanted["soap"]:
            reply, seconds = _post(lab, exchange, wanted["port"])
            result["soap"].append({"action": exchange["name"], "body_length": len(reply.body),
                                   "differs": difference(exchange["reply"], reply.raw),
                                   "seconds": seconds})
            if b"<NewProtocol>TCP<" in reply.body:
                result["leases"].append(_lease(reply.body))
        said = email.utils.parsedate_to_datetime(reply.get("Date")).timestamp()
        result["date_ahead"] = said - (time.time() + lab.request(op="info").get("clock_offset", 0))
    return result
