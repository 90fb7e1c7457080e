/* SPDX-License-Identifier: MIT */
/*
 * test_capture.c - the capture processes on the loopback device of a namespace of this test's own.
 *
 * links: sim
 */
#include "unit.h"

#include "../../fakeigd/wire/frame.h"
#include "../../sim/capture.h"
#include "../../sim/pcapng.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT 9999

static char folder[64];
static int dir = -1, netns = -1, sender = -1;
static struct diag diag;

/* A network namespace of our own; the loopback device comes up. Return: whether there is one. */
static bool enter_namespace(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return netns >= 0 && ioctl(sender, SIOCSIFFLAGS, &request) == 0;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/igdlab-capture-XXXXXX");
	assert_non_null(mkdtemp(folder));
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	diag = (struct diag){0};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlinkat(dir, "capture.pcapng", 0);
	close(dir);
	rmdir(folder);
	diag_free(&diag);
	while (wait(NULL) > 0)
		;
	return 0;
}

static void send_numbered(uint32_t from, uint32_t to)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};

	inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
	for (uint32_t i = from; i < to; i++)
		assert_int_equal(sendto(sender, &i, sizeof(i), 0, (struct sockaddr *)&address,
					sizeof(address)),
				 sizeof(i));
}

/* Reads the file: of each of @links interfaces the datagrams 0 to @count, all, once, in order. */
static void expect_numbered(uint32_t links, uint32_t count)
{
	struct pcapng_reader r;
	union pcapng_content c;
	enum pcapng_block block;
	uint32_t next[4] = {0};
	int fd = openat(dir, "capture.pcapng", O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *bytes;

	fstat(fd, &st);
	bytes = xmalloc((size_t)st.st_size);
	assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
	close(fd);
	pcapng_open(&r, bytes, (size_t)st.st_size);
	while ((block = pcapng_next(&r, &c)) > PCAPNG_BAD) {
		struct frame f;
		uint32_t number;

		if (block != PCAPNG_PACKET ||
		    frame_parse_ethernet((const uint8_t *)c.packet.data.ptr, c.packet.data.len,
					 &f) ||
		    f.protocol != IPPROTO_UDP)
			continue;
		memcpy(&number, f.payload.ptr, sizeof(number));
		assert_int_equal(number, next[c.packet.interface]++);
	}
	assert_int_equal(block, PCAPNG_END);
	assert_int_equal(r.count, links);
	for (uint32_t i = 0; i < links; i++)
		assert_row(i, next[i], count);
	pcapng_close(&r);
	free(bytes);
}

static struct capture *start(size_t count)
{
	static const char *const names[] = {"home", "floor", "carrier"};
	struct capture_link links[3];
	struct capture *c;

	if (netns < 0)
		skip();
	for (size_t i = 0; i < count; i++)
		links[i] = (struct capture_link){netns, "lo", names[i]};
	c = capture_start(dir, links, count, &diag);
	if (!c)
		fail_msg("%s", diag.text.data);
	return c;
}

/* The first packet after the start and the last before the stop are there, and all between. */
static void complete_without_waiting(void **state)
{
	struct capture_totals totals;

	(void)state;
	for (int round = 0; round < 5; round++) {
		struct capture *c = start(1);

		send_numbered(0, 1000);
		assert_int_equal(capture_stop(c, &totals), 0);
		expect_numbered(1, 1000);
		assert_int_equal(totals.packets, 2000); /* and as many "port unreachable" */
		assert_int_equal(totals.dropped, 0);
	}
}

static void sync_puts_it_into_the_file(void **state)
{
	struct capture *c = start(3);

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		send_numbered(i * 10, i * 10 + 10);
		assert_int_equal(capture_sync(c), 0);
		expect_numbered(3, i * 10 + 10);
	}
	assert_int_equal(capture_stop(c, NULL), 0);
	expect_numbered(3, 200);
}

static void terminal_signals_do_not_end_it(void **state)
{
	struct capture *c = start(2);

	(void)state;
	for (pid_t pid = getpid() + 1; pid < getpid() + 2000; pid++) {
		if (!capture_owns(c, pid))
			continue;
		kill(pid, SIGINT);
		kill(pid, SIGTERM);
		kill(pid, SIGHUP);
	}
	send_numbered(0, 10);
	assert_int_equal(capture_stop(c, NULL), 0);
	expect_numbered(2, 10);
}

static void killed_member_is_told(void **state)
{
	struct capture *c = start(2);
	int killed = 0;

	(void)state;
	for (pid_t pid = getpid() + 1; pid < getpid() + 2000 && !killed; pid++) {
		if (capture_owns(c, pid))
			killed = kill(pid, SIGKILL) == 0;
	}
	assert_int_equal(killed, 1);
	assert_int_equal(capture_sync(c), -EPIPE);
	assert_int_equal(capture_stop(c, NULL), -EPIPE);
}

static void unknown_device_leaves_nothing_running(void **state)
{
	struct capture_link links[] = {{netns, "lo", "home"}, {netns, "nonesuch", "floor"}};

	(void)state;
	if (netns < 0)
		skip();
	assert_null(capture_start(dir, links, 2, &diag));
	assert_non_null(strstr(diag.text.data, "floor (nonesuch)"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void unwritable_folder(void **state)
{
	struct capture_link link = {netns, "lo", "home"};

	(void)state;
	assert_null(capture_start(netns, &link, 1, &diag));
	assert_non_null(strstr(diag.text.data, "capture.pcapng"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(complete_without_waiting),
		TEST(sync_puts_it_into_the_file),
		TEST(terminal_signals_do_not_end_it),
		TEST(killed_member_is_told),
		TEST(unknown_device_leaves_nothing_running),
		TEST(unwritable_folder),
	};

	if (!enter_namespace()) {
		fprintf(stderr, "no network namespace: %s; skipped\n", strerror(errno));
		netns = -1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
