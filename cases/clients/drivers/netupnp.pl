#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# netupnp.pl OPERATION - Net::UPnP (libnet-upnp-perl), told by the variables of the contract (cases/clients/README.md).
use strict;
use warnings;
use Net::UPnP::ControlPoint;
use Net::UPnP::GW::Gateway;

my $operation = shift // 'add';
my %told = map { lc(substr($_, 7)) => $ENV{$_} } grep { /^IGDLAB_/ } keys %ENV;
my $protocol = uc($told{protocol} // 'TCP');

for my $device (Net::UPnP::ControlPoint->new()->search(
	st => 'urn:schemas-upnp-org:device:InternetGatewayDevice:1', mx => 2)) {
	next unless $device->getdevicetype() eq 'urn:schemas-upnp-org:device:InternetGatewayDevice:1';
	my $gateway = Net::UPnP::GW::Gateway->new();
	$gateway->setdevice($device);
	if ($operation eq 'external-ip') {
		print 'address ', $gateway->getexternalipaddress(), "\n";
		exit 0;
	}
	my $done = $operation eq 'delete'
		? $gateway->deleteportmapping(NewRemoteHost => '', NewExternalPort => $told{external_port}, NewProtocol => $protocol)
		: $gateway->addportmapping(NewRemoteHost => '', NewExternalPort => $told{external_port}, NewProtocol => $protocol,
			NewInternalPort => $told{internal_port}, NewInternalClient => $told{internal_client}, NewEnabled => 1,
			NewPortMappingDescription => $told{description}, NewLeaseDuration => $told{lease});
	print $done ? ($operation eq 'delete' ? 'deleted' : "mapped :$told{external_port}") : 'refused', "\n";
	exit($done ? 0 : 1);
}
print "refused no gateway\n";
exit 1;
