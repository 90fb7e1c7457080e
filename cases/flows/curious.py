# SPDX-License-Identifier: MIT
"""A client that is curious: what a capture needs to show searches, errors, documents and events.

Run on the client node of a lab with the router's address: searches for what there is and what there is not,
reads documents, subscribes, and adds mappings that it then enumerates.
"""
import http.client
import re
import socket
import sys
import threading

ROUTER = sys.argv[1]
TARGETS = ["ssdp:all", "upnp:rootdevice", "urn:schemas-upnp-org:device:WANDevice:1",
           "urn:schemas-upnp-org:service:WANIPConnection:1", "urn:schemas-upnp-org:service:Nothing:1"]
PORTS = [6000, 5000, 7000]


def search(target):
    """A search, and behind it one for the root device; the answer to that."""
    answer = ""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.settimeout(5)
        for st in (target, "upnp:rootdevice"):
            own.sendto(f'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\n'
                       f'ST: {st}\r\n\r\n'.encode(), ("239.255.255.250", 1900))
        while "\nST: upnp:rootdevice" not in answer:
            answer = own.recv(4096).decode()
    return answer


def ask(port, method, path, body=None, **headers):
    """Status and body of one request."""
    connection = http.client.HTTPConnection(ROUTER, port, timeout=10)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def take_event(listener):
    """The first event, answered."""
    connection = listener.accept()[0]
    data = b""
    while b"propertyset>" not in data.split(b"\r\n\r\n", 1)[-1][60:]:
        data += connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    connection.close()


def call(port, control, service, action, arguments):
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in arguments.items())
    body = ('<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
            's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
            f'<u:{action} xmlns:u="{service}">{inner}</u:{action}></s:Body></s:Envelope>')
    return ask(port, "POST", control, body, **{"SOAPAction": f'"{service}#{action}"', "Content-Type": "text/xml"})


def main():
    location = re.search(r"(?i)location: *http://[^:/]+:(\d+)(\S+)", [search(t) for t in TARGETS][-1])
    port, path = int(location[1]), location[2]
    document = ask(port, "GET", path)[1]
    for other in ("/nothing", "/second.xml"):
        ask(port, "GET", other)
    block = next(b for b in re.findall(r"<service>(.*?)</service>", document, re.S) if "WANIPConnection:1" in b)
    events, control = (re.search(f"<{name}>(.*?)<", block)[1] for name in ("eventSubURL", "controlURL"))
    with socket.create_server(("", 0)) as listener, socket.create_connection((ROUTER, port)) as way:
        taking = threading.Thread(target=take_event, args=(listener,))
        taking.start()
        own = way.getsockname()[0]
        ask(port, "SUBSCRIBE", events, NT="upnp:event", TIMEOUT="Second-1800",
            CALLBACK=f"<http://{own}:{listener.getsockname()[1]}/>")
        taking.join()
    service = "urn:schemas-upnp-org:service:WANIPConnection:1"
    for external in PORTS:
        call(port, control, service, "AddPortMapping", {
            "NewRemoteHost": "", "NewExternalPort": external, "NewProtocol": "TCP", "NewInternalPort": external,
            "NewInternalClient": own, "NewEnabled": 1, "NewPortMappingDescription": "curious",
            "NewLeaseDuration": 0})
    for index in range(len(PORTS) + 1):
        call(port, control, service, "GetGenericPortMappingEntry", {"NewPortMappingIndex": index})


main()
