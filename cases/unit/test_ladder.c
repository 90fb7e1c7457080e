/* SPDX-License-Identifier: MIT */
/*
 * test_ladder.c - the picture: well-formed, every message in it, no text over another.
 *
 * links: sim
 */
#include "unit.h"

#include "../../fakeigd/wire/xml.h"
#include "../../sim/ladder.h"
#include "packets.h"

#include <math.h>

#define TEXTS_MAX 4000

static const struct ladder_port client_ports[] = {{.link = 0, .mac = {2, 0, 0, 0, 0, 4}}};
static const struct ladder_port router_ports[] = {{.link = 0, .mac = {2, 0, 0, 0, 0, 1}},
						  {.link = 1, .mac = {2, 0, 0, 0, 0, 0x82}}};
static const struct ladder_port peer_ports[] = {{.link = 1, .mac = {2, 0, 0, 0, 0, 0x8a}}};
static const struct ladder_node nodes[] = {
	{"client", "192.168.1.4", false, client_ports, 1},
	{"r1", "192.168.1.1\n44.0.1.2\nconformant-igd1", true, router_ports, 2},
	{"peer", "44.0.1.10", false, peer_ports, 1},
};

static struct wire wire;
static struct buf svg;
static struct xml_node *picture;

static int set_up(void **state)
{
	(void)state;
	wire = (struct wire){.flow = flow_new(), .time_ns = INT64_C(1753696326822000000)};
	svg = (struct buf){0};
	picture = NULL;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	flow_free(wire.flow);
	xml_free(picture);
	buf_free(&svg);
	return 0;
}

static void draw_with(size_t node_count, const struct ladder_heading *heading)
{
	flow_end(wire.flow);
	ladder_draw(wire.flow, nodes, node_count, heading, &svg);
	assert_int_equal(xml_parse(svg.data, svg.len, &picture), XML_OK);
	assert_string_equal(picture->name, "svg");
}

static void draw(size_t node_count)
{
	draw_with(node_count,
		  &(struct ladder_heading){"flat: <a & b>\x01", "date", "fail: because", true});
}

/* ---- reading the picture ---- */

/** struct box - where a text is */
struct box {
	double left, right, top, bottom;
	const char *text;
};

static double number(const struct xml_node *n, const char *name)
{
	const char *value = xml_attribute(n, NULL, name);

	return value ? atof(value) : NAN;
}

static void gather(const struct xml_node *n, struct box *boxes, size_t *count)
{
	const char *anchor = xml_attribute(n, NULL, "text-anchor");
	double x, y, size, width;

	if (strcmp(n->name, "text") == 0) {
		assert_true(*count < TEXTS_MAX);
		x = number(n, "x");
		y = number(n, "y");
		size = number(n, "font-size");
		assert_true(x >= 0 && y >= 0 && size >= 8);
		width = ladder_text_width(slice_of(n->raw), size,
					  xml_attribute(n, NULL, "font-weight") != NULL);
		if (anchor && strcmp(anchor, "middle") == 0)
			x -= width / 2;
		else if (anchor && strcmp(anchor, "end") == 0)
			x -= width;
		boxes[(*count)++] =
			(struct box){x, x + width, y - size * 0.76, y + size * 0.2, n->raw};
	}
	for (const struct xml_node *child = n->first; child; child = child->next)
		gather(child, boxes, count);
}

static void expect_no_overlap(void)
{
	static struct box boxes[TEXTS_MAX];
	double width = number(picture, "width"), height = number(picture, "height");
	size_t count = 0;

	gather(picture, boxes, &count);
	assert_true(count > 3);
	for (size_t i = 0; i < count; i++) {
		const struct box *a = &boxes[i];

		if (a->left < 0 || a->right > width + 0.5 || a->top < 0 || a->bottom > height)
			fail_msg("\"%s\" is outside the picture", a->text);
		for (size_t k = 0; k < i; k++) {
			const struct box *b = &boxes[k];

			if (a->left < b->right && b->left < a->right && a->top < b->bottom &&
			    b->top < a->bottom)
				fail_msg("\"%s\" is over \"%s\"", a->text, b->text);
		}
	}
}

static void mark_messages(const struct xml_node *n, int *seen, size_t count)
{
	const char *list = xml_attribute(n, NULL, "data-messages");

	while (list && *list) {
		char *end;
		unsigned long index = strtoul(list, &end, 10);

		assert_true(end != list && index < count);
		seen[index]++;
		list = end;
	}
	for (const struct xml_node *child = n->first; child; child = child->next)
		mark_messages(child, seen, count);
}

/* Every message has its arrow, once. */
static void expect_all_messages(void)
{
	size_t count = flow_count(wire.flow);
	int *seen = xcalloc(count, sizeof(*seen));

	mark_messages(picture, seen, count);
	for (size_t i = 0; i < count; i++)
		assert_row(i, seen[i], 1);
	free(seen);
}

static const char *find_text(const struct xml_node *n, const char *part)
{
	if (strcmp(n->name, "text") == 0 && strstr(n->raw, part))
		return n->raw;
	for (const struct xml_node *child = n->first; child; child = child->next) {
		const char *found = find_text(child, part);

		if (found)
			return found;
	}
	return NULL;
}

/* ---- exchanges ---- */

static void exchange(const char *request, const char *response)
{
	struct end client = {CLIENT, 40000, 1}, router = {ROUTER, 5431, 1};

	client.port = (uint16_t)(client.port + flow_count(wire.flow));
	packets_connect(&wire, &client, &router);
	packets_text(&wire, &client, &router, request);
	packets_text(&wire, &router, &client, response);
	packets_close(&wire, &client, &router);
}

static void announce(const char *target)
{
	struct end source = {ROUTER, 1900, 0}, group = {GROUP, 1900, 0};
	struct buf text = {0};

	buf_printf(
		&text,
		"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNTS: ssdp:alive\r\nNT: %s\r\n"
		"USN: x\r\nLOCATION: http://x/\r\n\r\n",
		target);
	packets_udp(&wire, source, group, buf_slice(&text));
	buf_free(&text);
}

static void through_the_nat(void)
{
	struct end peer = {PEER, 3000, 1}, wan = {ROUTER_WAN, 8080, 1};
	struct end far = {PEER, 3000, 1}, client = {CLIENT, 80, 1};

	wire.link = 1;
	packets_segment(&wire, peer, wan, 1, 0, FRAME_TCP_SYN, (struct slice){0});
	wire.link = 0;
	/* on the inner network the router's station stands for the peer */
	packets_segment(&wire, far, client, 1, 0, FRAME_TCP_SYN, (struct slice){0});
}

static void sixty_messages(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++)
		announce(i % 2 ? "upnp:rootdevice" : "urn:schemas-upnp-org:device:WANDevice:1");
	for (int i = 0; i < 12; i++)
		exchange("GET /description.xml HTTP/1.1\r\n\r\n",
			 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	wire.time_ns += INT64_C(2000000000);
	for (int i = 0; i < 12; i++)
		exchange("GET /a/path/that/is/as/long/as/those/of/some/routers/are/described.xml "
			 "HTTP/1.1\r\n\r\n",
			 "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	draw(3);
	assert_int_equal(flow_count(wire.flow), 60);
	expect_all_messages();
	expect_no_overlap();
	assert_non_null(find_text(picture, "NOTIFY alive ×12"));
	assert_non_null(find_text(picture, "s later"));
	assert_non_null(find_text(picture, "404 Not Found"));
	assert_non_null(find_text(picture, "flat: <a & b>"));
	assert_non_null(find_text(picture, "fail: because"));
}

static void hops_share_a_row(void **state)
{
	(void)state;
	through_the_nat();
	draw(3);
	assert_int_equal(flow_count(wire.flow), 2);
	expect_all_messages();
	expect_no_overlap();
}

static void equal_messages_are_folded(void **state)
{
	struct end client = {CLIENT, 40000, 1}, router = {ROUTER, 9999, 1};

	(void)state;
	for (int i = 0; i < 50; i++)
		packets_udp(&wire, client, router, slice_of("x"));
	draw(3);
	expect_all_messages();
	assert_non_null(find_text(picture, "×50"));
}

/* Two announcements of different targets are no run. */
static void two_are_no_run(void **state)
{
	(void)state;
	announce("upnp:rootdevice");
	announce("ssdp:all");
	draw(3);
	expect_all_messages();
	expect_no_overlap();
	assert_non_null(find_text(picture, "NOTIFY alive upnp:rootdevice"));
	assert_non_null(find_text(picture, "NOTIFY alive ssdp:all"));
}

static void hostile_labels(void **state)
{
	static const char *const paths[] = {
		"/]]>&lt;script&gt;<script>alert(1)</script>",
		"/\"'><svg onload='x'>",
		"/&#0;&#x1;",
		"/\xff\xfe\xc0\x80",
		"/\xf0\x9f\x98\x80\xe4\xb8\xad\xe6\x96\x87",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		char *request = xasprintf("GET %s HTTP/1.1\r\n\r\n", paths[i]);

		exchange(request, "HTTP/1.1 500 <b>\"&\r\nContent-Length: 0\r\n\r\n");
		free(request);
	}
	draw(3);
	expect_all_messages();
	expect_no_overlap();
	assert_null(strstr(svg.data, "<script"));
	assert_null(strstr(svg.data, "href"));
	assert_non_null(find_text(picture, "<script>alert(1)"));
}

static void very_long_label(void **state)
{
	struct buf request = {0};

	(void)state;
	buf_puts(&request, "GET /");
	for (int i = 0; i < 500; i++)
		buf_puts(&request, "W");
	buf_puts(&request, " HTTP/1.1\r\n\r\n");
	exchange(request.data, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	draw(3);
	expect_all_messages();
	expect_no_overlap();
	buf_free(&request);
}

static void strangers_have_a_column(void **state)
{
	struct end other = {"192.168.1.77", 5000, 1}, router = {ROUTER, 9999, 1};

	(void)state;
	packets_udp(&wire, other, router, slice_of("x"));
	announce("upnp:rootdevice");
	draw(3);
	expect_all_messages();
	expect_no_overlap();
	assert_non_null(find_text(picture, "elsewhere"));
}

static void nobody_is_known(void **state)
{
	(void)state;
	exchange("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	announce("upnp:rootdevice");
	draw(0);
	expect_all_messages();
	expect_no_overlap();
}

static void nothing_happened(void **state)
{
	(void)state;
	draw_with(3, &(struct ladder_heading){0});
	expect_no_overlap();
}

/* The middle of a long exchange is left out, and the picture says how much. */
static void too_many(void **state)
{
	size_t drawn = 0, count;
	unsigned long left_out;
	int *seen;

	(void)state;
	for (int i = 0; i < 500; i++) {
		char *request = xasprintf("GET /%d HTTP/1.1\r\n\r\n", i);

		exchange(request, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		free(request);
	}
	draw(3);
	expect_no_overlap();
	count = flow_count(wire.flow);
	seen = xcalloc(count, sizeof(*seen));
	mark_messages(picture, seen, count);
	for (size_t i = 0; i < count; i++)
		drawn += (size_t)seen[i];
	assert_int_equal(drawn, LADDER_ROWS_MAX);
	left_out = strtoul(find_text(picture, "left out"), NULL, 10);
	assert_int_equal(drawn + left_out, count);
	assert_int_equal(seen[0], 1);
	assert_int_equal(seen[count - 1], 1);
	free(seen);
}

static void ends_by_station_then_address(void **state)
{
	struct flow_message m = {.family = AF_INET, .link = 0};
	const struct ladder_port port = {.link = 0, .address4 = {10, 0, 0, 1}};
	const struct ladder_node by_address[] = {{"a", NULL, false, &port, 1}};
	int from, to;

	(void)state;
	memcpy(m.src_mac, client_ports[0].mac, 6);
	memcpy(m.dst_mac, router_ports[0].mac, 6);
	inet_pton(AF_INET, PEER, m.dst);
	ladder_ends(nodes, 3, &m, &from, &to);
	assert_int_equal(from, 0);
	assert_int_equal(to, 1); /* the next hop, not the peer */
	m.link = 1;
	ladder_ends(nodes, 3, &m, &from, &to);
	assert_int_equal(from, LADDER_NOBODY); /* the station is of the other network */
	inet_pton(AF_INET, "10.0.0.1", m.src);
	ladder_ends(by_address, 1, &m, &from, &to);
	assert_int_equal(from, 0);
	assert_int_equal(to, LADDER_NOBODY);
	m.dst_mac[0] = 1;
	ladder_ends(nodes, 3, &m, &from, &to);
	assert_int_equal(to, LADDER_GROUP);
}

static void text_width(void **state)
{
	(void)state;
	assert_true(ladder_text_width(slice_of(""), 10, false) < 0.01);
	assert_true(ladder_text_width(slice_of("iii"), 10, false) <
		    ladder_text_width(slice_of("WWW"), 10, false));
	assert_true(ladder_text_width(slice_of("abc"), 10, false) <
		    ladder_text_width(slice_of("abc"), 10, true));
	/* a character of three bytes is one em */
	assert_true(fabs(ladder_text_width(slice_of("中"), 10, false) - 10) < 0.01);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(sixty_messages),
		TEST(hops_share_a_row),
		TEST(equal_messages_are_folded),
		TEST(two_are_no_run),
		TEST(hostile_labels),
		TEST(very_long_label),
		TEST(strangers_have_a_column),
		TEST(nobody_is_known),
		TEST(nothing_happened),
		TEST(too_many),
		TEST(ends_by_station_then_address),
		TEST(text_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
