# SPDX-License-Identifier: MIT
"""dcp.py - actions, arguments and evented variables of the standard services, as their documents list them.

An action is "R" (required) or "O", in-arguments, ">" and out-arguments, both in order.
"""
_ENTRY = "NewInternalPort NewInternalClient NewEnabled NewPortMappingDescription NewLeaseDuration"
_KEY = "NewRemoteHost NewExternalPort NewProtocol"
_TYPES = "NewConnectionType NewPossibleConnectionTypes"

_CONNECTION = {
    "SetConnectionType": "R NewConnectionType >", "GetConnectionTypeInfo": f"R > {_TYPES}",
    "RequestConnection": "R >", "RequestTermination": "O >", "ForceTermination": "R >",
    "GetStatusInfo": "R > NewConnectionStatus NewLastConnectionError NewUptime",
    "GetNATRSIPStatus": "R > NewRSIPAvailable NewNATEnabled",
    "GetGenericPortMappingEntry": f"R NewPortMappingIndex > {_KEY} {_ENTRY}",
    "GetSpecificPortMappingEntry": f"R {_KEY} > {_ENTRY}",
    "AddPortMapping": f"R {_KEY} {_ENTRY} >", "DeletePortMapping": f"R {_KEY} >",
    "GetExternalIPAddress": "R > NewExternalIPAddress",
    **{f"Set{name}": f"O New{name} >" for name in ("AutoDisconnectTime", "IdleDisconnectTime", "WarnDisconnectDelay")},
    **{f"Get{name}": f"O > New{name}" for name in ("AutoDisconnectTime", "IdleDisconnectTime", "WarnDisconnectDelay")},
}
_RANGE = "NewStartPort NewEndPort NewProtocol NewManage"

ACTIONS = {
    "WANIPConnection:1": _CONNECTION,
    "WANIPConnection:2": {
        **_CONNECTION, "AddAnyPortMapping": f"R {_KEY} {_ENTRY} > NewReservedPort",
        "DeletePortMappingRange": f"R {_RANGE} >",
        "GetListOfPortMappings": f"R {_RANGE} NewNumberOfPorts > NewPortListing"},
    "WANPPPConnection:1": {
        **_CONNECTION, "ConfigureConnection": "O NewUserName NewPassword >",
        "GetLinkLayerMaxBitRates": "R > NewUpstreamMaxBitRate NewDownstreamMaxBitRate",
        **{f"Get{name}": f"O > New{name}" for name in (
            "PPPEncryptionProtocol", "PPPCompressionProtocol", "PPPAuthenticationProtocol", "UserName", "Password")}},
    "WANCommonInterfaceConfig:1": {
        "GetCommonLinkProperties": "R > NewWANAccessType NewLayer1UpstreamMaxBitRate "
                                   "NewLayer1DownstreamMaxBitRate NewPhysicalLinkStatus",
        "SetEnabledForInternet": "O NewEnabledForInternet >",
        "GetActiveConnection": "O NewActiveConnectionIndex > NewActiveConnDeviceContainer NewActiveConnectionServiceID",
        **{f"Get{name}": f"O > New{name}" for name in (
            "EnabledForInternet", "WANAccessProvider", "MaximumActiveConnections", "TotalBytesSent",
            "TotalBytesReceived", "TotalPacketsSent", "TotalPacketsReceived")}},
    "Layer3Forwarding:1": {"SetDefaultConnectionService": "R NewDefaultConnectionService >",
                           "GetDefaultConnectionService": "R > NewDefaultConnectionService"},
    "WANEthernetLinkConfig:1": {"GetEthernetLinkStatus": "R > NewEthernetLinkStatus"},
}

# Variables: dataType, and whether it is evented; those that a service leaves out are the matter of others.
_CONNECTION_VARIABLES = {
    "ConnectionType": ("string", False), "PossibleConnectionTypes": ("string", True),
    "ConnectionStatus": ("string", True), "Uptime": ("ui4", False), "LastConnectionError": ("string", False),
    "AutoDisconnectTime": ("ui4", False), "IdleDisconnectTime": ("ui4", False), "WarnDisconnectDelay": ("ui4", False),
    "RSIPAvailable": ("boolean", False), "NATEnabled": ("boolean", False), "ExternalIPAddress": ("string", True),
    "PortMappingNumberOfEntries": ("ui2", True), "PortMappingEnabled": ("boolean", False),
    "PortMappingLeaseDuration": ("ui4", False), "RemoteHost": ("string", False), "ExternalPort": ("ui2", False),
    "InternalPort": ("ui2", False), "PortMappingProtocol": ("string", False), "InternalClient": ("string", False),
    "PortMappingDescription": ("string", False)}

VARIABLES = {
    "WANIPConnection:1": _CONNECTION_VARIABLES, "WANPPPConnection:1": _CONNECTION_VARIABLES,
    "WANIPConnection:2": {**_CONNECTION_VARIABLES, "SystemUpdateID": ("ui4", True),
                          "A_ARG_TYPE_Manage": ("boolean", False), "A_ARG_TYPE_PortListing": ("string", False)},
    "WANCommonInterfaceConfig:1": {
        "WANAccessType": ("string", False), "Layer1UpstreamMaxBitRate": ("ui4", False),
        "Layer1DownstreamMaxBitRate": ("ui4", False), "PhysicalLinkStatus": ("string", True),
        "WANAccessProvider": ("string", False), "TotalBytesSent": ("ui4", False),
        "TotalBytesReceived": ("ui4", False), "TotalPacketsSent": ("ui4", False),
        "TotalPacketsReceived": ("ui4", False), "EnabledForInternet": ("boolean", True),
        "MaximumActiveConnections": ("ui2", False), "NumberOfActiveConnections": ("ui2", True)},
    "Layer3Forwarding:1": {"DefaultConnectionService": ("string", True)},
    "WANEthernetLinkConfig:1": {"EthernetLinkStatus": ("string", True)},
}


def short(service_type):
    """"WANIPConnection:1" of a service type."""
    return ":".join(service_type.split(":")[-2:])


def arguments(action):
    """(required, in-arguments, out-arguments) of an action's line."""
    level, _, rest = action.partition(" ")
    before, _, after = rest.partition(">")
    return level == "R", before.split(), after.split()
