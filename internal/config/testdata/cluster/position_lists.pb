# Lists, comments and adjacent texts do not lead astray.
seesaw_vip {
  fqdn: "vip.example.net."
  ipv4: "192.0.2.1/24"
  status: PRODUCTION
}
vserver: [
  # a
  {
    name: "a" entry_address { fqdn: "a" ipv4: "192.0.2.20" } rp: ""
    warning: ["one", "two"]
  },
  # b
  {
    name: "b" entry_address { fqdn: "b" ipv4: "192.0.2.21" } rp: ""

    # here it is:
    vserver_entry: [ { protocol: TCP port: 1 }, { protocol: TCP port: -1 } ]
    backend {
      host { fqdn: "a"
             "b" ipv4: "192.0." "2.300" }
    }
  }
]
vserver { name: "c" # not "d"
  entry_address { fqdn: "c" ipv4: "c" } rp: "" }
