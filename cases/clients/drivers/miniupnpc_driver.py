# SPDX-License-Identifier: MIT
"""miniupnpc_driver.py OPERATION - python3-miniupnpc, told by the variables of the contract (cases/clients/README.md)."""
import os
import sys

import miniupnpc


def main():
    """One operation; exit status 0 when it was done."""
    told = {k[7:].lower(): v for k, v in os.environ.items() if k.startswith("IGDLAB_")}
    igd = miniupnpc.UPnP()
    igd.discoverdelay = 1000
    try:
        igd.discover()
        igd.selectigd()
        if sys.argv[1] == "external-ip":
            print("address", igd.externalipaddress())
        elif sys.argv[1] == "delete":
            igd.deleteportmapping(int(told["external_port"]), told["protocol"].upper())
            print("deleted")
        else:
            igd.addportmapping(int(told["external_port"]), told["protocol"].upper(), igd.lanaddr,
                               int(told["internal_port"]), told["description"], "", int(told["lease"]))
            print(f"mapped :{told['external_port']}")
    except Exception as error:  # pylint: disable=broad-except  # the module raises Exception itself
        print("refused", error)
        return 1
    return 0


sys.exit(main())
