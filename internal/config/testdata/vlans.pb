# Two VLANs; what lies in them is counted once, however many vservers name it.
seesaw_vip { fqdn: "vip" ipv4: "192.168.10.1/24" }
vlan { vlan_id: 101 host { fqdn: "v101" ipv4: "192.168.101.1/24" ipv6: "2015:cafe:101::1/64" } }
vlan { vlan_id: 100 host { fqdn: "v100" ipv4: "192.168.100.1/24" ipv6: "2015:cafe:100::1/64" } }
vserver {
  name: "one"
  entry_address { fqdn: "one" ipv4: "192.168.100.10/24" ipv6: "2015:cafe:101::10/64" }
  rp: ""
  backend { host { fqdn: "outside" ipv4: "192.168.99.1" ipv6: "2015:cafe:99::1" } }
  backend { host { fqdn: "four in 100" ipv4: "192.168.100.2" ipv6: "2015:cafe:99::2" } }
  backend { host { fqdn: "six in 101" ipv4: "192.168.99.3" ipv6: "2015:cafe:101::3" } }
  backend { host { fqdn: "both in 100" ipv4: "192.168.100.4" ipv6: "2015:cafe:100::4" } }
  backend { host { fqdn: "both in 101" ipv4: "192.168.101.5" ipv6: "2015:cafe:101::5" } }
}
vserver {
  name: "two"
  entry_address { fqdn: "two" ipv4: "192.168.100.10/24" }
  rp: ""
  backend { host { fqdn: "the same as in one" ipv4: "192.168.100.4/24" } }
}
