# SPDX-License-Identifier: MIT
"""trace.py - what a check has made use of so far, in words; foundation.py looks at it when the check fails.

Words: names of actions, of the methods of GENA and of evented variables, "fault", "search", "announcements",
"connection" (the WAN connection service), "SCPD" (a service description), "reaches TCP", "reaches UDP", "wan" (it
went down or got another address), "outer address", "minissdpd", "node NAME" for a host that sends actions, and of the mappings
asked for "UDP", "lease", "remote host", "other port", "disabled", "description" (another than the suite's own), "many"
(more than eight) and "again" (one that was asked for before). Of IPv6 "packets6" (any), "reaches6 TCP", "reaches6 UDP",
and of the pinholes asked for "pinhole TCP" and "pinhole remote" (for one host or port outside).
"""
_used = set()
_keys = set()  # (remote host, external port, protocol) of the mappings asked for


def note(*words):
    """The check makes use of these."""
    _used.update(words)


def action(name, arguments):
    """The check sends an action with these (name, value) pairs."""
    values = {key: str(value) for key, value in arguments}
    note(name)
    if not name.startswith("Add") or name == "AddPinhole":
        return
    for word, used in (("UDP", values.get("NewProtocol") == "UDP"),
                       ("lease", values.get("NewLeaseDuration", "0") != "0"),
                       ("remote host", values.get("NewRemoteHost", "") != ""),
                       ("other port", values.get("NewInternalPort") != values.get("NewExternalPort")),
                       ("disabled", values.get("NewEnabled") in ("0", "false", "no")),
                       ("description", values.get("NewPortMappingDescription") != "igdlab")):
        if used:
            note(word)
    key = tuple(values.get(f"New{name}") for name in ("RemoteHost", "ExternalPort", "Protocol"))
    if key in _keys:
        note("again")
    _keys.add(key)
    if len(_keys) > 8:
        note("many")


def take():
    """The words since the last call."""
    taken = set(_used)
    _used.clear()
    _keys.clear()
    return taken
