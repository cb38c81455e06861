# txtpbfmt: sort_fields_by_field_name
# txtpbfmt: sort_repeated_fields_by_subfield: name
seesaw_vip {
  fqdn: "vip.example.net."
  ipv4: "192.0.2.1/24"
  status: PRODUCTION
}
vserver {
  name: "z"
  entry_address { fqdn: "bad.example.net." ipv4: "192.0.2.20/24" }
  rp: "ops@example.net"
  vserver_entry {
    protocol: TCP
    port: 80
    lthreshold: -1
    healthcheck { type: TCP }
  }
  backend { host { fqdn: "a.example.net." ipv4: "192.0.2.101/24" } }
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
