# SPDX-License-Identifier: MIT
"""nice_driver.py PORT - an ICE agent of libnice that has its candidate's UDP port mapped by UPnP.

Prints "mapped ADDRESS:PORT" for a candidate that the router gave, "refused" when there is none. SIGTERM ends it.
"""
import signal
import sys

import gi

gi.require_version("Nice", "0.1")
from gi.repository import GLib, Nice  # pylint: disable=wrong-import-position


def told(agent, stream):
    """What came of it, in a line."""
    for candidate in agent.get_local_candidates(stream, 1):
        if candidate.type == Nice.CandidateType.SERVER_REFLEXIVE:
            words = agent.generate_local_candidate_sdp(candidate).split()
            return f"mapped {words[4]}:{words[5]}"
    return "refused no candidate from the router"


def main():
    """Run until SIGTERM."""
    loop = GLib.MainLoop()
    agent = Nice.Agent.new(loop.get_context(), Nice.Compatibility.RFC5245)
    agent.props.upnp, agent.props.ice_tcp = True, False
    stream = agent.add_stream(1)
    agent.set_port_range(stream, 1, int(sys.argv[1]), int(sys.argv[1]))
    agent.connect("candidate-gathering-done", lambda *_: print(told(agent, stream), flush=True))

    def end():
        agent.remove_stream(stream)
        GLib.timeout_add(300, loop.quit)  # its removal has no signal
        return False
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, end)
    agent.gather_candidates(stream)
    loop.run()


main()
