# SPDX-License-Identifier: MIT
"""libtorrent_driver.py PORT LEASE [upnp] [natpmp] - a libtorrent session that maps its listening port.

Prints what the session's alerts say, a line each: "mapped PROTOCOL PORT" or "refused TEXT". SIGTERM ends the
session as its destructor does, which takes the mappings away.
"""
import signal
import sys

import libtorrent

PORT, LEASE, WAYS = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
ended = []


def main():
    """Run until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    session = libtorrent.session({
        "listen_interfaces": f"0.0.0.0:{PORT}", "enable_upnp": "upnp" in WAYS, "enable_natpmp": "natpmp" in WAYS,
        "enable_dht": False, "enable_lsd": False, "upnp_lease_duration": LEASE,
        "alert_mask": libtorrent.alert.category_t.port_mapping_notification
        | libtorrent.alert.category_t.error_notification})
    while not ended:
        session.wait_for_alert(200)
        for alert in session.pop_alerts():
            if isinstance(alert, libtorrent.portmap_alert):
                # "none" tells of a mapping that is over.
                print(f"{'gone' if str(alert.map_protocol) == 'none' else 'mapped'} {alert.map_protocol} {alert.external_port}", flush=True)
            elif isinstance(alert, libtorrent.portmap_error_alert):
                print(f"refused {alert.message()}", flush=True)


main()
