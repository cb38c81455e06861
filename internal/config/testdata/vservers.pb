# Three vservers with a bit of everything.
seesaw_vip < fqdn: "vip" ipv4: "192.168.10.1/24" status: PRODUCTION >
dedicated_vip_subnet: "192.168.36.0/26"
dedicated_vip_subnet: "2015:cafe:36::/64"
vserver <
  name: "irc.server@au-syd"
  entry_address < fqdn: "irc-anycast.example.com" ipv4: "192.168.36.1/26" status: TESTING >
  rp: "irc@example.com"
  use_fwm: false
  vserver_entry <
    protocol: TCP
    port: 6697
    scheduler: MH
    mode: TUN
    server_high_watermark: 0.5
    healthcheck < type: TCP_TLS >
  >
  vserver_entry <
    protocol: TCP
    port: 6667
    scheduler: WRR
    mode: NAT
    persistence: 100
    quiescent: true
    server_low_watermark: 0.4
    server_high_watermark: 0.8
    lthreshold: 10
    uthreshold: 20
    healthcheck < type: TCP send: "ADMIN\r\n" receive: ":" port: 0 >
  >
  healthcheck < type: HTTPS port: 16767 send: "/" code: 200 >
  access_grant < grantee: "joe" role: ADMIN type: USER >
  access_grant < grantee: "irc-oncall" role: OPS type: GROUP >
  access_grant < grantee: "irc-admin" role: ADMIN type: GROUP >
  backend < host < fqdn: "irc1-1" ipv4: "192.168.36.6/26" status: PRODUCTION > >
>
vserver <
  name: "dns.resolver@au-syd"
  entry_address <
    fqdn: "dns-anycast.example.com"
    ipv4: "192.168.255.1/24"
    ipv6: "2015:cafe:36:0:a800:1ff:ffee:dd01/64"
    status: PRODUCTION
  >
  rp: "corpdns@example.com"
  use_fwm: true
  vserver_entry <
    protocol: UDP
    port: 53
    healthcheck < type: DNS method: "A" send: "www.example.com" receive: "192.0.2.80" >
  >
  vserver_entry <
    protocol: TCP
    port: 53
    healthcheck < type: DNS method: "A" send: "www.example.com" receive: "192.0.2.80" >
  >
  backend < host < fqdn: "dns1-4" ipv4: "192.168.36.5/26" status: BUILDING > weight: 0 >
  backend < host < fqdn: "dns1-3" ipv4: "192.168.36.4/26" status: PROPOSED > >
  backend <
    host < fqdn: "dns1-2" ipv4: "192.168.36.3/26" ipv6: "2015:cafe:36::3/64" status: FAILURE >
    weight: 4
  >
  backend <
    host < fqdn: "dns1-1" ipv4: "192.168.36.2/26" ipv6: "2015:cafe:36::2/64" status: PRODUCTION >
    weight: 5
  >
  warning: "no answer on Sundays"
  warning: "a warning"
>
vserver <
  name: "rtp@au-syd"
  entry_address < fqdn: "rtp" ipv4: "192.168.37.9" status: DISABLED >
  rp: ""
  vserver_entry <
    protocol: SCTP
    port: 3868
    scheduler: LBLCR
    healthcheck < type: ICMP_PING >
  >
  vserver_entry <
    protocol: UDP
    port: 5004
    scheduler: OVF
    one_packet: true
    server_low_watermark: 0.25
    healthcheck < type: ICMP_PING >
  >
  # All ports of a client go to one backend.
  vserver_entry <
    protocol: TCP
    port: 0
    scheduler: SED
    persistence: 60
    healthcheck < type: TCP port: 5060 >
  >
  backend < host < fqdn: "rtp1" ipv4: "192.168.37.10" status: STANDBY > weight: 65535 >
>
