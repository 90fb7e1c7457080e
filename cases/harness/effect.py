# SPDX-License-Identifier: MIT
"""effect.py - the strongest oracle: does a packet from the peer reach the client through the mapping?"""
import os
import select
import socket


def tcp_reaches(lab, port, address=None, client="client", internal=None, peer="peer", timeout=2.0):
    """Whether a TCP connection from the peer to address:port arrives at the client's listener.

    A listener is opened at the internal port; True only when that listener accepts a connection whose
    bytes are the random token that the peer sent.
    """
    token = os.urandom(8)
    with lab.listen(client, internal or port) as listener:
        with lab.socket(peer, "stream") as sock:
            sock.settimeout(timeout)
            try:
                sock.connect((address or lab.wan_address(lab.info["outermost"]), port))
            except OSError:
                return False
            sock.sendall(token)
            if not select.select([listener], [], [], timeout)[0]:
                return False
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(timeout)
                return accepted.recv(64) == token


def udp_reaches(lab, port, address=None, client="client", internal=None, peer="peer", timeout=0.5):
    """Whether a UDP datagram from the peer arrives at the client's socket.

    A refusal (ICMP unreachable to the peer) ends the wait at once; silence takes *timeout*.
    """
    token = os.urandom(8)
    with lab.socket(client) as listener, lab.socket(peer) as sock:
        listener.bind(("0.0.0.0", internal or port))
        sock.connect((address or lab.wan_address(lab.info["outermost"]), port))
        sock.send(token)
        ready, _, _ = select.select([listener, sock], [], [], timeout)
        if listener in ready:
            return listener.recv(64) == token
        if sock in ready:
            try:
                sock.recv(64, socket.MSG_DONTWAIT)
            except OSError:
                pass
        return False
