package controller

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

var (
	running = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "grayscale_release_info", Help: "1 for each running release, by its Service, task and phase.",
	}, []string{"namespace", "service", "task", "phase"})
	share = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "grayscale_release_live_weight_ratio", Help: "Share of the traffic that the live routes give the grayscale version, 0 to 1.",
	}, []string{"namespace", "service", "task"})
	degraded = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "grayscale_release_degraded", Help: "1 while something is wrong with the release, by reason.",
	}, []string{"namespace", "service", "task", "reason"})
)

func init() { metrics.Registry.MustRegister(running, share, degraded) }

// measure sets the gauges of one Service to what its plan says.
func measure(key types.NamespacedName, p plan.Plan) {
	of := prometheus.Labels{"namespace": key.Namespace, "service": key.Name}
	for _, gauge := range []*prometheus.GaugeVec{running, share, degraded} {
		gauge.DeletePartialMatch(of)
	}
	s := p.Status
	if s == nil || s.Phase.Ended() {
		return
	}
	running.WithLabelValues(key.Namespace, key.Name, s.Task, string(s.Phase)).Set(1)
	live := 0.0
	if s.Live != nil {
		live = float64(s.Live.Weight) / 10000
	}
	share.WithLabelValues(key.Namespace, key.Name, s.Task).Set(live)
	if c := s.Condition(release.Degraded); c != nil && s.Is(release.Degraded) {
		degraded.WithLabelValues(key.Namespace, key.Name, s.Task, c.Reason).Set(1)
	}
}
