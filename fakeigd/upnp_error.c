/* SPDX-License-Identifier: MIT */
/*
 * upnp_error.c - errorDescription of every error code, per service.
 *
 * Codes below 700 are common (UDA 2.0 table 3-3), those from 700 belong to the service: 701 is
 * three different things (CIF-17). Codes of 800 and more are never made here (SOAP-44).
 */
#include "base/mem.h"
#include "service.h"

struct error_text {
	int code;
	const char *text;
};

static const struct error_text common[] = {
	{401, "Invalid Action"},
	{402, "Invalid Args"},
	{404, "Invalid Var"},
	{501, "Action Failed"},
	{600, "Argument Value Invalid"},
	{601, "Argument Value Out of Range"},
	{602, "Optional Action Not Implemented"},
	{603, "Out of Memory"},
	{604, "Human Intervention Required"},
	{605, "String Argument Too Long"},
	{606, "Action not authorized"},
};

static const struct error_text connection[] = {
	{703, "InactiveConnectionStateRequired"},
	{704, "ConnectionSetupFailed"},
	{705, "ConnectionSetupInProgress"},
	{706, "ConnectionNotConfigured"},
	{707, "DisconnectInProgress"},
	{708, "InvalidLayer2Address"},
	{709, "InternetAccessDisabled"},
	{710, "InvalidConnectionType"},
	{711, "ConnectionAlreadyTerminated"},
	{713, "SpecifiedArrayIndexInvalid"},
	{714, "NoSuchEntryInArray"},
	{715, "WildCardNotPermittedInSrcIP"},
	{716, "WildCardNotPermittedInExtPort"},
	{718, "ConflictInMappingEntry"},
	{719, "ActionDisallowedWhenAutoConfigEnabled"},
	{724, "SamePortValuesRequired"},
	{725, "OnlyPermanentLeasesSupported"},
	{726, "RemoteHostOnlySupportsWildcard"},
	{727, "ExternalPortOnlySupportsWildcard"},
	{728, "NoPortMapsAvailable"},
	{729, "ConflictWithOtherMechanisms"},
	{730, "PortMappingNotFound"},
	{731, "ReadOnly"},
	{732, "WildCardNotPermittedInIntPort"},
	{733, "InconsistentParameters"},
};

static const struct error_text other[] = {
	{720, "InvalidDeviceUUID"},
	{721, "InvalidServiceID"},
	{723, "InvalidConnServiceSelection"},
};

static const struct error_text firewall6[] = {
	{701, "PinholeSpaceExhausted"},
	{702, "FirewallDisabled"},
	{703, "InboundPinholeNotAllowed"},
	{704, "NoSuchEntry"},
	{705, "ProtocolNotSupported"},
	{706, "InternalPortWildcardingNotAllowed"},
	{707, "ProtocolWildcardingNotAllowed"},
	{708, "WildCardNotPermittedInSrcIP"},
	{709, "NoTrafficReceived"},
};

static const struct error_text lan[] = {
	{701, "ValueAlreadySpecified"},
	{702, "ValueSpecifiedIsInvalid"},
	{703, "InactiveConnectionStateRequired"},
};

static const char *find(const struct error_text *table, size_t count, int code)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].code == code)
			return table[i].text;
	return "";
}

const char *upnp_error_text(const char *type, int code)
{
	const char *text = find(common, ARRAY_SIZE(common), code);

	if (*text)
		return text;
	if (type && !strcmp(type, "LANHostConfigManagement"))
		return find(lan, ARRAY_SIZE(lan), code);
	if (type && !strcmp(type, "WANIPv6FirewallControl"))
		return find(firewall6, ARRAY_SIZE(firewall6), code);
	text = find(connection, ARRAY_SIZE(connection), code);
	return *text ? text : find(other, ARRAY_SIZE(other), code);
}
