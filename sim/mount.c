/* SPDX-License-Identifier: MIT */
/*
 * mount.c - the private files of a node (see mount.h).
 *
 * A copy of the host's mounts with empty file systems over the folders where programs keep state
 * under fixed names. Nothing is written to the host's: a file of ours takes the place of one of
 * the host's by a bind mount. The host's /dev stays at /dev/.host, because a new terminal can only
 * be made where "ptmx" has its "pts" beside it.
 */
#include "mount.h"

#include "../fakeigd/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/** struct cover - a folder that every node has for itself */
struct cover {
	const char *path;
	const char *options;
};

static const struct cover covers[] = {
	{"/run", "mode=0755,size=256m"},
	{"/tmp", "mode=1777,size=1g"},
	{"/var/lib", "mode=0755,size=256m"},
};

static const char *const devices[] = {
	"null", "zero", "full", "random", "urandom", "tty", "net/tun",
};

static const struct {
	const char *to, *name;
} device_links[] = {
	{"/proc/self/fd", "/dev/fd"},	    {"/proc/self/fd/0", "/dev/stdin"},
	{"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"},
	{".host/ptmx", "/dev/ptmx"},
};

bool mount_covered(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(covers); i++) {
		size_t len = strlen(covers[i].path);

		if (!strncmp(path, covers[i].path, len) && path[len] == '/' && path[len + 1])
			return true;
	}
	return false;
}

/* Mkdir -p of everything before the last "/" of @path. Return: 0 or -errno. */
static int mount_folders(const char *path)
{
	char *copy = xstrdup(path);
	int error = 0;

	for (char *slash = strchr(copy + 1, '/'); slash && !error; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			error = -errno;
		*slash = '/';
	}
	free(copy);
	return error;
}

int mount_tree(const char *path)
{
	int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	return fd < 0 ? -errno : fd;
}

/* Something of the kind of @tree at @path to mount it on. */
static int make_place(int tree, const char *path)
{
	struct stat status;
	int fd, error = mount_folders(path);

	if (error)
		return error;
	if (fstat(tree, &status) < 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
	fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int mount_attach(int tree, const char *path)
{
	int error = make_place(tree, path);

	if (error)
		return error;
	return move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

static int complain(struct diag *d, const char *what)
{
	int error = errno;

	diag_at(d, NULL, 0, "the node's private files: %s: %s", what, strerror(error));
	return -error;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t len = strlen(text);
	bool fine = fd >= 0 && write(fd, text, len) == (ssize_t)len;

	if (fd >= 0)
		close(fd);
	return fine ? 0 : -1;
}

/* Where /etc/resolv.conf leads, even if that does not exist at the moment; caller frees. */
static char *resolver_path(void)
{
	char *path = realpath("/etc/resolv.conf", NULL);
	char link[PATH_MAX];
	ssize_t len;

	if (path)
		return path;
	len = readlink("/etc/resolv.conf", link, sizeof(link) - 1);
	if (len <= 0)
		return xstrdup("/etc/resolv.conf");
	link[len] = '\0';
	if (!strncmp(link, "../", 3))
		return xstrdup(link + 2);
	return link[0] == '/' ? xstrdup(link) : xasprintf("/etc/%s", link);
}

/* A file of ours in the place of one of the host's. Where the host has none nothing is missing. */
static int replace_file(const char *name, const char *path, const char *text)
{
	char *ours = xasprintf(MOUNT_OWN_FOLDER "/%s", name);
	int failed;

	if (mount_covered(path))
		failed = mount_folders(path) || write_text(path, text);
	else
		failed = write_text(ours, text) ||
			 (access(path, F_OK) == 0 && mount(ours, path, NULL, MS_BIND, NULL));
	free(ours);
	return failed ? -1 : 0;
}

static int make_devices(int host, struct diag *d)
{
	if (mount("dev", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64m") < 0)
		return complain(d, "/dev");
	if (mount_attach(host, "/dev/.host") < 0)
		return complain(d, "/dev/.host");
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		char *theirs = xasprintf("/dev/.host/%s", devices[i]);
		char *ours = xasprintf("/dev/%s", devices[i]);
		int error = 0;

		if (access(theirs, F_OK) == 0) {
			if (mount_folders(ours) || write_text(ours, "") ||
			    mount(theirs, ours, NULL, MS_BIND, NULL) < 0)
				error = complain(d, ours);
		}
		free(theirs);
		free(ours);
		if (error)
			return error;
	}
	for (size_t i = 0; i < ARRAY_SIZE(device_links); i++)
		if (symlink(device_links[i].to, device_links[i].name) < 0)
			return complain(d, device_links[i].name);
	if (mkdir("/dev/pts", 0755) < 0 || mkdir("/dev/shm", 0777) < 0 ||
	    chmod("/dev/shm", 01777) < 0)
		return complain(d, "/dev/pts and /dev/shm");
	if (access("/dev/.host/pts", F_OK) == 0 &&
	    mount("/dev/.host/pts", "/dev/pts", NULL, MS_BIND, NULL) < 0)
		return complain(d, "/dev/pts");
	return 0;
}

/* The network part of /sys belongs to the namespace that mounts it. Not every container lets us. */
static void make_sys(void)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount("sysfs", "/sys", "sysfs", flags, NULL) < 0)
		mount("sysfs", "/sys", "sysfs", flags | MS_RDONLY, NULL);
}

int mount_private(const char *hosts, struct diag *d)
{
	char *resolver = resolver_path();
	int host_dev = mount_tree("/dev");
	int error = host_dev < 0 ? host_dev : 0;

	if (error) {
		errno = -error;
		complain(d, "copying the mounts of /dev (open_tree, Linux 5.2)");
	}
	for (size_t i = 0; i < ARRAY_SIZE(covers) && !error; i++)
		if (access(covers[i].path, F_OK) == 0 &&
		    mount("node", covers[i].path, "tmpfs", MS_NOSUID | MS_NODEV,
			  covers[i].options) < 0)
			error = complain(d, covers[i].path);
	if (!error)
		error = make_devices(host_dev, d);
	if (!error && mkdir(MOUNT_OWN_FOLDER, 0755) < 0)
		error = complain(d, MOUNT_OWN_FOLDER);
	if (!error && replace_file("resolv.conf", resolver,
				   "# Nobody answers in this node: every name is refused at once.\n"
				   "nameserver 127.0.0.1\noptions attempts:1 timeout:1\n") < 0)
		error = complain(d, resolver);
	if (!error && replace_file("hosts", "/etc/hosts", hosts) < 0)
		error = complain(d, "/etc/hosts");
	if (!error)
		make_sys();
	if (host_dev >= 0)
		close(host_dev);
	free(resolver);
	return error;
}
