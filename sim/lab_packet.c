/* SPDX-License-Identifier: MIT */
/* lab_packet.c - JSON objects over SOCK_SEQPACKET (see lab_packet.h). */
#include "lab_packet.h"

#include "../fakeigd/base/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(PACKET_FDS_MAX * sizeof(int))];
};

static int send_text(int fd, const char *text, size_t len, const int *fds, size_t count, int flags)
{
	struct iovec part = {(void *)text, len};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
	union control control = {0};

	if (count > PACKET_FDS_MAX)
		return -E2BIG;
	if (count) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, count * sizeof(int));
	}
	while (sendmsg(fd, &msg, flags | MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t written = write(fd, text, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		text += written;
		len -= (size_t)written;
	}
	return 0;
}

static int send_long(int fd, const char *text, size_t len, int flags)
{
	int memory = memfd_create("igdlab-packet", MFD_CLOEXEC);
	char head[64];
	int error;

	if (memory < 0)
		return -errno;
	error = write_all(memory, text, len);
	snprintf(head, sizeof(head), "{\"long\": %zu}", len);
	if (!error)
		error = send_text(fd, head, strlen(head), &memory, 1, flags);
	close(memory);
	return error;
}

int packet_send(int fd, const json_t *object, const int *fds, size_t count, int flags)
{
	char *text = json_dumps(object, JSON_COMPACT);
	size_t len;
	int error;

	if (!text)
		return -ENOMEM;
	len = strlen(text);
	if (len <= PACKET_MAX)
		error = send_text(fd, text, len, fds, count, flags);
	else
		error = count ? -EMSGSIZE : send_long(fd, text, len, flags);
	free(text);
	return error;
}

static void take_fds(struct msghdr *msg, int *fds, size_t *count)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t here;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds + *count, CMSG_DATA(c), here * sizeof(int));
		*count += here;
	}
}

/* The object that is in the memfd that came instead of it. */
static json_t *receive_long(json_t *head, int *fds, size_t *count)
{
	struct stat status;
	json_t *object = NULL;
	void *text;

	json_decref(head);
	if (fstat(fds[0], &status) == 0 && status.st_size > 0) {
		text = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fds[0], 0);
		if (text != MAP_FAILED) {
			object = json_loadb(text, (size_t)status.st_size, 0, NULL);
			munmap(text, (size_t)status.st_size);
		}
	}
	close(fds[0]);
	*count = 0;
	return object;
}

/* Nothing was read: is that the end, or a packet without bytes? */
static bool ended(int fd)
{
	struct pollfd look = {.fd = fd, .events = POLLRDHUP};

	return poll(&look, 1, 0) > 0 && look.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

int packet_receive(int fd, json_t **out, int *fds, size_t *count, int flags)
{
	static char text[PACKET_MAX];
	union control control;
	struct iovec part = {text, sizeof(text)};
	struct msghdr msg = {.msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	ssize_t len;

	*out = NULL;
	*count = 0;
	do {
		len = recvmsg(fd, &msg, flags | MSG_CMSG_CLOEXEC);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return errno == ECONNRESET ? 0 : -errno;
	take_fds(&msg, fds, count);
	if (msg.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	if (len == 0)
		return ended(fd) ? 0 : 1;
	*out = json_loadb(text, (size_t)len, 0, NULL);
	if (*out && !json_is_object(*out)) {
		json_decref(*out);
		*out = NULL;
	}
	if (*out && json_object_get(*out, "long") && *count == 1)
		*out = receive_long(*out, fds, count);
	return 1;
}
