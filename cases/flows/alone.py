# SPDX-License-Identifier: MIT
"""alone.py - fakeigd without a lab: on an interface of a network namespace of its own, with the client on the same host."""
import os
import subprocess

from cases.harness.lab import program

SCENE = """
set -e
ip link set lo up
ip link add lan0 type veth peer name lan1
ip link set lan1 up
ip addr add 192.168.9.1/24 dev lan0
ip link set lan0 up
mkfifo ready
"$FAKEIGD" --lan lan0 {options} --ready-fd 9 9>ready &
router=$!
read -rN1 ready_byte <ready || true
{script}
kill $router
wait $router || true
"""


def run(folder, script, options="", **environment):
    """What a shell script beside the router printed; the router is at 192.168.9.1. AssertionError when it fails."""
    done = subprocess.run(["unshare", "-Urn", "bash", "-c", SCENE.format(options=options, script=script)], cwd=folder,
                          capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, "FAKEIGD": program("fakeigd"), **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout
