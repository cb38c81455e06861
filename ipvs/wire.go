package ipvs

// Numbers of include/uapi/linux/ip_vs.h, in its order.

const (
	familyName    = "IPVS"
	familyVersion = 1

	// IP_VS_SCHEDNAME_MAXLEN, IP_VS_PENAME_MAXLEN and IP_VS_IFNAME_MAXLEN,
	// each without the closing NUL.
	maxNameLen = 15
)

// Commands (IPVS_CMD_*).
const (
	cmdNewService = 1 + iota
	cmdSetService
	cmdDelService
	cmdGetService
	cmdNewDest
	cmdSetDest
	cmdDelDest
	cmdGetDest
	cmdNewDaemon
	cmdDelDaemon
	cmdGetDaemon
	cmdSetConfig
	cmdGetConfig
	cmdSetInfo // only ever seen as the answer to cmdGetInfo
	cmdGetInfo
	cmdZero
	cmdFlush
)

// Attributes of a command (IPVS_CMD_ATTR_*).
const (
	attrService = 1 + iota
	attrDest
	attrDaemon
	attrTimeoutTCP
	attrTimeoutTCPFin
	attrTimeoutUDP
)

// Attributes in attrService (IPVS_SVC_ATTR_*).
const (
	svcAF = 1 + iota
	svcProtocol
	svcAddr
	svcPort
	svcFWMark
	svcSchedName
	svcFlags
	svcTimeout
	svcNetmask
	svcStats
	svcPEName
	svcStats64
)

// Attributes in attrDest (IPVS_DEST_ATTR_*).
const (
	destAddr = 1 + iota
	destPort
	destFwdMethod
	destWeight
	destUpperThreshold
	destLowerThreshold
	destActiveConns
	destInactConns
	destPersistConns
	destStats
	destAddrFamily
	destStats64
	destTunType
	destTunPort
	destTunFlags
)

// Attributes in attrDaemon (IPVS_DAEMON_ATTR_*).
const (
	daemonState = 1 + iota
	daemonInterface
	daemonSyncID
	daemonMaxLen
	daemonGroup
	daemonGroup6
	daemonPort
	daemonTTL
)

// Attributes in statistics (IPVS_STATS_ATTR_*).
const (
	statConns = 1 + iota
	statInPkts
	statOutPkts
	statInBytes
	statOutBytes
	statCPS
	statInPPS
	statOutPPS
	statInBPS
	statOutBPS
)

// Attributes of the answer to cmdGetInfo (IPVS_INFO_ATTR_*).
const (
	infoVersion = 1 + iota
	infoTableSize
)
