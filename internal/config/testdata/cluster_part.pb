# Everything but nodes and vservers, in IPv6 where that says something.
seesaw_vip { fqdn: "vip" ipv6: "2015:cafe::1/64" }
vmac: "00:00:5E:00:01:3C"
bgp_local_asn: 64600
bgp_remote_asn: 64601
bgp_peer { fqdn: "r2" ipv4: "192.168.10.253" }
bgp_peer { fqdn: "r1" ipv4: "192.168.10.254" }
vlan { vlan_id: 116 host { fqdn: "vlan116" ipv4: "192.168.36.17/29" } }
vlan { vlan_id: 114 host { fqdn: "vlan114" ipv4: "192.168.36.1/28" } }
misconfigured_vserver { name: "b" }
misconfigured_vserver { name: "a" error_message: "no VIP" }
metadata {
  last_updated: 1435708800
  attribute { name: "revision" value: "17" }
  attribute { name: "author" value: "ann" }
}
dedicated_vip_subnet: "2015:cafe:9::/64"
dedicated_vip_subnet: "192.168.12.7"
dedicated_vip_subnet: "192.168.9.77/24"
access_groups { name: "empty" }
access_groups { name: "admins" member: "bob" member: "ann" }
