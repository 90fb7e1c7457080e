# SPDX-License-Identifier: MIT
"""A router that answers to the WAN (policies http.wan, ssdp.wan): the lab's filter is opened for it."""
import pytest

from cases.harness import description, effect, ssdp
from cases.harness.controlpoint import ControlPoint
from cases.harness.lab import Lab

OPEN = """summary: everything answers to the WAN
layer: security
evidence: made for this case
overlay:
  listen: {also: [4444]}
  policy: {http: {wan: true}, ssdp: {wan: true, lan-only: false}}
"""


@pytest.fixture
def exposed(tmp_path):
    file = tmp_path / "exposed.yaml"
    file.write_text(OPEN)
    with Lab("flat", quirks=str(file)) as lab:
        yield lab


def ports(lab):
    return [lab.router(op="state")["http_port"], 4444]


def test_description_from_outside(exposed):
    path = description.url(exposed.router(op="state")["location"]).path
    for port in ports(exposed):
        reply = description.get(exposed, "peer", description.Url(exposed.wan_address(), port, path))
        assert reply.status == 200


def test_search_from_outside(exposed):
    with exposed.socket("peer") as sock:
        sock.bind((exposed.address_of("peer"), 0))
        sock.sendto(ssdp.search_bytes("upnp:rootdevice"), (exposed.wan_address(), ssdp.PORT))
        assert ssdp.receive(sock, 1, timeout=5)


def test_after_a_reboot_and_a_reload(exposed):
    exposed.router(op="reboot")
    exposed.connect("peer", exposed.wan_address(), 4444).close()
    exposed.router(op="reload")
    exposed.connect("peer", exposed.wan_address(), 4444).close()


def test_closed_otherwise(flat):
    with pytest.raises(OSError):
        flat.connect("peer", flat.wan_address(), flat.router(op="state")["http_port"], timeout=2)


def test_a_reload_closes_what_it_no_longer_opens(tmp_path):
    file = tmp_path / "exposed.yaml"
    file.write_text(OPEN)
    with Lab("flat", quirks=str(file)) as lab:
        lab.connect("peer", lab.wan_address(), 4444).close()
        file.write_text(OPEN.split("overlay:")[0] + "overlay: {listen: {also: [9393]}}\n")
        lab.router(op="reload")
        with pytest.raises(OSError):
            lab.connect("peer", lab.wan_address(), 4444, timeout=2)
        lab.connect("client", lab.lan_address(), 9393).close()


def test_hairpinning_follows_a_reload(tmp_path):
    text = OPEN.split("overlay:")[0] + "overlay: {policy: {nat: {hairpinning: %s}}}\n"
    file = tmp_path / "hairpin.yaml"
    file.write_text(text % "false")
    with Lab("flat", quirks=str(file)) as lab:
        ControlPoint(lab).discover().add(4711)
        assert not effect.tcp_reaches(lab, 4711, peer="client")
        assert effect.tcp_reaches(lab, 4711)
        file.write_text(text % "true")
        lab.router(op="reload")
        assert effect.tcp_reaches(lab, 4711, peer="client")
        assert effect.tcp_reaches(lab, 4711)
