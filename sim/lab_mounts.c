/* SPDX-License-Identifier: MIT */
/*
 * lab_mounts.c - a node's mount namespace: made for its first program, kept by descriptor.
 *
 * Host paths below the private folders that a program needs (its working directory, its own folder,
 * the data tree, the evidence) are copied from our namespace and attached in the node's, whenever a
 * program first needs them. Each node has a /dev/log, which is read here.
 */
#include "../fakeigd/base/mem.h"
#include "lab_init.h"
#include "mount.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ------------------------------------------------------------ /dev/log */

void lab_syslog_drain(struct lab_node *node)
{
	char line[8192];
	ssize_t len;

	while (node->syslog >= 0 &&
	       (len = recv(node->syslog, line, sizeof(line) - 1, MSG_DONTWAIT)) >= 0) {
		while (len && (line[len - 1] == '\n' || line[len - 1] == '\0'))
			len--;
		line[len] = '\n';
		/* A full disk must not stop the lab; the line is lost then. */
		if (node->syslog_log >= 0 && write(node->syslog_log, line, (size_t)len + 1) < 0)
			return;
	}
}

static void on_syslog(void *arg, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	lab_syslog_drain(arg);
}

/* Programs without a /dev/log write to the console, slowly (perf.md clause 0.9). */
static int open_syslog(struct lab_init *lab, struct lab_node *node, struct diag *d)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};

	node->syslog = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (node->syslog < 0 ||
	    bind(node->syslog, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod("/dev/log", 0666) < 0) {
		diag_at(d, NULL, 0, "/dev/log of node %s: %s", node->node->name, strerror(errno));
		return -1;
	}
	node->syslog_source = loop_watch(lab->loop, node->syslog, EPOLLIN, on_syslog, node);
	if (lab->evidence >= 0) {
		char *name = xasprintf("syslog.%s.log", node->node->name);

		node->syslog_log =
			openat(lab->evidence, name,
			       O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
		free(name);
	}
	return 0;
}

/* ------------------------------------------------------------ paths of the host */

static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return !strncmp(path, folder, len) && (path[len] == '/' || path[len] == '\0');
}

static bool is_bound(const struct lab_node *node, const char *path)
{
	for (size_t i = 0; i < node->bound_count; i++)
		if (is_below(path, node->bound[i]))
			return true;
	return false;
}

/** struct binding - a host path on its way into a node */
struct binding {
	char *path;
	int tree;
};

/* Copies of those of @paths that the node does not see yet; taken in our own namespace. */
static struct binding *take_trees(struct lab_node *node, const char *const *paths, size_t count,
				  size_t *used)
{
	struct binding *out = xcalloc(count + 1, sizeof(*out));

	*used = 0;
	for (size_t i = 0; i < count; i++) {
		char *path = realpath(paths[i], NULL);
		int tree = -1;

		if (path && mount_covered(path) && !is_bound(node, path))
			tree = mount_tree(path);
		if (tree < 0) {
			free(path);
			continue;
		}
		out[*used] = (struct binding){path, tree};
		(*used)++;
		node->bound = xrealloc(node->bound, (node->bound_count + 1) * sizeof(*node->bound));
		node->bound[node->bound_count++] = xstrdup(path);
	}
	return out;
}

static int attach_trees(struct binding *bindings, size_t count, struct diag *d)
{
	int error = 0;

	for (size_t i = 0; i < count; i++) {
		int failed = mount_attach(bindings[i].tree, bindings[i].path);

		if (failed) {
			diag_at(d, NULL, 0, "cannot show %s in the node: %s", bindings[i].path,
				strerror(-failed));
			error = failed;
		}
		close(bindings[i].tree);
		free(bindings[i].path);
	}
	free(bindings);
	return error;
}

/* /etc/hosts of every node: the lab's names. */
static char *hosts_text(const struct topology *t)
{
	struct buf text = {0};
	char address[INET6_ADDRSTRLEN], host[65] = "";

	gethostname(host, sizeof(host) - 1);
	buf_printf(&text, "127.0.0.1 localhost%s%s\n::1 localhost ip6-localhost\n",
		   host[0] ? " " : "", host);
	for (size_t n = 0; n < t->node_count; n++) {
		for (size_t p = 0; p < t->nodes[n].port_count; p++) {
			const struct port *port = &t->nodes[n].ports[p];

			if (port->address.s_addr &&
			    inet_ntop(AF_INET, &port->address, address, sizeof(address)))
				buf_printf(&text, "%s %s\n", address, t->nodes[n].name);
			if (!IN6_IS_ADDR_UNSPECIFIED(&port->address6) &&
			    inet_ntop(AF_INET6, &port->address6, address, sizeof(address)))
				buf_printf(&text, "%s %s\n", address, t->nodes[n].name);
		}
	}
	return buf_steal(&text);
}

/* Called in the node's network namespace, for /sys. */
static int make_namespace(struct lab_init *lab, struct lab_node *node, struct diag *d)
{
	char *hosts;
	int error;

	if (unshare(CLONE_NEWNS) < 0) {
		diag_at(d, NULL, 0, "cannot make a mount namespace for node %s: %s",
			node->node->name, strerror(errno));
		return -errno;
	}
	hosts = hosts_text(lab->topology);
	error = mount_private(hosts, d);
	free(hosts);
	if (!error && open_syslog(lab, node, d) < 0)
		error = -EIO;
	if (!error)
		node->mntns = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
	return error;
}

int lab_node_mounts(struct lab_init *lab, struct lab_node *node, const char *const *paths,
		    size_t count, struct diag *d)
{
	size_t all = lab->keep_count + count, used;
	const char **wanted = xcalloc(all + 1, sizeof(*wanted));
	struct binding *bindings;
	mode_t mask;
	int error = 0;

	for (size_t i = 0; i < all; i++)
		wanted[i] = i < lab->keep_count ? lab->keep[i] : paths[i - lab->keep_count];
	bindings = take_trees(node, wanted, all, &used);
	free(wanted);
	if (node->mntns >= 0 && !used) {
		free(bindings);
		return 0;
	}
	mask = umask(022);
	lab_enter(lab, node);
	if (node->mntns < 0)
		error = make_namespace(lab, node, d);
	else if (setns(node->mntns, CLONE_NEWNS) < 0)
		error = -errno;
	used = error ? 0 : used;
	if (attach_trees(bindings, used, d) && !error)
		error = -EIO;
	setns(lab->home_mntns, CLONE_NEWNS);
	lab_enter(lab, NULL);
	umask(mask);
	return error;
}
