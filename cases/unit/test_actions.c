/* SPDX-License-Identifier: MIT */
/*
 * test_actions.c - control: connection management, the other services, what a router leaves out.
 *
 * links: fakeigd
 */
#include "soap_fixture.h"

static int wan(struct fixture *f, const char *action, const char *arguments_)
{
	return fixture_call(f, A, "WANIPConnection", 1, action, arguments_);
}

static const char *status(struct fixture *f)
{
	assert_int_equal(wan(f, "GetStatusInfo", ""), 0);
	return fixture_value(f, "NewConnectionStatus");
}

#define TYPE_IS(type) "<NewConnectionType>" type "</NewConnectionType>"

/* WCONN-05 to WCONN-14, on the lab's clock. */
static void connection_states(void **state)
{
	struct fixture f;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	fixture_policy(&f, "wan: {connect-time: 2s, disconnect-time: 1s}");
	fixture_advance(&f, 60);
	assert_string_equal(status(&f), "Connected");
	assert_string_equal(fixture_value(&f, "NewUptime"), "60");
	assert_int_equal(wan(&f, "RequestConnection", ""), 0);
	assert_int_equal(wan(&f, "SetConnectionType", TYPE_IS("%n%s")), 402);
	assert_int_equal(wan(&f, "SetConnectionType", TYPE_IS("IP_Routed")), 703);
	assert_int_equal(wan(&f, "SetWarnDisconnectDelay",
			     "<NewWarnDisconnectDelay>5</NewWarnDisconnectDelay>"),
			 0);
	assert_int_equal(wan(&f, "RequestTermination", ""), 0);
	fixture_advance(&f, 4);
	assert_string_equal(status(&f), "PendingDisconnect");
	assert_string_equal(fixture_value(&f, "NewUptime"), "64");
	assert_int_equal(wan(&f, "RequestTermination", ""), 707);
	assert_int_equal(wan(&f, "RequestConnection", ""), 0);
	fixture_advance(&f, 2);
	assert_string_equal(status(&f), "Connected");
	assert_string_equal(fixture_value(&f, "NewUptime"), "66");
	assert_int_equal(wan(&f, "RequestTermination", ""), 0);
	fixture_advance(&f, 5);
	assert_string_equal(status(&f), "Disconnecting");
	assert_int_equal(wan(&f, "RequestConnection", ""), 707);
	assert_int_equal(wan(&f, "ForceTermination", ""), 707);
	fixture_advance(&f, 1);
	assert_string_equal(status(&f), "Disconnected");
	assert_string_equal(fixture_value(&f, "NewLastConnectionError"), "ERROR_USER_DISCONNECT");
	assert_string_equal(fixture_value(&f, "NewUptime"), "0");
	assert_int_equal(wan(&f, "ForceTermination", ""), 711);
	assert_int_equal(wan(&f, "GetExternalIPAddress", ""), 0);
	assert_string_equal(fixture_value(&f, "NewExternalIPAddress"), "");
	assert_int_equal(wan(&f, "RequestConnection", ""), 0);
	assert_int_equal(wan(&f, "RequestConnection", ""), 705);
	fixture_advance(&f, 2);
	assert_string_equal(status(&f), "Connected");
	assert_int_equal(wan(&f, "ForceTermination", ""), 0);
	fixture_advance(&f, 1);
	assert_string_equal(status(&f), "Disconnected");
	assert_int_equal(wan(&f, "SetConnectionType", TYPE_IS("IP_Bridged")), 0);
	assert_int_equal(wan(&f, "RequestConnection", ""), 710);
	assert_int_equal(wan(&f, "SetConnectionType", TYPE_IS("Unconfigured")), 0);
	assert_int_equal(wan(&f, "RequestConnection", ""), 706);
	assert_int_equal(wan(&f, "ForceTermination", ""), 711);
	fixture_stop(&f);
}

static void connection_limits(void **state)
{
	struct fixture f;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	fixture_advance(&f, 10);
	assert_int_equal(wan(&f, "SetAutoDisconnectTime",
			     "<NewAutoDisconnectTime>30</NewAutoDisconnectTime>"),
			 0);
	fixture_advance(&f, 19);
	assert_string_equal(status(&f), "Connected");
	fixture_advance(&f, 1);
	assert_string_equal(status(&f), "Disconnected");
	assert_int_equal(wan(&f, "SetAutoDisconnectTime",
			     "<NewAutoDisconnectTime>0</NewAutoDisconnectTime>"),
			 0);
	assert_int_equal(wan(&f, "SetIdleDisconnectTime",
			     "<NewIdleDisconnectTime>3</NewIdleDisconnectTime>"),
			 0);
	assert_int_equal(wan(&f, "RequestConnection", ""), 0);
	fixture_advance(&f, 0.1);
	assert_string_equal(status(&f), "Connected");
	for (int i = 0; i < 3; i++)
		fixture_advance(&f, 1);
	assert_string_equal(status(&f), "Disconnected");
	assert_string_equal(fixture_value(&f, "NewLastConnectionError"), "ERROR_IDLE_DISCONNECT");
	/* WCONN-07, WCONN-09 */
	fixture_policy(&f, "wan: {outcome: 704}");
	assert_int_equal(wan(&f, "RequestConnection", ""), 704);
	fixture_policy(&f, "wan: {outcome: ERROR_ISP_TIME_OUT}");
	assert_int_equal(wan(&f, "RequestConnection", ""), 0);
	fixture_advance(&f, 1);
	assert_string_equal(status(&f), "Disconnected");
	assert_string_equal(fixture_value(&f, "NewLastConnectionError"), "ERROR_ISP_TIME_OUT");
	assert_int_equal(fixture_call(&f, A, "WANCommonInterfaceConfig", 1, "SetEnabledForInternet",
				      "<NewEnabledForInternet>0</NewEnabledForInternet>"),
			 0);
	assert_int_equal(wan(&f, "RequestConnection", ""), 709);
	fixture_stop(&f);
}

#define REVERSED                                                                                   \
	"<NewProtocol>TCP</NewProtocol><NewExternalPort>4000</NewExternalPort>"                    \
	"<NewRemoteHost></NewRemoteHost>"

/* SOAP-20, and arguments that nobody knows. */
static void argument_order(void **state)
{
	struct fixture f;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	assert_int_equal(add(&f, A, 1, "4000", A), 0);
	assert_int_equal(wan(&f, "GetSpecificPortMappingEntry", "<Foo/>" KEY("", "4000", "TCP")),
			 0);
	assert_int_equal(wan(&f, "GetSpecificPortMappingEntry", REVERSED), 402);
	fixture_policy(&f, "soap: {argument-order: any}");
	assert_int_equal(wan(&f, "GetSpecificPortMappingEntry", REVERSED), 0);
	fixture_stop(&f);
}

/* Access of unauthenticated control points to an IGD:2 (WCONN-15). */
static void restricted(void **state)
{
	struct fixture f;

	(void)state;
	fixture_start(&f, "conformant-igd2");
	assert_int_equal(fixture_call(&f, A, "WANIPConnection", 2, "ForceTermination", ""), 606);
	assert_int_equal(fixture_call(&f, A, "WANIPConnection", 2, "RequestTermination", ""), 606);
	assert_int_equal(
		fixture_call(&f, A, "WANIPConnection", 2, "SetConnectionType", TYPE_IS("Foo")),
		601);
	assert_int_equal(fixture_call(&f, A, "WANIPConnection", 2, "RequestConnection", ""), 0);
	fixture_policy(&f, "wan: {control: accept}");
	assert_int_equal(fixture_call(&f, A, "WANIPConnection", 2, "ForceTermination", ""), 0);
	fixture_stop(&f);
}

/* Rules of layer soap. */
static void rules(void **state)
{
	struct fixture f;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	fixture_rule(&f, "{when: {action: GetStatusInfo}, fault: 501, name: a}");
	assert_int_equal(wan(&f, "GetStatusInfo", ""), 501);
	fixture_rule(&f, "{when: {action: GetNATRSIPStatus}, fault: {code: -911, text: 'a&b'}}");
	assert_int_equal(wan(&f, "GetNATRSIPStatus", ""), -500);
	assert_non_null(strstr(f.reply.data, "<errorCode>-911</errorCode>"));
	assert_non_null(strstr(f.reply.data, "<errorDescription>a&amp;b</errorDescription>"));
	fixture_rule(
		&f,
		"{when: {action: GetConnectionTypeInfo}, message: {soap-response: 'x {action}'}}");
	assert_int_equal(wan(&f, "GetConnectionTypeInfo", ""), 0);
	assert_string_equal(f.reply.data, "x GetConnectionTypeInfo");
	fixture_rule(&f, "{when: {action: GetExternalIPAddress},"
			 " reply: {NewExternalIPAddress: '<1.2.3.4>', X_More: 7}}");
	assert_int_equal(wan(&f, "GetExternalIPAddress", ""), 0);
	assert_string_equal(fixture_value(&f, "NewExternalIPAddress"), "<1.2.3.4>");
	assert_string_equal(fixture_value(&f, "X_More"), "7");
	fixture_rule(&f, "{when: {action: AddPortMapping, NewExternalPort: 4001},"
			 " never-refuse: true}");
	assert_int_equal(add(&f, A, 1, "4001", A), 0);
	assert_int_equal(add(&f, A, 1, "4001", B), 0);
	assert_int_equal(portmap_count(f.r.portmap), 1);
	assert_int_equal(portmap_at(f.r.portmap, 0)->internal_client.s_addr, ip(A).s_addr);
	portmap_clear(f.r.portmap, "test");
	fixture_rule(&f, "{when: {action: AddPortMapping}, lie: true}");
	assert_int_equal(add(&f, A, 1, "4000", A), 0);
	assert_int_equal(portmap_count(f.r.portmap), 0);
	assert_int_equal(add(&f, A, 1, "x", A), 402);
	fixture_stop(&f);
}

/* Every other service; policy, service, action, arguments, code, out-argument and its value. */
static const struct {
	const char *policy, *service, *action, *arguments;
	int code;
	const char *out, *value;
} others[] = {
	{"", "WANIPConnection", "GetNATRSIPStatus", "", 0, "NewRSIPAvailable", "0"},
	{"wan: {nat: false}", "WANIPConnection", "GetNATRSIPStatus", "", 0, "NewNATEnabled", "0"},
	{"", "WANIPConnection", "GetConnectionTypeInfo", "", 0, "NewPossibleConnectionTypes",
	 "Unconfigured,IP_Routed,IP_Bridged"},
	{"wan: {private-address: empty}", "WANIPConnection", "GetExternalIPAddress", "", 0,
	 "NewExternalIPAddress", "44.0.1.2"},
	{"", "WANIPConnection", "FooBar", "", 401, NULL, NULL},
	{"", "WANPPPConnection", "GetConnectionTypeInfo", "", 0, "NewPossibleConnectionTypes",
	 "Unconfigured,IP_Routed,DHCP_Spoofed,PPPoE_Bridged,PPTP_Relay,L2TP_Relay,PPPoE_Relay"},
	{"", "WANPPPConnection", "GetLinkLayerMaxBitRates", "", 0, "NewDownstreamMaxBitRate",
	 "1000000000"},
	{"wan: {upstream: 42}", "WANPPPConnection", "GetLinkLayerMaxBitRates", "", 0,
	 "NewUpstreamMaxBitRate", "42"},
	{"", "WANPPPConnection", "GetPPPAuthenticationProtocol", "", 0,
	 "NewPPPAuthenticationProtocol", "CHAP"},
	{"", "WANPPPConnection", "GetPassword", "", 0, "NewPassword", ""},
	{"wan: {credentials: 606}", "WANPPPConnection", "GetUserName", "", 606, NULL, NULL},
	{"", "WANPPPConnection", "ConfigureConnection",
	 "<NewUserName>u</NewUserName><NewPassword>p</NewPassword>", 703, NULL, NULL},
	{"", "WANPPPConnection", "AddAnyPortMapping", "", 401, NULL, NULL},
	{"", "WANCommonInterfaceConfig", "GetCommonLinkProperties", "", 0, "NewPhysicalLinkStatus",
	 "Up"},
	{"wan: {access-type: DSL}", "WANCommonInterfaceConfig", "GetCommonLinkProperties", "", 0,
	 "NewWANAccessType", "DSL"},
	{"", "WANCommonInterfaceConfig", "GetTotalBytesSent", "", 0, "NewTotalBytesSent", "0"},
	{"", "WANCommonInterfaceConfig", "GetMaximumActiveConnections", "", 0,
	 "NewMaximumActiveConnections", "1"},
	{"", "WANCommonInterfaceConfig", "GetActiveConnection",
	 "<NewActiveConnectionIndex>0</NewActiveConnectionIndex>", 0,
	 "NewActiveConnectionServiceID", "urn:upnp-org:serviceId:WANIPConn1"},
	{"", "WANCommonInterfaceConfig", "GetActiveConnection",
	 "<NewActiveConnectionIndex>1</NewActiveConnectionIndex>", 713, NULL, NULL},
	{"", "Layer3Forwarding", "GetDefaultConnectionService", "", 0,
	 "NewDefaultConnectionService",
	 "uuid:c:WANConnectionDevice:1,urn:upnp-org:serviceId:WANIPConn1"},
	{"", "Layer3Forwarding", "SetDefaultConnectionService",
	 "<NewDefaultConnectionService>uuid:c:WANConnectionDevice:1,"
	 "urn:upnp-org:serviceId:WANPPPConn1</NewDefaultConnectionService>",
	 0, NULL, NULL},
	{"", "Layer3Forwarding", "SetDefaultConnectionService",
	 "<NewDefaultConnectionService>uuid:x:WANConnectionDevice:1,"
	 "urn:upnp-org:serviceId:WANPPPConn1</NewDefaultConnectionService>",
	 720, NULL, NULL},
	{"", "Layer3Forwarding", "SetDefaultConnectionService",
	 "<NewDefaultConnectionService>uuid:c:WANConnectionDevice:1,urn:upnp-org:serviceId:No"
	 "</NewDefaultConnectionService>",
	 721, NULL, NULL},
	{"", "Layer3Forwarding", "SetDefaultConnectionService",
	 "<NewDefaultConnectionService>uuid:c:WANConnectionDevice:1,"
	 "urn:upnp-org:serviceId:WANDSLLinkC1</NewDefaultConnectionService>",
	 723, NULL, NULL},
	{"", "WANEthernetLinkConfig", "GetEthernetLinkStatus", "", 0, "NewEthernetLinkStatus",
	 "Up"},
	{"", "WANDSLLinkConfig", "GetDSLLinkInfo", "", 0, "NewLinkType", "EoA"},
	{"", "WANDSLLinkConfig", "GetAutoConfig", "", 0, "NewAutoConfig", "1"},
	{"", "WANDSLLinkConfig", "SetDSLLinkType", "<NewLinkType>PPPoA</NewLinkType>", 719, NULL,
	 NULL},
	{"wan: {auto-config: false}", "WANDSLLinkConfig", "SetDSLLinkType",
	 "<NewLinkType>PPPoA</NewLinkType>", 0, NULL, NULL},
	{"wan: {auto-config: false}", "WANDSLLinkConfig", "SetDSLLinkType",
	 "<NewLinkType>ISDN</NewLinkType>", 402, NULL, NULL},
	{"wan: {auto-config: false}", "WANDSLLinkConfig", "SetFCSPreserved",
	 "<NewFCSPreserved>1</NewFCSPreserved>", 0, NULL, NULL},
	{"", "WANCableLinkConfig", "GetCableLinkConfigInfo", "", 0, "NewCableLinkConfigState",
	 "operational"},
	{"", "WANCableLinkConfig", "GetDownstreamModulation", "", 0, "NewDownstreamModulation",
	 "256QAM"},
	{"", "WANPOTSLinkConfig", "GetCallRetryInfo", "", 0, "NewNumberOfRetries", "3"},
	{"", "WANPOTSLinkConfig", "SetCallRetryInfo",
	 "<NewNumberOfRetries>1</NewNumberOfRetries>"
	 "<NewDelayBetweenRetries>1</NewDelayBetweenRetries>",
	 501, NULL, NULL},
	{"", "LANHostConfigManagement", "GetSubnetMask", "", 0, "NewSubnetMask", "255.255.255.0"},
	{"", "LANHostConfigManagement", "GetDNSServers", "", 0, "NewDNSServers", "192.168.1.1"},
	{"", "LANHostConfigManagement", "GetAddressRange", "", 0, "NewMaxAddress", "192.168.1.254"},
	{"", "LANHostConfigManagement", "SetDNSServer", "<NewDNSServers>8.8.8.8</NewDNSServers>",
	 606, NULL, NULL},
	{"soap: {not-offered: 602}", "X_Vendor", "GetFoo", "", 401, NULL, NULL},
};

static void other_services(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct fixture f;

		fixture_start(&f, "cases/unit/all-services.yaml");
		if (*others[i].policy)
			fixture_policy(&f, others[i].policy);
		assert_row(i,
			   fixture_call(&f, A, others[i].service, 1, others[i].action,
					others[i].arguments),
			   others[i].code);
		if (others[i].out)
			assert_row_slice(i, slice_of(fixture_value(&f, others[i].out)),
					 others[i].value);
		fixture_stop(&f);
	}
}

/* Optional actions that a router leaves out (SOAP-18), versions (SOAP-31), private addresses. */
static void left_out(void **state)
{
	struct fixture f;

	(void)state;
	fixture_start(&f, "cases/unit/all-services.yaml");
	assert_int_equal(fixture_call(&f, A, "WANPPPConnection", 1, "RequestTermination", ""), 602);
	fixture_policy(&f, "soap: {not-offered: 401}");
	assert_int_equal(fixture_call(&f, A, "WANPPPConnection", 1, "RequestTermination", ""), 401);
	assert_int_equal(fixture_call(&f, A, "WANPPPConnection", 2, "GetStatusInfo", ""), 401);
	fixture_policy(&f, "soap: {version-refused: 400}");
	assert_int_equal(fixture_call(&f, A, "WANPPPConnection", 2, "GetStatusInfo", ""), -400);
	fixture_policy(&f, "soap: {version: any}");
	assert_int_equal(fixture_call(&f, A, "WANPPPConnection", 2, "GetStatusInfo", ""), 0);
	f.r.external = ip("100.81.111.102");
	assert_int_equal(fixture_call(&f, A, "WANIPConnection", 1, "GetExternalIPAddress", ""), 0);
	assert_string_equal(fixture_value(&f, "NewExternalIPAddress"), "100.81.111.102");
	fixture_policy(&f, "wan: {private-address: refuse}");
	assert_int_equal(fixture_call(&f, A, "WANIPConnection", 1, "GetExternalIPAddress", ""), 0);
	assert_string_equal(fixture_value(&f, "NewExternalIPAddress"), "");
	assert_int_equal(add(&f, A, 1, "4000", A), 501);
	fixture_stop(&f);
	fixture_start(&f, "conformant-igd2");
	fixture_policy(&f, "soap: {version: exact}");
	assert_int_equal(fixture_call(&f, A, "WANIPConnection", 1, "GetStatusInfo", ""), 401);
	assert_int_equal(fixture_call(&f, A, "WANIPConnection", 2, "GetStatusInfo", ""), 0);
	fixture_policy(&f, "soap: {version: lower, reply-namespace: own}");
	assert_int_equal(fixture_call(&f, A, "WANIPConnection", 1, "GetStatusInfo", ""), 0);
	assert_non_null(strstr(f.reply.data, "WANIPConnection:2\""));
	fixture_stop(&f);
}

/* WIPC-21 and its opposite. */
static void refresh(void **state)
{
	struct fixture f;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	assert_int_equal(add(&f, A, 1, "4000", A), 0);
	fixture_advance(&f, 40);
	assert_int_equal(add(&f, A, 1, "4000", A), 0);
	fixture_advance(&f, 40);
	assert_int_equal(portmap_count(f.r.portmap), 1);
	fixture_policy(&f, "lease: {refresh: false}");
	assert_int_equal(add(&f, A, 1, "4000", A), 0);
	fixture_advance(&f, 20);
	assert_int_equal(portmap_count(f.r.portmap), 0);
	fixture_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connection_states),
		cmocka_unit_test(connection_limits),
		cmocka_unit_test(argument_order),
		cmocka_unit_test(restricted),
		cmocka_unit_test(rules),
		cmocka_unit_test(other_services),
		cmocka_unit_test(left_out),
		cmocka_unit_test(refresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
