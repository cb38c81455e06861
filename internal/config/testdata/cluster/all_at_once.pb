# Faults in the cluster and in vservers are all told together.
seesaw_vip {
  fqdn: "vip.example.net."
  ipv4: "192.0.2.256/24"
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
    port: 0
    healthcheck { type: TCP }
  }
  backend { host { fqdn: "a.example.net." ipv4: "192.0.2.101/24" } }
}
vserver {
  name: "bad"
  entry_address { fqdn: "bad.example.net." ipv4: "192.0.2.20/24" }
  rp: "ops@example.net"
  vserver_entry {
    protocol: TCP
    port: 80
    healthcheck { type: TCP }
  }
  backend { host { fqdn: "a." ipv4: "192.0.2.101" } weight: -1 }
}
