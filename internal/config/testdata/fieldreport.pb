seesaw_vip: <
  fqdn: "seesaw-vip.localdomain."
  ipv4: "192.168.37.80/24"
  status: TESTING
>
node: <
  fqdn: "node01.localdomain."
  ipv4: "192.168.37.76/24"
  status: TESTING
>
vserver: <
  name: "test-vserver"
  entry_address: <
    fqdn: "lb-test.localdomain."
    ipv4: "192.168.37.200/24"
    status: TESTING
  >
  rp: "admin@localdomain"
  vserver_entry: <
    protocol: TCP
    port: 80
    scheduler: RR
    healthcheck: <
      type: HTTP
      port: 80
      mode: DSR
      proxy: false
      tls_verify: false
    >
  >
  backend: <
    host: <
      fqdn: "backend01.localdomain."
      ipv4: "192.168.37.71/24"
      status: TESTING
    >
    weight: 1
  >
  backend: <
    host: <
      fqdn: "backend02.localdomain."
      ipv4: "192.168.37.72/24"
      status: TESTING
    >
    weight: 1
  >
>
