/* SPDX-License-Identifier: MIT */
/*
 * test_lab_life.c - programs, evidence, routers and ends of labs: all for real.
 *
 * links: sim
 */
#include "lab_fixture.h"

/* ------------------------------------------------------------ programs */

static void test_programs(void **state)
{
	struct lab_options options = {.name = own_name("programs")};
	struct lab lab = start(&options, "flat");
	char script[256];
	int status;

	(void)state;
	says(&lab, "client", "echo ${IGDLAB_LAB##*-} $IGDLAB_NODE; pwd", "programs client\n/\n");
	snprintf(script, sizeof(script), "ls /var/lib; test ! -e %s", folder);
	says(&lab, "peer", script, "");
	says(&lab, "client", "echo x > /tmp/own; echo y > /run/own; cat /tmp/own", "x\n");
	says(&lab, "client", "cat /tmp/own /run/own", "x\ny\n");
	says(&lab, "r1", "test ! -e /tmp/own && test ! -e /run/own", "");
	assert_int_equal(access("/tmp/own", F_OK), -1);
	says(&lab, "client", "grep -c 'nameserver 127' /etc/resolv.conf", "1\n");
	says(&lab, "client", "getent hosts peer | cut -d' ' -f1", "44.0.1.10\n");
	says(&lab, "client", "test -c /dev/null && test -S /dev/log && echo > /dev/null", "");
	says(&lab, "client", "ls /sys/class/net | tr '\\n' ' '", "eth0 lo ");
	says(&lab, "client", "cat /proc/1/comm", "igdlab-init\n");
	says(&lab, "client", "cat /proc/sys/net/ipv4/ip_forward", "0\n");
	says(&lab, "r1", "cat /proc/sys/net/ipv4/ip_forward", "1\n");
	shell(&lab, "client", "exit 42", &status);
	assert_int_equal(status, 42);
	shell(&lab, "client", "kill -9 $$", &status);
	assert_int_equal(status, 128 + 9);
	/* A name that does not exist is refused, not waited for. */
	shell(&lab, "client", "timeout 3 getent hosts example.org", &status);
	assert_int_equal(status, 2);
	finish(&lab, &options);
}

static void test_paths_of_the_host(void **state)
{
	struct lab_options options = {0};
	struct lab lab;
	json_t *reply, *event;
	char script[256], list[256];
	const char *keep[1];
	char kept[sizeof(folder) + 8];

	(void)state;
	snprintf(kept, sizeof(kept), "%s/kept", folder);
	mkdir(kept, 0755);
	keep[0] = kept;
	options.keep = keep;
	options.keep_count = 1;
	lab = start(&options, "flat");
	snprintf(list, sizeof(list), "ls %s", folder);
	says(&lab, "client", list, "kept\n");
	/* Its own folder and its working directory, although the node has been used before. */
	snprintf(script, sizeof(script), "%s",
		 file_with("program.sh", "#!/bin/sh\ntest -e program.sh\n", 0755));
	reply = lab_request(&lab,
			    json_pack("{s:s, s:s, s:[s], s:s}", "op", "exec", "node", "client",
				      "argv", script, "cwd", folder),
			    NULL, 0, NULL);
	assert_true(json_is_true(json_object_get(reply, "ok")));
	json_decref(reply);
	event = lab_event(&lab);
	assert_int_equal(json_integer_value(json_object_get(event, "code")), 0);
	json_decref(event);
	says(&lab, "peer", list, "kept\n");
	finish(&lab, &options);
}

static void test_requests_that_are_wrong(void **state)
{
	static const struct {
		const char *request, *part;
	} cases[] = {
		{"{}", "\"op\""},
		{"{'op': 7}", "\"op\""},
		{"{'op': 'infos'}", "did you mean \"info\""},
		{"{'op': 'info', 'nod': 1}", "unknown member \"nod\""},
		{"{'op': 'socket', 'node': 'cliemt', 'domain': 'inet', 'type': 'raw'}",
		 "\"client\""},
		{"{'op': 'socket', 'node': 7, 'domain': 'inet', 'type': 'raw'}",
		 "expected a string"},
		{"{'op': 'socket', 'node': 'client', 'domain': 'ine', 'type': 'raw'}", "\"inet\""},
		{"{'op': 'socket', 'node': 'client', 'domain': 'inet'}", "\"type\" is missing"},
		{"{'op': 'socket', 'node': 'client', 'domain': 'inet', 'type': 'raw', 'protocol': "
		 "-1}",
		 "expected 0 to"},
		{"{'op': 'exec', 'node': 'client'}", "argv"},
		{"{'op': 'exec', 'node': 'client', 'argv': []}", "argv"},
		{"{'op': 'exec', 'node': 'client', 'argv': ['']}", "argv"},
		{"{'op': 'exec', 'node': 'client', 'argv': [1]}", "argv"},
		{"{'op': 'exec', 'node': 'client', 'argv': ['x'], 'env': {'A': 1}}", "\"A\""},
		{"{'op': 'exec', 'node': 'client', 'argv': ['x'], 'env': []}", "env"},
		{"{'op': 'exec', 'node': 'client', 'argv': ['no-such-program']}",
		 "no-such-program: No"},
		{"{'op': 'exec', 'node': 'client', 'argv': ['/']}", "denied"},
		{"{'op': 'exec', 'node': 'client', 'argv': ['true'], 'cwd': '/nowhere'}",
		 "working dir"},
		{"{'op': 'exec', 'node': 'client', 'argv': ['true'], 'tty': true}", "terminal"},
		{"{'op': 'kill', 'pid': 1}", "\"pid\" is 1"},
		{"{'op': 'kill', 'pid': 999999}", "No such process"},
		{"{'op': 'router', 'node': 'client', 'request': {}}", "has no fakeigd"},
		{"{'op': 'router', 'node': 'r1', 'request': {'op': 'state'}}", "is not running"},
		{"{'op': 'router', 'node': 'r1'}", "\"request\""},
		{"{'op': 'advance', 'seconds': 'x'}", "a number"},
		{"{'op': 'advance', 'seconds': -1}", "expected 0 to"},
		{"{'op': 'link', 'node': 'client', 'ifname': 'eth9', 'up': false}", "\"eth0\""},
		{"{'op': 'link', 'node': 'client', 'ifname': 'eth0', 'up': 1}", "true or false"},
	};
	struct lab_options options = {0};
	struct lab lab = start(&options, "flat");
	static const char *const garbage[] = {"", "{", "[]", "null", "\xff\xff", "{}{}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		refused(&lab, cases[i].request, cases[i].part);
	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		int fds[PACKET_FDS_MAX];
		size_t count;
		json_t *reply;

		send(lab.fd, garbage[i], strlen(garbage[i]), 0);
		assert_int_equal(packet_receive(lab.fd, &reply, fds, &count, 0), 1);
		assert_non_null(json_object_get(reply, "error"));
		json_decref(reply);
	}
	tell(&lab, "{'op': 'info'}");
	finish(&lab, &options);
}

/* ------------------------------------------------------------ evidence */

static char *slurp(const char *name)
{
	char *path = xasprintf("%s/%s", folder, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = xcalloc(1, 65536);

	assert_true(fd >= 0);
	assert_true(read(fd, text, 65535) >= 0);
	close(fd);
	free(path);
	return text;
}

static void test_evidence(void **state)
{
	struct lab_options options = {.evidence = folder, .capture = true};
	struct lab lab = start(&options, "flat");
	char source[INET_ADDRSTRLEN], *text;
	json_t *reply, *again;

	(void)state;
	carry(&lab, "client", "peer", "44.0.1.10", source);
	tell(&lab, "{'op': 'exec', 'node': 'client', 'argv': ['logger', 'a word']}");
	json_decref(lab_event(&lab));
	tell(&lab, "{'op': 'exec', 'node': 'client', 'argv': ['echo', 'to the log']}");
	json_decref(lab_event(&lab));
	tell(&lab, "{'op': 'sync'}");
	text = slurp("syslog.client.log");
	assert_non_null(strstr(text, "a word\n"));
	free(text);
	text = slurp("client.log");
	assert_string_equal(text, "to the log\n");
	free(text);
	text = slurp("lab.json");
	assert_non_null(strstr(text, "\"topology\": \"flat\""));
	free(text);
	/* Programs that do not want to end are ended. */
	tell(&lab, "{'op': 'exec', 'node': 'peer', 'argv': ['sh', '-c',"
		   " 'trap \\\"\\\" TERM; sleep 1000 & sleep 1000']}");
	reply = ask(&lab, "{'op': 'finish'}");
	assert_int_equal(json_array_size(json_object_get(reply, "links")), 2);
	assert_true(json_integer_value(json_object_get(reply, "packets")) >= 6);
	assert_int_equal(json_integer_value(json_object_get(reply, "dropped")), 0);
	again = ask(&lab, "{'op': 'finish'}");
	assert_true(json_equal(reply, again));
	json_decref(again);
	json_decref(reply);
	/* A new shell, ps and wc are all that is left beside the init. */
	json_decref(lab_event(&lab));
	says(&lab, "peer", "pgrep -c sleep || true", "0\n");
	finish(&lab, &options);
}

/* ------------------------------------------------------------ routers */

/* Stands for fakeigd: serves as long as it gets nothing to do. */
static const char quiet_router[] = "#!/bin/sh\n"
				   "echo started with $*\n"
				   "printf x >&5\n"
				   "exec sleep 1000\n";

static void kill_router(struct lab *lab)
{
	json_t *info = ask(lab, "{'op': 'info'}");
	json_t *router = json_object_get(json_object_get(info, "nodes"), "r1");
	char *request = xasprintf("{'op': 'kill', 'signal': 9, 'pid': %d}",
				  (int)json_integer_value(json_object_get(router, "pid")));

	tell(lab, request);
	free(request);
	json_decref(info);
}

static void test_router_dies(void **state)
{
	char program[128];
	struct lab_options options = {.fakeigd = program, .name = own_name("router")};
	struct lab lab, waiting;
	json_t *event, *request = parse("{'op': 'router', 'node': 'r1', 'request': {'op': 'x'}}");
	int fds[PACKET_FDS_MAX];
	size_t count;

	(void)state;
	snprintf(program, sizeof(program), "%s", file_with("router.sh", quiet_router, 0755));
	lab = start(&options, "flat");
	assert_int_equal(lab_connect(options.name, &waiting), 0);
	assert_int_equal(packet_send(waiting.fd, request, NULL, 0, 0), 0);
	json_decref(request);
	kill_router(&lab);
	event = lab_event(&lab);
	assert_string_equal(json_string_value(json_object_get(event, "event")), "router-died");
	assert_string_equal(json_string_value(json_object_get(event, "node")), "r1");
	assert_int_equal(json_integer_value(json_object_get(event, "signal")), 9);
	assert_non_null(strstr(json_string_value(json_object_get(event, "log")),
			       "started with --profile conformant-igd1 "));
	json_decref(event);
	/* Whoever waited for its answer is told, and everybody of its end. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(packet_receive(waiting.fd, &event, fds, &count, 0), 1);
		assert_non_null(strstr(json_string_value(json_object_get(event, "error")),
				       i ? "was killed by signal 9" : "router r1: fakeigd "));
		json_decref(event);
	}
	lab_close(&waiting);
	refused(&lab, "{'op': 'router', 'node': 'r1', 'request': {'op': 'state'}}",
		"was killed by signal 9");
	/* What concerns all routers does not wait for a dead one. */
	tell(&lab, "{'op': 'advance', 'seconds': 3600}");
	finish(&lab, &options);
}

static void test_router_does_not_start(void **state)
{
	static const struct {
		const char *program, *part;
	} cases[] = {
		{"#!/bin/sh\necho cannot do this\nexit 2\n", "cannot do this"},
		{"#!/bin/sh\nkill -9 $$\n", "was killed by signal 9"},
		{NULL, "No such file"},
	};
	struct topology *t = load("flat");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lab_options options = {.topology = t, .data = lab_tree()};
		struct diag d = {0};
		struct lab lab;

		options.fakeigd = cases[i].program ? file_with("bad.sh", cases[i].program, 0755)
						   : "/nowhere/fakeigd";
		assert_int_equal(lab_start(&options, &lab, &d), 3);
		assert_non_null(strstr(d.text.data, "router r1"));
		if (!strstr(d.text.data, cases[i].part))
			fail_msg("%s", d.text.data);
		diag_free(&d);
	}
	topology_free(t);
}

/* Listens, says what it was given, and goes to the background. */
static const char adapter[] =
	"name: listener\n"
	"run:\n"
	"  daemon: /usr/bin/python3 {program} {config} 'two words'\n"
	"nft: |\n"
	"  table ip daemon { chain {node} {}; }\n"
	"files:\n"
	"  config: '{lan_ifname} {wan_ifname} {lan_address}/{lan_prefix} {lan_subnet} "
	"{wan_address}'\n"
	"  program: |\n"
	"    import os, socket, sys\n"
	"    s = socket.socket(); s.bind(('', 5000)); s.listen()\n"
	"    print(open(sys.argv[1]).read(), sys.argv[2], sep='|', flush=True)\n"
	"    if os.fork(): sys.exit(0)\n"
	"    s.accept()\n"
	"ready: {listen: tcp:5000}\n";

static const char with_daemon[] =
	"summary: a daemon\n"
	"networks:\n"
	"  home: {subnet: 192.168.1.0/24}\n"
	"  out: {subnet: 44.0.1.0/24}\n"
	"nodes:\n"
	"  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r1}\n"
	"  r1: {kind: router, lan: {home: 192.168.1.1}, wan: {out: 44.0.1.2}, daemon: %s}\n";

static void test_daemon(void **state)
{
	char *text = xasprintf(with_daemon, file_with("daemon.yaml", adapter, 0644));
	struct lab_options options = {.fakeigd = "/nowhere/fakeigd", .evidence = folder};
	struct lab lab = start(&options, file_with("with-daemon.yaml", text, 0644));
	json_t *reply;

	(void)state;
	free(text);
	text = slurp("r1.daemon.log");
	assert_string_equal(text, "lan0 wan 192.168.1.1/24 192.168.1.0/24 44.0.1.2|two words\n");
	free(text);
	reply = ask(&lab, "{'op': 'state', 'node': 'r1'}");
	assert_non_null(strstr(json_string_value(json_object_get(reply, "nft")), "chain r1"));
	json_decref(reply);
	finish(&lab, &options);
}

static void test_daemon_does_not_start(void **state)
{
	static const struct {
		const char *adapter, *part;
	} cases[] = {
		{"name: x\n", "no run: daemon:"},
		{"run: {daemon: 'false'}\nready: {listen: tcp:5000}\n", "ended with status 1"},
		{"run: {daemon: 'true {nothing}'}\n", "unknown name in braces \"nothing\""},
		{"run: {daemon: 'true'}\nready: {listen: 5000}\n", "expected tcp:PORT"},
		{"run: {daemon: 'true'}\nnft: nonsense\n", "nft: "},
		{"run: {daemon: no-such-program}\n", "No such file"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *text =
			xasprintf(with_daemon, file_with("daemon.yaml", cases[i].adapter, 0644));
		struct topology *t = load(file_with("with-daemon.yaml", text, 0644));
		struct lab_options options = {.topology = t, .data = lab_tree(), .fakeigd = "x"};
		struct diag d = {0};
		struct lab lab;

		free(text);
		assert_int_equal(lab_start(&options, &lab, &d), 3);
		if (!strstr(d.text.data, cases[i].part))
			fail_msg("%zu: %s", i, d.text.data);
		diag_free(&d);
		topology_free(t);
	}
}

/* ------------------------------------------------------------ ends */

/* A process that starts a lab, reports its init's pid and waits to be killed. */
static pid_t starter(bool detached, pid_t *init)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct lab_options options = {.name = detached ? own_name("detached") : NULL,
					      .detached = detached};
		struct lab lab = start(&options, "nested-2");

		tell(&lab, "{'op': 'exec', 'node': 'client', 'argv': ['sleep', '1000']}");
		if (write(ends[1], &lab.pid, sizeof(lab.pid)) < 0)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], init, sizeof(*init)), sizeof(*init));
	close(ends[0]);
	return pid;
}

static void test_starter_is_killed(void **state)
{
	pid_t init, pid = starter(false, &init);
	int pidfd = pidfd_open(init, 0);

	(void)state;
	assert_true(pidfd >= 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ends_soon(pidfd);
	close(pidfd);
}

static void test_detached_lab(void **state)
{
	pid_t init, pid = starter(true, &init);
	int pidfd = pidfd_open(init, 0);
	struct lab lab;
	json_t *reply;

	(void)state;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(lab_connect(own_name("detached"), &lab), 0);
	reply = ask(&lab, "{'op': 'info'}");
	assert_int_equal(json_integer_value(json_object_get(reply, "pid")), init);
	json_decref(reply);
	tell(&lab, "{'op': 'down'}");
	assert_null(lab_event(&lab));
	lab_close(&lab);
	ends_soon(pidfd);
	close(pidfd);
	assert_int_equal(lab_connect(own_name("detached"), &lab), -ECONNREFUSED);
}

static void test_init_is_killed(void **state)
{
	struct lab_options options = {0};
	struct lab lab = start(&options, "flat");

	(void)state;
	kill(lab.pid, SIGKILL);
	assert_null(lab_event(&lab));
	assert_null(lab_request(&lab, parse("{'op': 'info'}"), NULL, 0, NULL));
	finish(&lab, &options);
}

static void test_many_at_once(void **state)
{
	struct lab_options options[20] = {0};
	struct lab labs[20];
	char source[INET_ADDRSTRLEN];

	(void)state;
	for (size_t i = 0; i < 20; i++)
		labs[i] = start(&options[i], "flat");
	for (size_t i = 0; i < 20; i++)
		assert_true(carry(&labs[i], "client", "peer", "44.0.1.10", source) < 1000);
	for (size_t i = 0; i < 20; i++)
		finish(&labs[i], &options[i]);
}

/* ------------------------------------------------------------ an ordinary user */

static void test_ordinary_user(void **state)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_starter_is_killed),
		cmocka_unit_test(test_detached_lab),
	};

	(void)state;
	as_ordinary_user(tests, ARRAY_SIZE(tests));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_paths_of_the_host),
		cmocka_unit_test(test_requests_that_are_wrong),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_router_dies),
		cmocka_unit_test(test_router_does_not_start),
		cmocka_unit_test(test_daemon),
		cmocka_unit_test(test_daemon_does_not_start),
		cmocka_unit_test(test_starter_is_killed),
		cmocka_unit_test(test_detached_lab),
		cmocka_unit_test(test_init_is_killed),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_ordinary_user),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
