# A service address that is every host's own.
seesaw_vip {
  fqdn: "vip.example.net."
  ipv4: "192.0.2.1/24"
  status: PRODUCTION
}
node {
  fqdn: "node1.example.net."
  ipv4: "192.0.2.2/24"
  status: PRODUCTION
}
vserver {
  name: "good"
  entry_address { fqdn: "good.example.net." ipv4: "192.0.2.10/24" }
  rp: "ops@example.net"
  vserver_entry {
    protocol: TCP
    port: 80
    healthcheck { type: TCP }
  }
  backend { host { fqdn: "a.example.net." ipv4: "192.0.2.101/24" } }
}
vserver {
  name: "bad"
  entry_address { fqdn: "bad.example.net." ipv4: "127.0.0.1/8" }
  rp: "ops@example.net"
  vserver_entry {
    protocol: TCP
    port: 80
    healthcheck { type: TCP }
  }
  backend { host { fqdn: "a.example.net." ipv4: "192.0.2.101/24" } }
}
