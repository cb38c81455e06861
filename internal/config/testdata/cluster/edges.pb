# The last values on the good side of each bound.
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
  name: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
  entry_address { fqdn: "bad.example.net." ipv4: "192.0.2.20/24" }
  rp: "ops@example.net"
  vserver_entry {
    protocol: TCP
    port: 65535
    lthreshold: 10
    uthreshold: 10
    persistence: 2678400
    server_low_watermark: 0
    server_high_watermark: 1
    healthcheck { type: HTTP port: 65535 interval: 1 timeout: 1 code: 599 method: "M-SEARCH" }
  }
  backend { host { fqdn: "a." ipv4: "192.0.2.101/1" } weight: 0 }
  backend { host { fqdn: "b." ipv4: "192.0.2.102/32" } weight: 65535 }
}
