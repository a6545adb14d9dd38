"""Which internet addresses are public, so that a URL from a client cannot lead into the operator's own network."""

from __future__ import annotations

import ipaddress

_IPV4_NOT_PUBLIC = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches the machine itself
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; also Alibaba's metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # the host under an Azure machine: public by its number only
        "169.254.0.0/16",  # link-local: the metadata of AWS, Azure and Google, the credentials of ECS and EKS
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; also Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_IPV6_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that is public lies in here; loopback, fc00::/7 (with AWS's fd00:ec2::254), fe80::/10, multicast, IPv4-mapped
addresses and NAT64 do not."""
_IPV6_NOT_PUBLIC = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments; Teredo among them, which embeds an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which embeds an IPv4 address
        "3fff::/20",  # documentation
    )
)


def is_public(text: str) -> bool:
    """Is this an address, in its usual spelling, that belongs to the public internet?

    Sources: IANA's registries of special-purpose IPv4 and IPv6 addresses (2026); the cloud providers' documentation. Their
    own table, because what Python's `is_global` says depends on its version.
    """
    if "%" in text:  # a zone: an interface of this machine
        return False
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _IPV4_NOT_PUBLIC)
    return address in _IPV6_UNICAST and not any(address in network for network in _IPV6_NOT_PUBLIC)
