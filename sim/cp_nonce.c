/* SPDX-License-Identifier: MIT */
/*
 * cp_nonce.c - the mapping nonces of PCP (RFC 6887 clause 11.2, PCP-75; see cp.h).
 *
 * Theory of operation
 *
 * A mapping can be renewed and taken away only by who knows its nonce, and map and unmap are two
 * processes. So a nonce is the SHA-256 of a secret of this user and of what the mapping is:
 * server, our address, protocol and internal port. Nobody else can tell it, it looks like 96
 * random bits, and it differs from server to server. The secret is made by whoever needs it first,
 * in a file of 32 random bytes that only this user can read: below XDG_RUNTIME_DIR, or else in
 * /tmp in a folder of this user's own. Where it can be neither read nor made the secret is this
 * process's own, and no other process can take its mappings away.
 */
#include "cp.h"
#include "sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_LEN 32

/* A folder that is ours alone. Return: descriptor or -1. */
static int open_folder(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char path[512];
	struct stat st;
	int fd;

	if (runtime && *runtime == '/' && !access(runtime, W_OK))
		snprintf(path, sizeof(path), "%s/igdlab", runtime);
	else
		snprintf(path, sizeof(path), "/tmp/igdlab-%u", (unsigned)getuid());
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || st.st_uid != getuid() || st.st_mode & 077) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool read_secret(int folder, uint8_t out[SECRET_LEN])
{
	int fd = openat(folder, "pcp-secret", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool whole = fd >= 0 && read(fd, out, SECRET_LEN) == SECRET_LEN;

	if (fd >= 0)
		close(fd);
	return whole;
}

/* Whole or not at all: by a link from a name of this process's own. */
static void write_secret(int folder, const uint8_t secret[SECRET_LEN])
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "secret-%ld", (long)getpid());
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (write(fd, secret, SECRET_LEN) == SECRET_LEN)
		linkat(folder, name, folder, "pcp-secret", 0);
	close(fd);
	unlinkat(folder, name, 0);
}

static const uint8_t *secret(void)
{
	static uint8_t bytes[SECRET_LEN];
	static bool known;
	int folder;

	if (known)
		return bytes;
	known = true;
	folder = open_folder();
	if (folder >= 0 && read_secret(folder, bytes))
		goto out;
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		memset(bytes, 0, sizeof(bytes));
	if (folder >= 0) {
		write_secret(folder, bytes);
		/* Somebody was faster: what is in the file counts. */
		read_secret(folder, bytes);
	}
out:
	if (folder >= 0)
		close(folder);
	return bytes;
}

void cp_nonce(struct cp *cp, const struct in6_addr *server, const struct in6_addr *client,
	      int protocol, uint16_t port, uint8_t out[CP_NONCE_LEN])
{
	const struct {
		struct in6_addr server, client;
		uint16_t protocol, port;
	} what = {*server, *client, (uint16_t)protocol, port};
	struct sha256 s;
	char hex[65];

	memset(out, 0, CP_NONCE_LEN);
	if (cp_naive(cp, NAIVE_FIXED_NONCE))
		return;
	if (cp_naive(cp, NAIVE_FRESH_NONCE)) {
		if (getrandom(out, CP_NONCE_LEN, 0) < 0)
			memset(out, 0, CP_NONCE_LEN);
		return;
	}
	sha256_start(&s);
	sha256_feed(&s, (struct slice){(const char *)secret(), SECRET_LEN});
	sha256_feed(&s, (struct slice){(const char *)&what, sizeof(what)});
	sha256_hex(&s, hex);
	for (int i = 0; i < CP_NONCE_LEN; i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};

		out[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
}
