# Cut off between two fields.
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
