/* SPDX-License-Identifier: MIT */
/*
 * lab_daemon.c - a real daemon on a router node, started as its adapter says.
 *
 * Of cases/daemons/NAME.yaml this reads
 *
 *   run:   {daemon: "miniupnpd -f {config}"}    words, quotes as in a shell, or a list of words
 *   files: {config: "..."}                      each is written to /run/igdlab/NAME; {NAME} is its
 *                                               path
 *   nft:   "table inet filter { ... }"          rules that have to be there before it starts
 *   ready: {listen: tcp:5000}                   when it serves: it listens there (or udp:1900)
 *
 * In all of them {lan_ifname}, {lan_address}, {lan_prefix}, {lan_subnet}, {wan_ifname},
 * {wan_address} and {node} stand for what the topology says, {tree} for the data tree. A daemon may
 * go to the background.
 */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "lab_init.h"
#include "mount.h"
#include "process.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/**
 * struct value - what a name in braces stands for
 * @name:	without the braces; borrowed
 * @text:	owned
 */
struct value {
	const char *name;
	char *text;
};

/**
 * struct adapter - an adapter while its daemon is being started
 * @document:	owned
 */
struct adapter {
	struct lab_init *lab;
	struct lab_node *node;
	struct doc *document;
	struct value *values;
	size_t count;
};

static void set_value(struct adapter *a, const char *name, char *text)
{
	a->values = xrealloc(a->values, (a->count + 1) * sizeof(*a->values));
	a->values[a->count++] = (struct value){name, text};
}

static char *address_text(struct in_addr address)
{
	char text[INET_ADDRSTRLEN];

	return xstrdup(inet_ntop(AF_INET, &address, text, sizeof(text)));
}

static void set_values(struct adapter *a)
{
	const struct topology *t = a->lab->topology;
	const struct node *node = a->node->node;
	const struct doc *files = doc_get(a->document, "files");
	bool lan = false;

	set_value(a, "node", xstrdup(node->name));
	set_value(a, "tree", xstrdup(lab_tree()));
	for (size_t p = 0; p < node->port_count; p++) {
		const struct port *port = &node->ports[p];
		const struct network *network = &t->networks[port->network];

		if (port->role == PORT_WAN) {
			set_value(a, "wan_ifname", xstrdup(port->ifname));
			set_value(a, "wan_address", address_text(port->address));
		} else if (!lan) {
			char *subnet = address_text(network->subnet);

			lan = true;
			set_value(a, "lan_ifname", xstrdup(port->ifname));
			set_value(a, "lan_address", address_text(port->address));
			set_value(a, "lan_prefix", xasprintf("%d", network->prefix));
			set_value(a, "lan_subnet", xasprintf("%s/%d", subnet, network->prefix));
			free(subnet);
		}
	}
	for (size_t i = 0; files && files->kind == DOC_MAP && i < files->count; i++)
		set_value(a, files->items[i]->key,
			  xasprintf(MOUNT_OWN_FOLDER "/%s", files->items[i]->key));
}

static bool unknown_name(struct adapter *a, const struct doc *node, const char *name)
{
	const char **names = xcalloc(a->count, sizeof(*names));

	for (size_t i = 0; i < a->count; i++)
		names[i] = a->values[i].name;
	diag_unknown(a->lab->diag, node->file, node->line, "name in braces", name, names, a->count);
	free(names);
	return false;
}

/* Text of a scalar with its names replaced. Braces around anything but one word are plain text. */
static bool expand(struct adapter *a, const struct doc *node, const char *text, struct buf *out)
{
	for (; *text; text++) {
		size_t len = strspn(text + 1, "abcdefghijklmnopqrstuvwxyz_0123456789-"), i;
		char *name;

		if (*text != '{' || !islower((unsigned char)text[1]) || text[len + 1] != '}') {
			buf_putc(out, *text);
			continue;
		}
		name = xstrndup(text + 1, len);
		for (i = 0; i < a->count && strcmp(a->values[i].name, name); i++)
			;
		if (i == a->count) {
			unknown_name(a, node, name);
			free(name);
			return false;
		}
		free(name);
		buf_puts(out, a->values[i].text);
		text += len + 1;
	}
	return true;
}

static char *expanded(struct adapter *a, const struct doc *node)
{
	struct buf out = {0};

	if (doc_want(node, DOC_SCALAR, a->lab->diag) && expand(a, node, node->text, &out))
		return buf_steal(&out);
	buf_free(&out);
	return NULL;
}

/* ------------------------------------------------------------ the command */

/* Next word of a command line, quotes taken off. Return: what follows, NULL at the end. */
static const char *next_word(const char *text, struct buf *word)
{
	char quote = 0;

	text += strspn(text, " \t\n");
	if (!*text)
		return NULL;
	for (; *text && (quote || !strchr(" \t\n", *text)); text++) {
		if (quote ? *text == quote : *text == '"' || *text == '\'')
			quote = quote ? 0 : *text;
		else
			buf_putc(word, *text);
	}
	return text;
}

static bool add_word(struct adapter *a, const struct doc *node, const char *text, char ***argv,
		     size_t *argc)
{
	struct buf out = {0};

	if (!expand(a, node, text, &out)) {
		buf_free(&out);
		return false;
	}
	*argv = xrealloc(*argv, (*argc + 2) * sizeof(**argv));
	(*argv)[(*argc)++] = buf_steal(&out);
	(*argv)[*argc] = NULL;
	return true;
}

/* Names are replaced after splitting: a value with a blank stays one word. */
static char **command(struct adapter *a, const struct doc *node)
{
	const char *text = node->kind == DOC_SCALAR ? node->text : "";
	char **argv = NULL;
	size_t argc = 0;
	bool fine = true;

	for (size_t i = 0; node->kind == DOC_LIST && fine && i < node->count; i++)
		fine = doc_want(node->items[i], DOC_SCALAR, a->lab->diag) &&
		       add_word(a, node->items[i], node->items[i]->text, &argv, &argc);
	while (fine) {
		struct buf word = {0};

		text = next_word(text, &word);
		fine = text && add_word(a, node, word.data ? word.data : "", &argv, &argc);
		buf_free(&word);
		if (!text) {
			if (argc)
				return argv;
			diag_at(a->lab->diag, node->file, node->line, "daemon: expected a command");
		}
	}
	for (size_t i = 0; i < argc; i++)
		free(argv[i]);
	free(argv);
	return NULL;
}

/* ------------------------------------------------------------ start */

static bool write_files(struct adapter *a)
{
	const struct doc *files = doc_get(a->document, "files");
	bool fine = true;

	if (!files)
		return true;
	if (!doc_want(files, DOC_MAP, a->lab->diag))
		return false;
	if (setns(a->node->mntns, CLONE_NEWNS) < 0)
		return false;
	for (size_t i = 0; fine && i < files->count; i++) {
		char *path = xasprintf(MOUNT_OWN_FOLDER "/%s", files->items[i]->key);
		char *text = expanded(a, files->items[i]);
		int fd = -1;

		fine = text != NULL;
		if (fine)
			fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (fine && (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))) {
			diag_at(a->lab->diag, files->items[i]->file, files->items[i]->line,
				"cannot write %s: %s", path, strerror(errno));
			fine = false;
		}
		if (fd >= 0)
			close(fd);
		free(text);
		free(path);
	}
	setns(a->lab->home_mntns, CLONE_NEWNS);
	return fine;
}

static bool load_rules(struct adapter *a)
{
	const struct doc *node = doc_get(a->document, "nft");
	char *text, *complaint;
	bool fine;

	if (!node)
		return true;
	text = expanded(a, node);
	if (!text)
		return false;
	lab_enter(a->lab, a->node);
	complaint = lab_nft(text);
	lab_enter(a->lab, NULL);
	if (complaint)
		diag_at(a->lab->diag, node->file, node->line, "nft: %s", complaint);
	fine = !complaint;
	free(text);
	free(complaint);
	return fine;
}

static bool launch(struct adapter *a, char **argv)
{
	struct lab_node *node = a->node;
	struct process_spec spec = {
		.netns = node->netns, .mntns = node->mntns, .cwd = "/", .argv = argv};
	struct process process;
	const char *step = "start a process for";
	int error;

	spec.fds[0] = a->lab->null;
	spec.fds[1] = spec.fds[2] = node->igd.log;
	spec.fd_count = 3;
	spec.envp = process_environment(NULL, 0);
	error = process_start(&spec, &process);
	if (!error)
		error = process_settle(&process, &step);
	free(spec.envp);
	if (error)
		diag_at(a->lab->diag, NULL, 0, "router %s: cannot %s %s: %s", node->node->name,
			step, argv[0], strerror(-error));
	else
		node->igd.pid = process.pid;
	return !error;
}

static bool start(struct adapter *a)
{
	struct diag *d = a->lab->diag;
	const struct doc *run = doc_get(doc_get(a->document, "run"), "daemon");
	char **argv;
	bool fine;

	if (!run) {
		diag_at(d, a->document->file, a->document->line,
			"the adapter has no run: daemon: command, so the lab cannot start it");
		return false;
	}
	set_values(a);
	if (lab_node_mounts(a->lab, a->node, NULL, 0, d) || !write_files(a) || !load_rules(a))
		return false;
	argv = command(a, run);
	fine = argv && lab_router_log(a->lab, a->node, "daemon.log") == 0 && launch(a, argv);
	for (size_t i = 0; argv && argv[i]; i++)
		free(argv[i]);
	free(argv);
	return fine;
}

int lab_daemon_start(struct lab_init *lab, struct lab_node *node)
{
	struct adapter a = {.lab = lab, .node = node};
	char *path = lab_find("cases/daemons", node->node->daemon);
	bool fine;

	a.document = doc_load_file(path, lab->diag);
	free(path);
	fine = a.document && doc_want(a.document, DOC_MAP, lab->diag) && start(&a);
	for (size_t i = 0; i < a.count; i++)
		free(a.values[i].text);
	free(a.values);
	node->igd.adapter = a.document;
	return fine ? 0 : -1;
}

/* ------------------------------------------------------------ readiness */

/* Whether a table of /proc/net has a socket at local @port in @state (0 = any). */
static bool has_socket(const char *table, unsigned port, unsigned state)
{
	char *path = xasprintf("/proc/thread-self/net/%s", table);
	FILE *file = fopen(path, "re");
	char line[256];
	bool found = false;

	free(path);
	while (file && !found && fgets(line, sizeof(line), file)) {
		unsigned local, st;

		found = sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &local, &st) ==
				2 &&
			local == port && (!state || st == state);
	}
	if (file)
		fclose(file);
	return found;
}

static bool listens(struct lab_init *lab, struct lab_node *node, bool tcp, unsigned port)
{
	enum { STATE_LISTEN = 10 };
	bool found;

	lab_enter(lab, node);
	if (tcp)
		found = has_socket("tcp", port, STATE_LISTEN) ||
			has_socket("tcp6", port, STATE_LISTEN);
	else
		found = has_socket("udp", port, 0) || has_socket("udp6", port, 0);
	lab_enter(lab, NULL);
	return found;
}

/* "tcp:5000". Return: whether @node says where the daemon listens; else after a complaint. */
static bool read_listen(const struct doc *node, bool *tcp, unsigned *port, struct diag *d)
{
	uint64_t number = 0;

	*tcp = node->kind == DOC_SCALAR && !strncmp(node->text, "tcp:", 4);
	if ((*tcp || (node->kind == DOC_SCALAR && !strncmp(node->text, "udp:", 4))) &&
	    slice_number(slice_of(node->text + 4), 65535, &number) && number) {
		*port = (unsigned)number;
		return true;
	}
	diag_at(d, node->file, node->line, "listen: expected tcp:PORT or udp:PORT");
	return false;
}

/* Its first process has ended: gone to the background (true), or failed (complaint). */
static bool ended_well(struct lab_init *lab, struct lab_node *node)
{
	char *how;
	int status;

	if (waitpid(node->igd.pid, &status, WNOHANG) <= 0)
		return true;
	node->igd.pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	how = lab_router_end(status);
	lab_router_complain(lab, node, how);
	free(how);
	return false;
}

int lab_daemon_ready(struct lab_init *lab, struct lab_node *node, int64_t deadline)
{
	const struct doc *where = doc_get(doc_get(node->igd.adapter, "ready"), "listen");
	struct pollfd end = {.fd = pidfd_open(node->igd.pid, 0), .events = POLLIN};
	bool tcp, fine = true, ready = !where;
	unsigned port;

	if (where)
		fine = read_listen(where, &tcp, &port, lab->diag);
	/*
	 * Nobody tells when a program of somebody else's begins to listen: look every millisecond,
	 * or when its first process ends.
	 */
	while (fine && !ready) {
		ready = listens(lab, node, tcp, port);
		if (!ready && clock_now() > deadline) {
			lab_router_complain(lab, node, "did not listen in time and was killed");
			fine = false;
		} else if (!ready && poll(&end, 1, 1) > 0) {
			fine = ended_well(lab, node);
			close(end.fd);
			end.fd = -1;
		}
	}
	if (end.fd >= 0)
		close(end.fd);
	doc_free(node->igd.adapter);
	node->igd.adapter = NULL;
	return fine ? 0 : -1;
}
