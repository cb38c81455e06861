package ecu

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"seesaw/internal/lb"
)

// series is one metric: what it is called, and how its value is found in a T.
type series[T any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(T) float64
}

func gauge[T any](name, help string, labels []string, value func(T) float64) series[T] {
	return series[T]{prometheus.NewDesc("seesaw_"+name, help, labels, nil), prometheus.GaugeValue, value}
}

func counter[T any](name, help string, labels []string, value func(T) float64) series[T] {
	return series[T]{prometheus.NewDesc("seesaw_"+name, help, labels, nil), prometheus.CounterValue, value}
}

func (s series[T]) send(ch chan<- prometheus.Metric, of T, labels ...string) {
	constant(ch, s.desc, s.kind, s.value(of), labels)
}

// The labels of the three kinds of object.
var (
	vserverLabels     = []string{"vserver"}
	serviceLabels     = []string{"vserver", "service"}
	destinationLabels = []string{"vserver", "service", "destination", "backend"}
)

var (
	up      = gauge("up", "1 while the engine answers and a cluster config is in force.", nil, func(s snapshot) float64 { return truth(s.err == nil) })
	haState = prometheus.NewDesc("seesaw_ha_state", "1 for the state that this node's election is in, 0 for all others.", []string{"state"}, nil)
	source  = prometheus.NewDesc("seesaw_config_info", "Where the config should come from and where the one in force came from; always 1.", []string{"source", "in_use"}, nil)
	version = prometheus.NewDesc("seesaw_engine_info", "The version of the engine; always 1.", []string{"version"}, nil)
)

// times are only there once they have happened.
var times = []series[snapshot]{
	gauge("ha_state_since_timestamp_seconds", "When the present state began.", nil, func(s snapshot) float64 { return seconds(s.ha.Since) }),
	gauge("ha_last_update_timestamp_seconds", "When seesaw_ha was last heard.", nil, func(s snapshot) float64 { return seconds(s.ha.LastUpdate) }),
	gauge("config_last_loaded_timestamp_seconds", "When the config in force was loaded.", nil, func(s snapshot) float64 { return seconds(s.config.LoadedAt) }),
	gauge("config_last_update_timestamp_seconds", "When the config in force was written, as it says itself.", nil, func(s snapshot) float64 { return seconds(s.config.LastUpdate) }),
}

var nodeSeries = []series[snapshot]{
	counter("ha_transitions_total", "Changes of the election's state.", nil, func(s snapshot) float64 { return float64(s.ha.Transitions) }),
	counter("ha_advertisements_sent_total", "Adverts sent.", nil, func(s snapshot) float64 { return float64(s.ha.Sent) }),
	counter("ha_advertisements_received_total", "Adverts received.", nil, func(s snapshot) float64 { return float64(s.ha.Received) }),
	gauge("config_warnings", "Warnings, as in show warnings.", nil, func(s snapshot) float64 { return float64(len(s.config.Warnings)) }),
	gauge("node_problems", "What could not be applied to this node.", nil, func(s snapshot) float64 { return float64(s.problems()) }),
	gauge("vservers", "Vservers that are configured.", nil, func(s snapshot) float64 { return float64(len(s.vservers)) }),
}

var vserverSeries = []series[lb.VserverView]{
	gauge("vserver_enabled", "1 if the vserver is enabled, overrides included.", vserverLabels, func(v lb.VserverView) float64 { return truth(v.Enabled) }),
	gauge("vserver_warnings", "Warnings, as in show vservers.", vserverLabels, func(v lb.VserverView) float64 { return float64(len(v.Warnings)) }),
}

var serviceSeries = []series[lb.ServiceView]{
	gauge("service_healthy", "1 if enough destinations are healthy.", serviceLabels, func(s lb.ServiceView) float64 { return truth(s.Healthy) }),
	gauge("service_active", "1 if the service is in the kernel.", serviceLabels, func(s lb.ServiceView) float64 { return truth(s.Active) }),
	gauge("service_watermark", "Healthy destinations as a part of all.", serviceLabels, func(s lb.ServiceView) float64 { return float64(s.Current) }),
	counter("service_connections_total", "Connections scheduled.", serviceLabels, func(s lb.ServiceView) float64 { return float64(s.Counters.Connections) }),
	counter("service_packets_in_total", "Packets from clients.", serviceLabels, func(s lb.ServiceView) float64 { return float64(s.Counters.PacketsIn) }),
	counter("service_packets_out_total", "Packets to clients; none in DSR mode.", serviceLabels, func(s lb.ServiceView) float64 { return float64(s.Counters.PacketsOut) }),
	counter("service_bytes_in_total", "Bytes from clients.", serviceLabels, func(s lb.ServiceView) float64 { return float64(s.Counters.BytesIn) }),
	counter("service_bytes_out_total", "Bytes to clients; none in DSR mode.", serviceLabels, func(s lb.ServiceView) float64 { return float64(s.Counters.BytesOut) }),
}

var destinationSeries = []series[lb.DestinationView]{
	gauge("destination_healthy", "1 if the checks say so.", destinationLabels, func(d lb.DestinationView) float64 { return truth(d.Healthy) }),
	gauge("destination_active", "1 if the destination is in the kernel.", destinationLabels, func(d lb.DestinationView) float64 { return truth(d.Active) }),
	gauge("destination_weight", "Configured weight.", destinationLabels, func(d lb.DestinationView) float64 { return float64(d.Weight) }),
	gauge("destination_active_connections", "Connections that are open.", destinationLabels, func(d lb.DestinationView) float64 { return float64(d.ActiveConn) }),
	gauge("destination_inactive_connections", "Connections that the kernel remembers and that are not open.", destinationLabels, func(d lb.DestinationView) float64 { return float64(d.Inactive) }),
	counter("destination_connections_total", "Connections scheduled.", destinationLabels, func(d lb.DestinationView) float64 { return float64(d.Counters.Connections) }),
	counter("destination_packets_in_total", "Packets from clients.", destinationLabels, func(d lb.DestinationView) float64 { return float64(d.Counters.PacketsIn) }),
	counter("destination_packets_out_total", "Packets to clients; none in DSR mode.", destinationLabels, func(d lb.DestinationView) float64 { return float64(d.Counters.PacketsOut) }),
	counter("destination_bytes_in_total", "Bytes from clients.", destinationLabels, func(d lb.DestinationView) float64 { return float64(d.Counters.BytesIn) }),
	counter("destination_bytes_out_total", "Bytes to clients; none in DSR mode.", destinationLabels, func(d lb.DestinationView) float64 { return float64(d.Counters.BytesOut) }),
}

// Describe names nothing: a snapshot is registered for one scrape only.
func (s snapshot) Describe(chan<- *prometheus.Desc) {}

// Collect sends the metrics of the snapshot.
func (s snapshot) Collect(ch chan<- prometheus.Metric) {
	up.send(ch, s)
	if s.err != nil {
		return
	}
	for role := lb.RoleUnknown; role <= lb.RoleShutdown; role++ {
		value(ch, haState, truth(s.ha.State == role), role.String())
	}
	value(ch, source, 1, s.config.Source, s.config.InUse)
	value(ch, version, 1, s.cluster.Version)
	for _, t := range times {
		if t.value(s) != 0 {
			t.send(ch, s)
		}
	}
	for _, n := range nodeSeries {
		n.send(ch, s)
	}
	for _, v := range s.vservers {
		collectVserver(ch, v)
	}
}

func collectVserver(ch chan<- prometheus.Metric, v lb.VserverView) {
	for _, m := range vserverSeries {
		m.send(ch, v, v.Name)
	}
	for _, s := range v.Services {
		service := s.Name()
		for _, m := range serviceSeries {
			m.send(ch, s, v.Name, service)
		}
		for _, d := range s.Destinations {
			for _, m := range destinationSeries {
				m.send(ch, d, v.Name, service, d.Name, d.Backend)
			}
		}
	}
}

// value sends one gauge.
func value(ch chan<- prometheus.Metric, desc *prometheus.Desc, v float64, labels ...string) {
	constant(ch, desc, prometheus.GaugeValue, v, labels)
}

// constant sends one metric, or the reason why it is none: a label that is not UTF-8.
func constant(ch chan<- prometheus.Metric, desc *prometheus.Desc, kind prometheus.ValueType, v float64, labels []string) {
	m, err := prometheus.NewConstMetric(desc, kind, v, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(desc, err)
	}
	ch <- m
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// seconds is a time as Prometheus counts it, 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
