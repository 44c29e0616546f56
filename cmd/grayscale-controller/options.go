package main

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
)

// options are the command line's.
type options struct {
	settings                             plan.Settings
	bindAddress                          string
	webhookPort, metricsPort, healthPort int
	certDir, namespace                   string
	leaderElect                          bool
	logLevel                             string
}

func defaults() options {
	namespace := os.Getenv("POD_NAMESPACE")
	if namespace == "" {
		namespace = "grayscale-system"
	}
	return options{
		settings: plan.Defaults, webhookPort: 9443, metricsPort: 8080, healthPort: 8081,
		certDir: "/tmp/certs", namespace: namespace, logLevel: "info",
	}
}

func (o *options) bind(flags *pflag.FlagSet) {
	flags.StringVar(&o.bindAddress, "bind-address", "", "IP address to serve on; empty for all")
	flags.IntVar(&o.webhookPort, "webhook-port", o.webhookPort, "port of the admission webhooks")
	flags.IntVar(&o.metricsPort, "metrics-port", o.metricsPort, "port of /metrics")
	flags.IntVar(&o.healthPort, "health-port", o.healthPort, "port of /healthz and /readyz")
	flags.StringVar(&o.certDir, "cert-dir", o.certDir, "directory that the webhooks' certificate is kept in")
	flags.BoolVar(&o.leaderElect, "leader-elect", false, "let only one replica write")
	flags.StringVar(&o.settings.VersionLabel, "version-label", "", "pod label that tells versions apart, tried before version and app.kubernetes.io/version")
	flags.StringVar(&o.settings.RootNamespace, "root-namespace", o.settings.RootNamespace, "root namespace of the mesh")
	flags.DurationVar(&o.settings.Propagation, "propagation-delay", o.settings.Propagation, "time until every proxy has a route or rule; above istiod's PILOT_DEBOUNCE_MAX")
	flags.DurationVar(&o.settings.Drain, "drain", o.settings.Drain, "time from a version's last traffic until it is deleted")
	flags.DurationVar(&o.settings.Hold, "readiness-hold", o.settings.Hold, "readiness that a lost version must show before it gets traffic again")
	flags.StringVar(&o.logLevel, "log-level", o.logLevel, "debug, info, warn or error")
}

func (o options) logger() (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(o.logLevel)
	if err != nil {
		return nil, fmt.Errorf("--log-level %q: %w", o.logLevel, err)
	}
	config := zap.NewProductionConfig()
	config.Level = zap.NewAtomicLevelAt(level)
	config.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	config.DisableStacktrace = true
	return config.Build()
}

func (o options) address(port int) string { return net.JoinHostPort(o.bindAddress, strconv.Itoa(port)) }

// user is how the API server names us, by our ServiceAccount.
func (o options) user() string {
	return "system:serviceaccount:" + o.namespace + ":" + name
}
