# SPDX-License-Identifier: MIT
"""The suite's PCP server upstream of a router (harness/pcp_server.py) does what it is told, and sees all that it is asked."""
import contextlib
import json
import socket

import pytest

from cases.harness import pcp
from cases.harness.lab import Lab, program
from cases.harness.observe import Observer
from cases.harness.pcp_server import Server


@pytest.fixture(scope="module")
def lab():
    with Lab("flat") as running:
        yield running


@pytest.fixture
def server(lab):
    """A server on the peer; what the client sends comes from the router's outer address."""
    with Server(lab, node="peer") as made:
        yield made


@pytest.fixture
def client(lab, server):
    with pcp.Client(lab, to=server.address) as made:
        yield made


def test_grants_what_it_is_asked_for(lab, server, client):
    answer = client.map(5000, 6000, lifetime=700, protocol="UDP", options=pcp.filtered("44.0.1.10") + pcp.description("game"))
    assert (answer.result, answer.internal, answer.outer, answer.lifetime) == (0, 5000, (lab.wan_address(), 6000), 700)
    assert answer.nonce == client.nonce and not answer.notes
    assert answer.option("FILTER")[-4:] == socket.inet_aton("44.0.1.10") and answer.option("DESCRIPTION") == b"game"
    ask, = server.maps()
    assert (ask.protocol, ask.internal, ask.external, ask.lifetime) == (17, 5000, 6000, 700)
    assert ask.option("DESCRIPTION") == b"game" and ask.option("PREFER_FAILURE") is None
    assert client.delete(5000, protocol="UDP").lifetime == 0 and len(server.deletes()) == 1


def test_grants_what_it_is_told_to(server, client):
    server.external, server.port, server.lifetime = "44.0.9.9", 6598, 120
    answer = client.map(5000)
    assert answer.outer == ("44.0.9.9", 6598) and answer.lifetime == 120
    server.begin_again()
    assert client.map(5000).external == 5000 and len(server.maps()) == 1


def test_refuses_as_often_as_it_is_told_to(server, client):
    server.refuse(pcp.CANNOT_PROVIDE_EXTERNAL, lifetime=30, times=1)
    server.refuse(pcp.USER_EX_QUOTA, times=2)
    told = [client.map(5000, options=pcp.option("PREFER_FAILURE")) for _ in range(4)]
    assert [(answer.result, answer.lifetime) for answer in told] == [(11, 30), (10, 1800), (10, 1800), (0, 3600)]
    pcp.refused(told[0], server.maps()[0].data, pcp.CANNOT_PROVIDE_EXTERNAL)
    server.refuse(pcp.NOT_AUTHORIZED)
    assert [client.map(5000).result for _ in range(3)] == [2, 2, 2] and client.announce().result == 0


def test_is_silent_and_hears_all_the_same(server, client):
    server.mute(times=1)
    client.send(client.map_request(5000))
    assert len(server.wait(server.maps)) == 1
    server.fence()
    assert client.receive(0) is None and client.map(5000).result == 0


def test_silence_is_seen_without_waiting(server, client):
    assert server.quiet()
    client.send(client.map_request(5000))
    assert not server.quiet() and len(server.all()) == 1


@pytest.mark.parametrize("rest", [b"\x02\0\0\x04", b"\x02\0\0"])
def test_malformed_options_are_refused(server, client, rest):
    assert client.map(5000, options=rest).result == pcp.MALFORMED_OPTION and server.maps()


def test_another_version_is_refused(client):
    client.send(client.map_request(5000, version=1))
    assert client.receive(4)[0][3] == pcp.UNSUPP_VERSION


def test_seconds_go_with_the_clock_of_the_lab(lab, server, client):
    before = client.announce().epoch
    lab.advance(1000)
    assert 1000 <= client.announce().epoch - before < 1000 + 60
    server.lose()
    assert client.announce().epoch < 60


def test_tells_everybody_that_the_table_is_lost(lab, server):
    with pcp.listen(lab, "peer") as group:
        group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                         socket.inet_aton(pcp.GROUP) + socket.inet_aton(lab.address_of("peer")))
        server.lose()
        server.announce()
        answer = pcp.hear(group)
    assert (answer.opcode, answer.result, answer.source) == (pcp.ANNOUNCE, 0, (lab.address_of("peer"), pcp.PORT)) and answer.epoch < 60


def test_the_reference_control_point_maps_with_it(lab, server):
    """A client that is not the suite's, and shares nothing with it."""
    server.port = 6598
    done = lab.run("client", program("igdlab"), "map", "--via", "pcp", "--server", server.address, "--json", "--lease", "600")
    assert done.code == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["result"]["external_port"] == 6598
    ask, = server.maps()
    assert (ask.internal, ask.lifetime, ask.client) == (1872, 600, pcp.packed(lab.address_of("client")))


def test_words_of_quirk_files():
    """observe.py's server upstream, asked by a program on the router."""
    steps = [{"pcp": {"upstream": {"port": 6598, "external": "44.0.9.9", "lifetime": 120}}, "expect": {"ok": True}},
             {"pcp": {"asked": 0}, "expect": {"replies": "0"}}]
    asked = {"pcp": {"asked": 1}, "expect": {"replies": ">=1", "internal": "1872", "protocol": "6", "lifetime": "600",
                                             "address": "^44.0.1.2$", "names": []}}
    argv = [program("igdlab"), "map", "--via", "pcp", "--json", "--lease", "600"]
    with Lab("flat") as lab, contextlib.closing(Observer(lab)) as observer:
        assert [observer.step(step)[1] for step in steps] == [[], []]
        done = lab.run("r1", *argv)
        assert json.loads(done.stdout)["result"]["external_port"] == 6598, done.stdout
        seen, unmet = observer.step(asked)
        assert not unmet, seen
        observer.step({"pcp": {"upstream": {"refuse": [pcp.CANNOT_PROVIDE_EXTERNAL, 1800]}}})
        assert lab.run("r1", *argv, "--external", "2000").code == 1
        with pytest.raises(ValueError, match="no prot"):
            observer.step({"pcp": {"upstream": {"prot": 1}}})
