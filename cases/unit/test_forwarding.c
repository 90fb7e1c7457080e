/* SPDX-License-Identifier: MIT */
/*
 * test_forwarding.c - what of the table is forwarded under each policy "forward.*", by the state
 * that every mapping carries; the kernel's part is in test_forward.c.
 *
 * links: fakeigd
 */
#include "router_fixture.h"

#include "../../fakeigd/forward.h"

static void start(struct fixture *f, const char *policy)
{
	int error = 0;

	fixture_start(f, "conformant-igd1");
	fixture_policy(f, policy);
	f->r.forward = forward_new(&f->r, &error);
	assert_non_null(f->r.forward);
}

static void stop(struct fixture *f)
{
	struct forward *forward = f->r.forward;

	fixture_stop(f);
	forward_free(forward);
}

static const struct mapping *put(struct fixture *f, int protocol, const char *client, bool enabled)
{
	struct mapping m = {
		.internal_client = ip(client),
		.external_port = 1872,
		.internal_port = 7851,
		.protocol = protocol,
		.enabled = enabled,
	};

	assert_int_equal(portmap_put(f->r.portmap, &m), 0);
	return portmap_find(f->r.portmap, ip(""), 1872, protocol);
}

static const struct mapping *tcp(struct fixture *f)
{
	return put(f, IPPROTO_TCP, "192.168.1.4", true);
}

static void delete (struct fixture *f)
{
	assert_true(portmap_remove(f->r.portmap, ip(""), 1872, IPPROTO_TCP));
}

static void by_the_letter(void **state)
{
	struct fixture f;
	const struct mapping *m;

	(void)state;
	start(&f, "{}");
	m = put(&f, IPPROTO_TCP, "192.168.1.4", false);
	assert_int_equal(m->forwarding, FORWARDING_OFF);
	assert_int_equal(tcp(&f)->forwarding, FORWARDING_ON);
	assert_int_equal(put(&f, IPPROTO_UDP, "192.168.1.4", true)->forwarding, FORWARDING_ON);
	assert_int_equal(put(&f, IPPROTO_TCP, "192.168.1.5", true)->forwarding, FORWARDING_ON);
	for (int event = FORWARDING_REBOOT; event <= FORWARDING_RENUMBER; event++)
		portmap_event(f.r.portmap, (enum forwarding_event)event);
	assert_int_equal(m->forwarding, FORWARDING_ON);
	put(&f, IPPROTO_TCP, "192.168.1.5", false);
	assert_int_equal(m->forwarding, FORWARDING_OFF);
	stop(&f);
}

static void table_that_is_only_listed(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, "{table: {forwards: false}}");
	assert_int_equal(tcp(&f)->forwarding, FORWARDING_OFF);
	stop(&f);
}

static void one_protocol(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, "{forward: {protocols: tcp}}");
	assert_int_equal(tcp(&f)->forwarding, FORWARDING_ON);
	assert_int_equal(put(&f, IPPROTO_UDP, "192.168.1.4", true)->forwarding, FORWARDING_OFF);
	stop(&f);
	start(&f, "{forward: {protocols: udp}}");
	assert_int_equal(tcp(&f)->forwarding, FORWARDING_OFF);
	assert_int_equal(put(&f, IPPROTO_UDP, "192.168.1.4", true)->forwarding, FORWARDING_ON);
	stop(&f);
}

static void delay(void **state)
{
	struct fixture f;
	const struct mapping *m;

	(void)state;
	start(&f, "{forward: {delay: 5s}}");
	m = tcp(&f);
	assert_int_equal(m->forwarding, FORWARDING_WAITING);
	fixture_advance(&f, 4);
	assert_int_equal(tcp(&f)->forwarding, FORWARDING_WAITING); /* a refresh changes nothing */
	fixture_advance(&f, 1);
	assert_int_equal(m->forwarding, FORWARDING_ON);
	m = put(&f, IPPROTO_TCP, "192.168.1.5", true); /* another target waits anew */
	assert_int_equal(m->forwarding, FORWARDING_WAITING);
	fixture_advance(&f, 4);
	delete (&f);
	m = tcp(&f);
	fixture_advance(&f, 2); /* the time of the one that is gone */
	assert_int_equal(m->forwarding, FORWARDING_WAITING);
	fixture_advance(&f, 3);
	assert_int_equal(m->forwarding, FORWARDING_ON);
	put(&f, IPPROTO_UDP, "192.168.1.4", true);
	portmap_clear(f.r.portmap, "test");
	fixture_advance(&f, 10);
	put(&f, IPPROTO_UDP, "192.168.1.4", true); /* left waiting at the end */
	stop(&f);
}

static void changes_at_reboot(void **state)
{
	struct fixture f;
	const struct mapping *m;

	(void)state;
	start(&f, "{forward: {changes: at-reboot}}");
	m = tcp(&f);
	assert_int_equal(m->forwarding, FORWARDING_OFF);
	portmap_event(f.r.portmap, FORWARDING_RENUMBER);
	assert_int_equal(m->forwarding, FORWARDING_OFF);
	portmap_event(f.r.portmap, FORWARDING_REBOOT);
	assert_int_equal(m->forwarding, FORWARDING_ON);
	delete (&f);
	assert_int_equal(tcp(&f)->forwarding, FORWARDING_OFF);
	stop(&f);
}

static void lost_by_an_event(void **state)
{
	struct fixture f;
	const struct mapping *m;

	(void)state;
	start(&f, "{forward: {lost-by: renumber}}");
	m = tcp(&f);
	portmap_event(f.r.portmap, FORWARDING_REBOOT);
	portmap_event(f.r.portmap, FORWARDING_RECONNECT);
	assert_int_equal(m->forwarding, FORWARDING_ON);
	portmap_event(f.r.portmap, FORWARDING_RENUMBER);
	assert_int_equal(m->forwarding, FORWARDING_OFF);
	assert_int_equal(tcp(&f)->forwarding, FORWARDING_ON);
	stop(&f);
	start(&f, "{forward: {lost-by: reconnect, refresh-restores: false}}");
	m = tcp(&f);
	portmap_event(f.r.portmap, FORWARDING_RECONNECT);
	assert_int_equal(tcp(&f)->forwarding, FORWARDING_OFF);
	delete (&f);
	assert_int_equal(tcp(&f)->forwarding, FORWARDING_ON);
	stop(&f);
	start(&f, "{forward: {lost-by: reboot, changes: at-reboot}}");
	m = tcp(&f);
	portmap_event(f.r.portmap, FORWARDING_REBOOT);
	assert_int_equal(m->forwarding, FORWARDING_OFF);
	stop(&f);
}

static void reload_does_it_anew(void **state)
{
	struct fixture f;
	const struct mapping *m;

	(void)state;
	start(&f, "{}");
	m = tcp(&f);
	fixture_policy(&f, "{forward: {protocols: udp}}");
	portmap_reload(f.r.portmap);
	assert_int_equal(m->forwarding, FORWARDING_OFF);
	fixture_policy(&f, "{forward: {protocols: both, delay: 5s}}");
	portmap_reload(f.r.portmap);
	assert_int_equal(m->forwarding, FORWARDING_ON); /* it is no new one */
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_the_letter),       cmocka_unit_test(table_that_is_only_listed),
		cmocka_unit_test(one_protocol),	       cmocka_unit_test(delay),
		cmocka_unit_test(changes_at_reboot),   cmocka_unit_test(lost_by_an_event),
		cmocka_unit_test(reload_does_it_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
