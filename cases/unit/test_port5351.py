# SPDX-License-Identifier: MIT
"""The client of port 5351 (harness/port5351.py) on a machine that is busy: which answer belongs to which request."""
import collections
import contextlib

from cases.harness import port5351


class Late(port5351.Client):
    """One whose answers come when the case says so; None: none in time."""
    FIRST_WAIT, parse = 0.25, staticmethod(lambda data, source: data)

    def __init__(self, *coming):
        self._again, self.coming, self.sent = False, collections.deque(coming), []

    def send(self, data, to=None):
        self.sent.append(data)

    def receive(self, timeout):
        got = self.coming.popleft() if self.coming else None
        return got and (got, ("192.168.1.1", port5351.PORT))

    def another(self):
        return contextlib.nullcontext(self)

    def plain(self):
        """The fence: it is answered."""


def test_answer_to_a_copy_is_not_that_to_the_next_request():
    client = Late(None, b"first", b"first", None, b"second")
    assert client.ask(b"1") == b"first" and client.sent == [b"1", b"1"]
    assert client.ask(b"2") == b"second" and client.sent == [b"1", b"1", b"2"]


def test_nothing_is_waited_for_behind_a_single_request():
    client = Late(b"first", b"second")
    assert (client.ask(b"1"), client.ask(b"2")) == (b"first", b"second")
