# SPDX-License-Identifier: MIT
"""miniupnpd.py - Debian's miniupnpd on the router of a lab: the peer of benchmarks, and a subject."""
from .lab import REPOSITORY, Lab, until

PROGRAM = REPOSITORY / "build" / "debian" / "usr" / "sbin" / "miniupnpd"
PORT = 5555

TOPOLOGY = """
summary: client, one NAT router without an IGD of ours, internet
networks: {home: {subnet: 192.168.1.0/24}, internet: {subnet: 44.0.1.0/24}}
nodes:
  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r1}
  r1: {kind: router, lan: {home: 192.168.1.1}, wan: {internet: 44.0.1.2}, igd: none}
  peer: {kind: host, attach: {internet: 44.0.1.10}}
"""

CONFIGURATION = f"""ext_ifname=wan
listening_ip=lan0
http_port={PORT}
enable_natpmp=yes
enable_upnp=yes
min_lifetime=120
max_lifetime=86400
secure_mode=yes
notify_interval=60
system_uptime=no
uuid=00000000-0000-4000-8000-000000000001
lease_file=/tmp/leases
force_igd_desc_v1=yes
allow 1-65535 192.168.1.0/24 1-65535
deny 0-65535 0.0.0.0/0 0-65535
"""

# The chains that it fills; they must exist and be jumped to.
RULES = """
table inet filter {
  chain miniupnpd {}
  chain prerouting_miniupnpd {}
  chain postrouting_miniupnpd {}
  chain forward { type filter hook forward priority 10; policy accept; jump miniupnpd; }
  chain prerouting { type nat hook prerouting priority -100; policy accept; jump prerouting_miniupnpd; }
  chain postrouting { type nat hook postrouting priority 90; policy accept; jump postrouting_miniupnpd; }
}
"""


class MiniupnpdLab(Lab):
    """A flat lab whose router runs Debian's miniupnpd; ready when its HTTP port answers."""

    def __init__(self, tmp_path, **more):
        path = tmp_path / "miniupnpd.yaml"
        path.write_text(TOPOLOGY)
        super().__init__(path, **more)

    def __enter__(self):
        super().__enter__()
        done = self.run("r1", "sh", "-c", 'printf %s "$CONF" >/tmp/conf; printf %s "$RULES" | nft -f -',
                        env={"CONF": CONFIGURATION, "RULES": RULES})
        assert done.code == 0, done.stderr
        done = self.run("r1", PROGRAM, "-f", "/tmp/conf", "-P", "/tmp/pid")
        assert done.code == 0, done.stderr

        def answers():
            try:
                self.connect("client", self.lan_address(), PORT, timeout=1).close()
                return True
            except OSError:
                return False

        until(answers, what="miniupnpd's HTTP port")
        return self

    def memory_kib(self):
        """Resident memory of the daemon."""
        done = self.run("r1", "sh", "-c", "grep VmRSS /proc/$(cat /tmp/pid)/status")
        return int(done.stdout.split()[1])
