/* SPDX-License-Identifier: MIT */
/*
 * bench-capture.c - a capture of a wanted size for make bench.
 *
 * bench-capture mixed|soap MEGABYTES FILE
 *
 * soap: nothing but AddPortMapping, each over a connection of its own of twelve packets. mixed:
 * what a household's router sees: downloads over TLS with acknowledgements, twelve of them at a
 * time, DNS, and one SOAP exchange in a thousand packets. Writes a pcap with Ethernet frames;
 * prints how many packets and SOAP exchanges are in it as JSON.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYN 0x02
#define ACK 0x10
#define PSH 0x18
#define FIN 0x11

static FILE *out;
static uint64_t written, packets, exchanges, clock_us = 1753696326000000;

static const char request_body[] =
	"<?xml version=\"1.0\"?>\r\n<s:Envelope "
	"xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
	"s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body><u:AddPortMapping "
	"xmlns:u=\"urn:schemas-upnp-org:service:WANIPConnection:1\"><NewRemoteHost></NewRemoteHost>"
	"<NewExternalPort>%5u</NewExternalPort><NewProtocol>TCP</NewProtocol>"
	"<NewInternalPort>%5u</NewInternalPort><NewInternalClient>192.168.1.4</NewInternalClient>"
	"<NewEnabled>1</NewEnabled><NewPortMappingDescription>bench</NewPortMappingDescription>"
	"<NewLeaseDuration>60</NewLeaseDuration></u:AddPortMapping></s:Body></s:Envelope>\r\n";
static const char request_head[] =
	"POST /ctl/IPConn HTTP/1.1\r\nHost: 192.168.1.1:5431\r\nUser-Agent: bench/1.0, UPnP/1.1\r\n"
	"Content-Length: %zu\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n"
	"SOAPAction: \"urn:schemas-upnp-org:service:WANIPConnection:1#AddPortMapping\"\r\n"
	"Connection: Close\r\n\r\n";
static const char response_body[] =
	"<?xml version=\"1.0\"?>\r\n<s:Envelope "
	"xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
	"s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>"
	"<u:AddPortMappingResponse xmlns:u=\"urn:schemas-upnp-org:service:WANIPConnection:1\"/>"
	"</s:Body></s:Envelope>\r\n";
static const char response_head[] =
	"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=\"utf-8\"\r\nConnection: close\r\n"
	"Content-Length: %zu\r\nServer: bench/1.0 UPnP/1.1 bench/1.0\r\nExt:\r\n\r\n";

/** struct end - an end point; @seq of its next byte */
struct end {
	uint32_t address;
	uint16_t port;
	uint32_t seq;
};

static void put(const void *bytes, size_t len)
{
	if (fwrite(bytes, 1, len, out) != len) {
		perror("bench-capture");
		exit(1);
	}
	written += len;
}

static void put_packet(uint8_t protocol, const struct end *a, const struct end *b,
		       const void *transport, size_t transport_len, const void *payload, size_t len)
{
	uint8_t head[34] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 4, 8, 0, 0x45};
	uint32_t size = (uint32_t)(sizeof(head) + transport_len + len);
	uint32_t record[4] = {(uint32_t)(clock_us / 1000000), (uint32_t)(clock_us % 1000000), size,
			      size};
	uint16_t total = htons((uint16_t)(size - 14));

	memcpy(head + 16, &total, 2);
	head[22] = 64;
	head[23] = protocol;
	memcpy(head + 26, &a->address, 4);
	memcpy(head + 30, &b->address, 4);
	put(record, sizeof(record));
	put(head, sizeof(head));
	put(transport, transport_len);
	put(payload, len);
	clock_us += 3;
	packets++;
}

static void segment(struct end *a, const struct end *b, uint8_t flags, const void *payload,
		    size_t len)
{
	uint8_t tcp[32] = {0};
	uint16_t ports[2] = {htons(a->port), htons(b->port)};
	uint32_t numbers[2] = {htonl(a->seq), htonl(b->seq)};

	memcpy(tcp, ports, 4);
	memcpy(tcp + 4, numbers, 8);
	tcp[12] = 0x80;
	tcp[13] = flags;
	memcpy(tcp + 20, "\1\1\x08\x0a", 4);
	put_packet(6, a, b, tcp, sizeof(tcp), payload, len);
	a->seq += (uint32_t)len + !!(flags & 3);
}

static void datagram(const struct end *a, const struct end *b, const void *payload, size_t len)
{
	uint16_t udp[4] = {htons(a->port), htons(b->port), htons((uint16_t)(8 + len)), 0};

	put_packet(17, a, b, udp, sizeof(udp), payload, len);
}

static void soap(void)
{
	static uint32_t number;
	struct end client = {htonl(0xc0a80104), (uint16_t)(10000 + number % 50000), number * 77777};
	struct end router = {htonl(0xc0a80101), 5431, number * 99991};
	char text[2048], body[1024];
	size_t len, body_len;

	number++;
	exchanges++;
	segment(&client, &router, SYN, "", 0);
	segment(&router, &client, SYN | ACK, "", 0);
	segment(&client, &router, ACK, "", 0);
	body_len = (size_t)snprintf(body, sizeof(body), request_body, client.port, client.port);
	len = (size_t)snprintf(text, sizeof(text), request_head, body_len);
	segment(&client, &router, PSH, text, len);
	segment(&client, &router, PSH, body, body_len);
	segment(&router, &client, ACK, "", 0);
	len = (size_t)snprintf(text, sizeof(text), response_head, sizeof(response_body) - 1);
	memcpy(text + len, response_body, sizeof(response_body) - 1);
	segment(&router, &client, PSH, text, len + sizeof(response_body) - 1);
	segment(&client, &router, ACK, "", 0);
	segment(&router, &client, FIN, "", 0);
	segment(&client, &router, FIN, "", 0);
	segment(&router, &client, ACK, "", 0);
}

static void mixed(void)
{
	static uint8_t bulk[1448];
	static struct end homes[12], servers[12];
	static unsigned step;
	unsigned i = step % 12;
	struct end resolver = {htonl(0xc0a80101), 53, 0};

	if (!step) {
		for (unsigned k = 0; k < sizeof(bulk); k++)
			bulk[k] = (uint8_t)(k * 131 + k / 7);
		memcpy(bulk, "\x17\x03\x03", 3);
	}
	if (step < 12) {
		homes[i] = (struct end){htonl(0xc0a8010a + i), (uint16_t)(40000 + i), 1000 * i};
		servers[i] = (struct end){htonl(0x2c000110 + i), 443, 5000 * i};
		segment(&homes[i], &servers[i], SYN, "", 0);
		segment(&servers[i], &homes[i], SYN | ACK, "", 0);
	}
	segment(&servers[i], &homes[i], ACK, bulk, sizeof(bulk));
	segment(&servers[i], &homes[i], ACK, bulk, sizeof(bulk));
	segment(&homes[i], &servers[i], ACK, "", 0);
	if (step % 40 == 0) {
		datagram(&homes[i], &resolver, bulk, 40);
		datagram(&resolver, &homes[i], bulk, 120);
	}
	if (step % 300 == 0)
		soap();
	step++;
}

int main(int argc, char **argv)
{
	const uint32_t head[6] = {0xa1b2c3d4, 0x00040002, 0, 0, 262144, 1};
	uint64_t size = argc == 4 ? strtoull(argv[2], NULL, 10) * 1000000 : 0;

	if (!size || (strcmp(argv[1], "mixed") && strcmp(argv[1], "soap"))) {
		fprintf(stderr, "usage: bench-capture mixed|soap MEGABYTES FILE\n");
		return 2;
	}
	out = fopen(argv[3], "wb");
	if (!out) {
		perror(argv[3]);
		return 1;
	}
	put(head, sizeof(head));
	while (written < size)
		*argv[1] == 'm' ? mixed() : soap();
	if (fclose(out)) {
		perror(argv[3]);
		return 1;
	}
	printf("{\"bytes\": %llu, \"packets\": %llu, \"exchanges\": %llu}\n",
	       (unsigned long long)written, (unsigned long long)packets,
	       (unsigned long long)exchanges);
	return 0;
}
