# The third network, in the second list.
seesaw_vip {
  fqdn: "vip.example.net."
  ipv4: "192.0.2.1/24"
  status: PRODUCTION
}
dedicated_vip_subnet: ["10.0.0.0/8"]
dedicated_vip_subnet: "11.0.0.0/8"

dedicated_vip_subnet: ["12.0.0.0/8", "13.0.0.0/99"]
dedicated_vip_subnet: "x"
