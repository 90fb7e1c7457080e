/* SPDX-License-Identifier: MIT */
/*
 * main.c - the program fakeigd: a fake router on given interfaces.
 *
 * Exit status: 0 as it should be, 2 wrong use or bad profile, 3 an interface or the kernel refuses.
 * SIGTERM and SIGINT arrive through a descriptor, end the loop, and the router says goodbye.
 */
#include "base/loop.h"
#include "base/mem.h"
#include "control.h"
#include "interface.h"
#include "journal.h"
#include "options.h"
#include "profile.h"
#include "router.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum exit_status { EXIT_FINE = 0, EXIT_USE = 2, EXIT_REFUSED = 3 };

/** struct program - everything that lives as long as the process */
struct program {
	struct options options;
	struct router router;
	struct diag diag;
	char *data;
	char *seed;
	char host[256];
	int signals;
	struct loop_source *signal_source;
};

/* The data directory: beside the program in the tree, or where "make install" puts it. */
static char *find_data(void)
{
	static const char *const places[] = {"../fakeigd", "../../fakeigd",
					     "../share/igdlab/fakeigd"};
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[len > 0 ? len : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	for (size_t i = 0; slash && i < ARRAY_SIZE(places); i++) {
		char *dir = xasprintf("%s/%s", self, places[i]);
		char *profiles = xasprintf("%s/profiles", dir);
		char *real = access(profiles, R_OK) == 0 ? realpath(dir, NULL) : NULL;

		free(profiles);
		free(dir);
		if (real)
			return real;
	}
	return xstrdup(IGDLAB_PREFIX "/share/igdlab/fakeigd");
}

/* Print what diag has gathered, each line behind the program's name. */
static int complain(const struct diag *d, enum exit_status status)
{
	const char *line = d->text.data;

	while (line && *line) {
		size_t len = strcspn(line, "\n");

		fprintf(stderr, "fakeigd: %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
	return status;
}

static int print(struct buf *text)
{
	bool fine = fwrite(text->data, 1, text->len, stdout) == text->len && fflush(stdout) == 0;

	buf_free(text);
	if (!fine)
		fprintf(stderr, "fakeigd: cannot write to standard output: %s\n", strerror(errno));
	return fine ? EXIT_FINE : EXIT_REFUSED;
}

static int show_profile(struct program *p)
{
	const struct router_source *s = &p->router.source;
	struct doc *doc = profile_resolve(s->profile, s->quirks, s->quirk_count, s->data, &p->diag);
	struct buf text = {0};

	if (!doc || p->diag.errors) {
		doc_free(doc);
		return complain(&p->diag, EXIT_USE);
	}
	doc_to_yaml(doc, &text);
	doc_free(doc);
	return print(&text);
}

static int print_json(json_t *value)
{
	char *dump = json_dumps(value, JSON_INDENT(2));
	struct buf text = {0};

	buf_printf(&text, "%s\n", dump);
	free(dump);
	json_decref(value);
	return print(&text);
}

static int list_policy(bool json)
{
	struct buf text = {0};

	if (json)
		return print_json(policy_list_json());
	policy_list_text(&text);
	return print(&text);
}

static int print_schema(const char *which)
{
	return print_json(strcmp(which, "quirk") ? profile_schema() : quirk_schema());
}

static bool load_profile(struct program *p)
{
	const struct router_source *s = &p->router.source;

	p->router.profile =
		profile_load(s->profile, s->quirks, s->quirk_count, s->data, s->seed, &p->diag);
	return p->router.profile != NULL;
}

static int check_profile(struct program *p)
{
	bool fine;

	p->router.source.seed = p->router.name;
	fine = load_profile(p);
	profile_free(p->router.profile);
	return fine ? EXIT_FINE : complain(&p->diag, EXIT_USE);
}

static bool find_interface(struct program *p, const char *name, struct router_interface *out)
{
	int error = interface_find(name, out);

	if (error == -ENODEV)
		diag_at(&p->diag, NULL, 0, "there is no interface \"%s\"", name);
	else if (error)
		diag_at(&p->diag, NULL, 0, "cannot read interface \"%s\": %s", name,
			strerror(-error));
	return !error;
}

static bool find_interfaces(struct program *p)
{
	struct router *r = &p->router;

	for (size_t i = 0; i < p->options.lans; i++) {
		struct router_interface *lan = &r->lan[i];

		if (!find_interface(p, p->options.lan[i], lan))
			continue;
		if (!lan->address.s_addr && IN6_IS_ADDR_UNSPECIFIED(&lan->address6) &&
		    IN6_IS_ADDR_UNSPECIFIED(&lan->link6))
			diag_at(&p->diag, NULL, 0, "interface \"%s\" has no address", lan->name);
	}
	r->lans = p->options.lans;
	if (p->options.wan)
		find_interface(p, p->options.wan, &r->wan);
	return p->diag.errors == 0;
}

static bool open_journal(struct program *p)
{
	const struct options *o = &p->options;
	int fd = o->journal_fd;

	if (o->journal && !strcmp(o->journal, "-"))
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	else if (o->journal)
		fd = open(o->journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0 && o->journal) {
		diag_at(&p->diag, NULL, 0, "cannot write the journal %s: %s", o->journal,
			strerror(errno));
		return false;
	}
	p->router.journal = journal_new(fd, p->router.name);
	if (o->journal_bytes)
		journal_keep_bytes(p->router.journal);
	return true;
}

static void signalled(void *arg, int fd, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	if (read(fd, &info, sizeof(info)) == sizeof(info))
		loop_stop(((struct program *)arg)->router.loop, EXIT_FINE);
}

static bool watch_signals(struct program *p)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p->signals < 0) {
		diag_at(&p->diag, NULL, 0, "cannot wait for signals: %s", strerror(errno));
		return false;
	}
	p->signal_source = loop_watch(p->router.loop, p->signals, EPOLLIN, signalled, p);
	return true;
}

/* As many connections as the hard limit allows: the server has limits of its own. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void tell_ready(int fd)
{
	if (fd < 0)
		return;
	if (write(fd, "\n", 1) < 0)
		fprintf(stderr, "fakeigd: cannot write to --ready-fd: %s\n", strerror(errno));
	close(fd);
}

static bool use_clock(struct program *p)
{
	int error = p->options.clock_fd >= 0 ? clock_page_use(p->options.clock_fd) : 0;

	if (error)
		diag_at(&p->diag, NULL, 0, "--clock-fd: cannot use descriptor %d as clock page: %s",
			p->options.clock_fd, strerror(-error));
	return !error;
}

static bool start_control(struct program *p)
{
	struct router *r = &p->router;
	int error;

	r->control = control_new(r, p->options.control_fd, p->options.control, &error);
	if (!r->control)
		diag_at(&p->diag, NULL, 0, "cannot listen at --control %s: %s", p->options.control,
			strerror(-error));
	return r->control != NULL;
}

static void make_seed(struct program *p)
{
	const uint8_t *mac = p->router.lan[0].mac;

	p->seed = xasprintf("%s/%02x%02x%02x%02x%02x%02x", p->router.name, mac[0], mac[1], mac[2],
			    mac[3], mac[4], mac[5]);
	p->router.source.seed = p->seed;
}

static int run(struct program *p)
{
	struct router *r = &p->router;
	int status = EXIT_REFUSED;

	raise_descriptor_limit();
	if (!use_clock(p) || !find_interfaces(p))
		return complain(&p->diag, EXIT_REFUSED);
	make_seed(p);
	if (!load_profile(p))
		return complain(&p->diag, EXIT_USE);
	r->loop = loop_new();
	if (watch_signals(p) && open_journal(p) && router_start(r, &p->diag) == 0 &&
	    start_control(p)) {
		tell_ready(p->options.ready_fd);
		status = loop_run(r->loop);
	} else {
		complain(&p->diag, EXIT_REFUSED);
	}
	router_stop(r);
	journal_write(r->journal, JOURNAL_STATE, "router", NULL, NULL, "stopped", NULL);
	/* Last: a lab takes the end of this socket for the end of the router. */
	control_free(r->control);
	journal_free(r->journal);
	loop_unwatch(r->loop, p->signal_source);
	if (p->signals >= 0)
		close(p->signals);
	loop_free(r->loop);
	return status;
}

static int do_mode(struct program *p)
{
	struct buf text = {0};

	switch (p->options.mode) {
	case MODE_HELP:
		options_help(&text);
		return print(&text);
	case MODE_VERSION:
		buf_puts(&text, "fakeigd " IGDLAB_VERSION "\n");
		return print(&text);
	case MODE_LIST_POLICY:
		return list_policy(p->options.json);
	case MODE_SCHEMA:
		return print_schema(p->options.schema);
	case MODE_CHECK:
		return check_profile(p);
	case MODE_SHOW:
		return show_profile(p);
	case MODE_RUN:
		break;
	}
	return run(p);
}

int main(int argc, char **argv)
{
	struct program p = {.signals = -1};
	struct options *o = &p.options;
	int status;

	if (!options_parse(o, argc, argv, &p.diag)) {
		status = complain(&p.diag, EXIT_USE);
	} else {
		if (gethostname(p.host, sizeof(p.host) - 1) < 0 || !p.host[0])
			strcpy(p.host, "fakeigd");
		p.data = o->data ? xstrdup(o->data) : find_data();
		p.router.name = o->name ? o->name : p.host;
		p.router.port = o->http_port;
		p.router.source = (struct router_source){
			.profile = o->profile,
			.quirks = o->quirks,
			.quirk_count = o->quirk_count,
			.data = p.data,
		};
		status = do_mode(&p);
	}
	free(p.data);
	free(p.seed);
	diag_free(&p.diag);
	options_free(o);
	return status;
}
