# SPDX-License-Identifier: MIT
"""gupnpigd_driver.py PROTOCOL EXTERNAL ADDRESS INTERNAL LEASE DESCRIPTION - GUPnP's SimpleIgd, which keeps a mapping.

Prints "mapped ADDRESS:PORT" for its signal mapped-external-port and "refused TEXT" for error-mapping-port. SIGTERM takes
the mapping away and ends it.
"""
import signal
import sys

import gi

gi.require_version("GUPnPIgd", "1.0")
from gi.repository import GLib, GUPnPIgd  # pylint: disable=wrong-import-position


def main():
    """Run until SIGTERM."""
    protocol, external, address, internal, lease, description = sys.argv[1:7]
    loop, igd = GLib.MainLoop(), GUPnPIgd.SimpleIgd()
    igd.connect("mapped-external-port", lambda _, __, outer, ___, port, *____: print(f"mapped {outer}:{port}", flush=True))
    igd.connect("error-mapping-port", lambda _, error, *__: print(f"refused {error.message}", flush=True))

    def end():
        igd.remove_port(protocol.upper(), int(external))
        GLib.timeout_add(300, loop.quit)  # its removal has no signal
        return False
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, end)
    igd.add_port(protocol.upper(), int(external), address, int(internal), int(lease), description)
    loop.run()


main()
