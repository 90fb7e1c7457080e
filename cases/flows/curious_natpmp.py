# SPDX-License-Identifier: MIT
"""A NAT-PMP client that is curious: what a capture needs to show ports, lifetimes, refusals and silence.

Run on the client node of a lab with the router's address. A router of the lab answers in order, so the answer to the
address request behind each request shows that nothing more comes for the one before.
"""
import socket
import struct
import sys

ADDRESS, UDP, TCP = 0, 1, 2
REQUESTS = [(TCP, 1872, 1872, 3600), (TCP, 1872, 2000, 3600), (UDP, 1500, 0, 100), (UDP, 600, 6000, 200000),
            (TCP, 3000, 3000, 60), (TCP, 3000, 3000, 0), (UDP, 4000, 0, 0)]


def main():
    """Each answer, as hexadecimal."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        for s in (own, end):
            s.connect((sys.argv[1], 5351))
            s.settimeout(5)
        for opcode, internal, external, lifetime in REQUESTS:
            own.send(struct.pack("!BBHHHI", 0, opcode, 0, internal, external, lifetime))
            end.send(bytes([0, ADDRESS]))
            end.recv(64)
            own.setblocking(False)
            try:
                print(own.recv(64).hex())
            except BlockingIOError:
                print("silence")
            own.setblocking(True)
        own.send(bytes([0, 9]))
        print(own.recv(64).hex())


main()
