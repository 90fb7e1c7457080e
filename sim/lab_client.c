/* SPDX-License-Identifier: MIT */
/* lab_client.c - talking to a running lab (see lab.h). */
#include "../fakeigd/base/mem.h"
#include "lab.h"
#include "lab_packet.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

socklen_t lab_socket_address(struct sockaddr_un *address, const char *name)
{
	int len;

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	/* Abstract: the first byte is NUL, the length says where the name ends. */
	len = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "igdlab/%u/%s",
		       (unsigned)getuid(), name);
	if (len < 0 || (size_t)len > sizeof(address->sun_path) - 2)
		len = (int)sizeof(address->sun_path) - 2;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

int lab_connect(const char *name, struct lab *out)
{
	struct sockaddr_un address;
	socklen_t len = lab_socket_address(&address, name);
	struct ucred peer;
	socklen_t peer_len = sizeof(peer);
	int error = 0;

	*out = (struct lab){.fd = -1, .pidfd = -1};
	out->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (out->fd < 0)
		return -errno;
	/* Anybody may bind an abstract name: believe only ourselves. */
	if (connect(out->fd, (struct sockaddr *)&address, len) < 0 ||
	    getsockopt(out->fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) < 0)
		error = -errno;
	else if (peer.uid != getuid())
		error = -EPERM;
	if (error) {
		close(out->fd);
		out->fd = -1;
	}
	return error;
}

static void keep_event(struct lab *lab, json_t *event)
{
	if (!lab->events)
		lab->events = json_array();
	json_array_append_new(lab->events, event);
}

/* Give one descriptor to the caller, if it wants it, and close the others. */
static void hand_over(const int *fds, size_t count, int *got_fd)
{
	for (size_t i = 0; i < count; i++) {
		if (i == 0 && got_fd)
			*got_fd = fds[0];
		else
			close(fds[i]);
	}
}

json_t *lab_request(struct lab *lab, json_t *request, const int *fds, size_t fd_count, int *got_fd)
{
	int error = packet_send(lab->fd, request, fds, fd_count, 0);

	if (got_fd)
		*got_fd = -1;
	json_decref(request);
	while (!error) {
		int got[PACKET_FDS_MAX];
		json_t *msg;
		size_t count;

		if (packet_receive(lab->fd, &msg, got, &count, 0) <= 0 || !msg) {
			hand_over(got, count, NULL);
			return NULL;
		}
		if (!json_object_get(msg, "event")) {
			hand_over(got, count, got_fd);
			return msg;
		}
		hand_over(got, count, NULL);
		keep_event(lab, msg);
	}
	return NULL;
}

json_t *lab_event(struct lab *lab)
{
	int got[PACKET_FDS_MAX];
	size_t count;
	json_t *msg;

	if (json_array_size(lab->events)) {
		msg = json_incref(json_array_get(lab->events, 0));
		json_array_remove(lab->events, 0);
		return msg;
	}
	for (;;) {
		int come = packet_receive(lab->fd, &msg, got, &count, 0);

		hand_over(got, count, NULL);
		if (come <= 0)
			return NULL;
		if (msg && json_object_get(msg, "event"))
			return msg;
		json_decref(msg);
	}
}

/* Name of the lab in a line of /proc/net/unix, or NULL: listening, abstract, and ours. */
static char *listed_name(char *line)
{
	enum { FLAGS_ACCEPTING = 0x10000 };
	char *prefix = xasprintf("@igdlab/%u/", (unsigned)getuid());
	char *at = strstr(line, prefix);
	size_t len = strlen(prefix);
	unsigned flags;

	free(prefix);
	line[strcspn(line, "\n")] = '\0';
	if (!at || sscanf(line, "%*s %*s %*s %x", &flags) != 1 || !(flags & FLAGS_ACCEPTING))
		return NULL;
	return xstrdup(at + len);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t lab_list(char ***names)
{
	FILE *file = fopen("/proc/net/unix", "re");
	char line[512];
	size_t count = 0;

	*names = NULL;
	while (file && fgets(line, sizeof(line), file)) {
		char *name = listed_name(line);

		if (!name)
			continue;
		*names = xrealloc(*names, (count + 1) * sizeof(**names));
		(*names)[count++] = name;
	}
	if (file)
		fclose(file);
	if (count)
		qsort(*names, count, sizeof(**names), by_name);
	return count;
}
