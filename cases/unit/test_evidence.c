/* SPDX-License-Identifier: MIT */
/*
 * test_evidence.c - a directory as a lab leaves it becomes sorted capture, messages and picture.
 *
 * links: sim
 */
#include "unit.h"

#include "../../fakeigd/wire/xml.h"
#include "../../sim/evidence.h"
#include "../../sim/pcapng.h"
#include "packets.h"

#include <dirent.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#define START INT64_C(1753696326822000000)

static const char lab_json[] =
	"{\"topology\": \"flat\", \"client\": \"client\", \"nodes\": {"
	"\"peer\": {\"kind\": \"host\", \"ports\": [{\"network\": \"internet\", \"address\": "
	"\"44.0.1.10\", \"mac\": \"02:00:00:00:00:8a\"}]},"
	"\"r1\": {\"kind\": \"router\", \"profile\": \"conformant-igd1\", \"quirks\": [\"late\"], "
	"\"ports\": [{\"network\": \"home\", \"address\": \"192.168.1.1\", \"mac\": "
	"\"02:00:00:00:00:01\"}, {\"network\": \"internet\", \"address\": \"44.0.1.2\", \"mac\": "
	"\"02:00:00:00:00:82\"}]},"
	"\"client\": {\"kind\": \"host\", \"ports\": [{\"network\": \"home\", \"address\": "
	"\"192.168.1.4\", \"mac\": \"02:00:00:00:00:04\"}]}}}";

static char folder[64];
static struct diag diag;
static struct buf packets[2]; /* of each link, as two capture processes write them */
static struct wire wire;

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/igdlab-evidence-XXXXXX");
	assert_non_null(mkdtemp(folder));
	diag = (struct diag){0};
	return 0;
}

static int tear_down(void **state)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	(void)state;
	while ((entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(folder);
	diag_free(&diag);
	for (int i = 0; i < 2; i++)
		buf_free(&packets[i]);
	return 0;
}

static void save(const char *name, struct slice bytes)
{
	char *path = xasprintf("%s/%s", folder, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
	fclose(file);
	free(path);
}

static struct buf load(const char *name)
{
	char *path = xasprintf("%s/%s", folder, name);
	FILE *file = fopen(path, "r");
	struct buf b = {0};
	struct stat st;

	assert_non_null(file);
	fstat(fileno(file), &st);
	buf_reserve(&b, (size_t)st.st_size);
	b.len = fread(b.data, 1, (size_t)st.st_size, file);
	fclose(file);
	free(path);
	return b;
}

static bool there(const char *name)
{
	char *path = xasprintf("%s/%s", folder, name);
	bool is = access(path, F_OK) == 0;

	free(path);
	return is;
}

static void sink(void *arg, unsigned link, int64_t time_ns, struct slice frame)
{
	(void)arg;
	pcapng_write_packet(&packets[link], &(struct pcapng_packet){
						    .interface = link,
						    .time_ns = time_ns,
						    .original_len = (uint32_t)frame.len,
						    .data = frame,
					    });
}

/* Search, a request in two segments with its reply, then a packet through the router. */
static void make_packets(void)
{
	struct end searcher = {CLIENT, 50000, 0}, group = {GROUP, 1900, 0};
	struct end client = {CLIENT, 40112, 1}, router = {ROUTER, 5431, 1};
	struct end peer = {PEER, 3000, 0}, wan = {ROUTER_WAN, 1872, 0}, inside = {CLIENT, 1872, 0};

	wire = (struct wire){.sink = sink, .time_ns = START};
	packets_udp(&wire, searcher, group,
		    slice_of("M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n"
			     "ST: upnp:rootdevice\r\n\r\n"));	      /* 1 */
	packets_connect(&wire, &client, &router);		      /* 2 to 4 */
	packets_text(&wire, &client, &router, "GET /a HTTP/1.1\r\n"); /* 5 */
	packets_text(&wire, &client, &router, "Host: x\r\n\r\n");     /* 6 */
	packets_text(&wire, &router, &client,
		     "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"); /* 7 */
	wire.link = 1;
	packets_udp(&wire, peer, wan, slice_of("hello")); /* 8 */
	wire.link = 0;
	packets_udp(&wire, peer, inside, slice_of("hello")); /* 9 */
}

/* The outer link's packets come first in the file: not in order of time. */
static struct buf make_capture(void)
{
	struct buf file = {0};

	for (int i = 0; i < 2; i++)
		buf_free(&packets[i]);
	make_packets();
	pcapng_write_section(&file, "test", NULL, NULL);
	pcapng_write_interface(&file, PCAPNG_LINKTYPE_ETHERNET, "home", "b1");
	pcapng_write_interface(&file, PCAPNG_LINKTYPE_ETHERNET, "internet", "wan");
	buf_add_slice(&file, buf_slice(&packets[1]));
	pcapng_write_statistics(&file, 1, START, 1, 0);
	buf_add_slice(&file, buf_slice(&packets[0]));
	pcapng_write_statistics(&file, 0, START, 8, 3);
	return file;
}

static void journal_line(struct buf *b, double seconds, const char *rest)
{
	buf_printf(b, "{\"time\": %.6f, \"clock\": 1.0, \"router\": \"r1\", %s}\n",
		   1753696326.822 + seconds, rest);
}

static void make_journal(void)
{
	struct buf b = {0};

	journal_line(&b, 0.00003,
		     "\"event\": \"received\", \"layer\": \"ssdp\", \"from\": "
		     "\"192.168.1.4:50000\", \"to\": \"192.168.1.1:1900\", \"what\": \"search\"");
	journal_line(&b, 0.00055,
		     "\"event\": \"received\", \"layer\": \"http\", \"from\": "
		     "\"192.168.1.4:40112\", \"to\": \"192.168.1.1:5431\", \"what\": \"GET /a\"");
	journal_line(&b, 0.00056,
		     "\"event\": \"decided\", \"layer\": \"http\", \"from\": "
		     "\"192.168.1.4:40112\", \"to\": \"192.168.1.1:5431\", \"what\": \"no such "
		     "file\", \"status\": 404, \"rule\": \"late\"");
	journal_line(&b, 0.00059,
		     "\"event\": \"sent\", \"layer\": \"http\", \"from\": \"192.168.1.1:5431\", "
		     "\"to\": \"192.168.1.4:40112\", \"what\": \"404\"");
	journal_line(&b, 0.00057,
		     "\"event\": \"state\", \"layer\": \"portmap\", \"what\": \"expired\"");
	journal_line(&b, 0.00057,
		     "\"event\": \"state\", \"layer\": \"router\", \"what\": \"ready\"");
	journal_line(&b, 100,
		     "\"event\": \"received\", \"layer\": \"http\", \"from\": "
		     "\"10.9.9.9:1\", \"to\": \"192.168.1.1:5431\", \"what\": \"nobody\"");
	buf_puts(&b, "{\"time\": 17536"); /* cut off by a kill */
	save("r1.journal.ndjson", buf_slice(&b));
	buf_free(&b);
}

static void make_folder(void)
{
	struct buf capture = make_capture();

	save("capture.pcapng", buf_slice(&capture));
	buf_free(&capture);
	save("lab.json", slice_of(lab_json));
	save("run.json", slice_of("{\"verdict\": \"pass\", \"reason\": \"all < fine\", "
				  "\"command\": {\"argv\": [\"/usr/bin/upnpc\", \"-l\"]}}"));
	make_journal();
}

static void expect_fine(void)
{
	int status = evidence_finish(folder, &diag);

	if (status)
		fail_msg("%s", diag.text.data);
}

/* Reads the finished capture: packets in order, with these comments (NULL = none). */
static void expect_capture(const char *const *comments, size_t count)
{
	struct buf file = load("capture.pcapng");
	struct pcapng_reader r;
	union pcapng_content c;
	enum pcapng_block block;
	size_t seen = 0, statistics = 0;
	int64_t last = 0;

	pcapng_open(&r, file.data, file.len);
	while ((block = pcapng_next(&r, &c)) > PCAPNG_BAD) {
		statistics += block == PCAPNG_STATISTICS;
		if (block != PCAPNG_PACKET)
			continue;
		assert_true(seen < count);
		assert_true(c.packet.time_ns >= last);
		last = c.packet.time_ns;
		if (comments[seen])
			assert_row_slice(seen, c.packet.comment, comments[seen]);
		else
			assert_null(c.packet.comment.ptr);
		seen++;
	}
	assert_int_equal(block, PCAPNG_END);
	assert_int_equal(seen, count);
	assert_int_equal(statistics, 2);
	assert_int_equal(r.count, 2);
	assert_slice(r.interfaces[0].name, "home");
	pcapng_close(&r);
	buf_free(&file);
}

static const char *const comments[9] = {
	[0] = "r1 received (ssdp): search",
	[5] = "r1 received (http): GET /a\n"
	      "r1 decided (http): no such file, status=404, rule=late\n"
	      "r1 state (portmap): expired",
	[6] = "r1 sent (http): 404",
};

static void whole_directory(void **state)
{
	struct xml_node *picture;
	struct buf svg;

	(void)state;
	make_folder();
	for (int again = 0; again < 2; again++) { /* the second time changes nothing */
		expect_fine();
		expect_capture(comments, 9);
		svg = load("ladder.svg");
		assert_int_equal(xml_parse(svg.data, svg.len, &picture), XML_OK);
		assert_non_null(strstr(svg.data, "flat: upnpc -l"));
		assert_non_null(strstr(svg.data, "pass: all &lt; fine"));
		assert_non_null(strstr(svg.data, "3 packets lost by the capture"));
		assert_non_null(strstr(svg.data, "+ late"));
		/* client first, whatever the order in lab.json */
		assert_true(strstr(svg.data, ">client<") < strstr(svg.data, ">r1<"));
		assert_true(strstr(svg.data, ">r1<") < strstr(svg.data, ">peer<"));
		xml_free(picture);
		buf_free(&svg);
	}
}

static void messages_json(void **state)
{
	struct buf file;
	json_t *list, *m;
	json_error_t error;

	(void)state;
	make_folder();
	expect_fine();
	file = load("messages.json");
	list = json_loadb(file.data, file.len, 0, &error);
	assert_non_null(list);
	assert_int_equal(json_array_size(list), 5);
	m = json_array_get(list, 0);
	assert_string_equal(json_string_value(json_object_get(m, "to")), "*");
	m = json_array_get(list, 1);
	assert_string_equal(json_string_value(json_object_get(m, "label")), "GET /a");
	assert_string_equal(json_string_value(json_object_get(m, "from")), "client");
	assert_string_equal(json_string_value(json_object_get(m, "src")), "192.168.1.4:40112");
	assert_string_equal(json_string_value(json_object_get(m, "link")), "home");
	assert_int_equal(json_integer_value(json_object_get(m, "frame")), 5);
	assert_int_equal(json_integer_value(json_object_get(m, "packets")), 2);
	m = json_array_get(list, 2);
	assert_int_equal(json_integer_value(json_object_get(m, "request")), 1);
	assert_true(json_is_true(json_object_get(m, "error")));
	m = json_array_get(list, 4); /* the inner hop of the peer's packet */
	assert_string_equal(json_string_value(json_object_get(m, "from")), "r1");
	assert_string_equal(json_string_value(json_object_get(m, "to")), "client");
	json_decref(list);
	buf_free(&file);
}

static void without_lab_json(void **state)
{
	struct buf capture = make_capture(), svg;

	(void)state;
	save("capture.pcapng", buf_slice(&capture));
	expect_fine();
	svg = load("ladder.svg");
	assert_non_null(strstr(svg.data, ">192.168.1.4<"));
	assert_null(strstr(svg.data, "elsewhere"));
	buf_free(&svg);
	buf_free(&capture);
}

/* The lab was killed in the middle of a write, or the disk was full. */
static void cut_off_capture(void **state)
{
	struct buf capture = make_capture();

	(void)state;
	capture.len -= 70; /* statistics of the inner link and a part of its last packet */
	save("capture.pcapng", buf_slice(&capture));
	buf_free(&capture);
	assert_int_equal(evidence_finish(folder, &diag), -1);
	assert_non_null(strstr(diag.text.data, "used up to there"));
	assert_true(there("ladder.svg"));
	capture = load("capture.pcapng");
	assert_true(capture.len > 500);
	buf_free(&capture);
	diag_free(&diag);
	expect_fine(); /* what was written is whole */
}

static void no_capture(void **state)
{
	(void)state;
	assert_int_equal(evidence_finish(folder, &diag), -1);
	assert_non_null(strstr(diag.text.data, "capture.pcapng"));
	diag_free(&diag);
	assert_int_equal(evidence_finish("/nonexistent", &diag), -1);
}

/* Something that is no capture is not replaced by one. */
static void foreign_file(void **state)
{
	struct buf b;

	(void)state;
	save("capture.pcapng", slice_of("this is somebody's text\n"));
	assert_int_equal(evidence_finish(folder, &diag), -1);
	b = load("capture.pcapng");
	assert_slice(buf_slice(&b), "this is somebody's text\n");
	buf_free(&b);
}

static void bad_json_is_named(void **state)
{
	(void)state;
	make_folder();
	save("lab.json", slice_of("{\"nodes\":"));
	save("r2.journal.ndjson", slice_of("{}\nnonsense\n"));
	assert_int_equal(evidence_finish(folder, &diag), -1);
	assert_non_null(strstr(diag.text.data, "lab.json"));
	assert_non_null(strstr(diag.text.data, "r2.journal.ndjson:2"));
	assert_true(there("ladder.svg"));
}

/* No temporary file stays, whatever happened. */
static void nothing_else_is_left(void **state)
{
	DIR *dir;
	struct dirent *entry;

	(void)state;
	make_folder();
	expect_fine();
	dir = opendir(folder);
	while ((entry = readdir(dir)))
		assert_true(entry->d_name[0] != '.' || entry->d_name[1] == '\0' ||
			    entry->d_name[1] == '.');
	closedir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(whole_directory),	 TEST(messages_json),	     TEST(without_lab_json),
		TEST(cut_off_capture),	 TEST(no_capture),	     TEST(foreign_file),
		TEST(bad_json_is_named), TEST(nothing_else_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
