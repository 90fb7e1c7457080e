/* SPDX-License-Identifier: MIT */
/*
 * lab_packet.h - JSON objects over SOCK_SEQPACKET, descriptors beside them: both ends of a lab.
 *
 * An object whose text is longer than a packet holds travels in a memfd; the packet then says
 * {"long": BYTES} and carries that descriptor alone.
 */
#ifndef SIM_LAB_PACKET_H
#define SIM_LAB_PACKET_H

#include <jansson.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define PACKET_MAX     (192 * 1024) /* below net.core.wmem_default, which bounds a packet */
#define PACKET_FDS_MAX 8

/**
 * packet_send() - send one object
 * @object:	borrowed
 * @fds, @count: descriptors that go along, borrowed
 * @flags:	MSG_DONTWAIT or 0
 *
 * Return: 0 or -errno.
 */
int packet_send(int fd, const json_t *object, const int *fds, size_t count, int flags);

/**
 * packet_receive() - receive one object
 * @out:	new reference; NULL when the bytes are no JSON object
 * @fds:	room for PACKET_FDS_MAX descriptors (CLOEXEC), the caller's afterwards
 * @count:	how many came
 * @flags:	MSG_DONTWAIT or 0
 *
 * Return: 1; 0 at the end of the connection; -errno (-EMSGSIZE: the packet was too long).
 */
int packet_receive(int fd, json_t **out, int *fds, size_t *count, int flags);

/** lab_socket_address() - abstract address "igdlab/UID/NAME" of a lab of ours. Return: its length.
 */
socklen_t lab_socket_address(struct sockaddr_un *address, const char *name);

#endif
