# Required fields of lists.
seesaw_vip {
  ipv4: "192.0.2.1/24"
  status: PRODUCTION
}
node {
  fqdn: "node1.example.net."
  ipv4: "192.0.2.2/24"
  status: PRODUCTION
}
vlan { host { fqdn: "v" ipv4: "192.0.2.3/28" } }
vserver {
  name: "good"
  entry_address { fqdn: "good.example.net." ipv4: "192.0.2.10/24" }
  rp: "ops@example.net"
  vserver_entry {
    protocol: TCP
    port: 80
    healthcheck { type: TCP }
  }
  backend { host { ipv4: "192.0.2.101/24" } }
}
