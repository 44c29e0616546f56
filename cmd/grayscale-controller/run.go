package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	webhookserver "sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/controller"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook"
)

const (
	name       = "grayscale-controller"
	certSecret = "grayscale-webhook-cert"
	resolvConf = "/etc/resolv.conf"
)

func run(ctx context.Context, o options) error {
	if err := release.CheckVersionLabel(o.settings.VersionLabel); err != nil {
		return err
	}
	if err := knownDomain(resolvConf); err != nil {
		return err
	}
	mgr, err := manager(o)
	if err != nil {
		return err
	}
	if err := controller.Index(ctx, mgr.GetCache()); err != nil {
		return err
	}
	certified, err := webhook.Certificates(mgr, webhook.CertOptions{
		Secret:  types.NamespacedName{Namespace: o.namespace, Name: certSecret},
		Service: "grayscale-webhook", Configuration: "grayscale", Dir: o.certDir,
	})
	if err != nil {
		return err
	}
	ways := &snapshot.Ways{Now: time.Now}
	err = webhook.Register(mgr, webhook.Options{Controller: o.user(), Settings: o.settings, Cached: mgr.GetClient(), Ways: ways})
	if err != nil {
		return err
	}
	if err := healthy(mgr, certified); err != nil {
		return err
	}
	reconciler := &controller.Reconciler{
		Client:   mgr.GetClient(),
		Source:   snapshot.Source{Reader: mgr.GetClient(), Live: snapshot.NewLean(mgr.GetAPIReader()), Indexed: true, Ways: ways},
		Recorder: mgr.GetEventRecorder(name), Settings: o.settings, Now: time.Now,
	}
	if err := reconciler.Setup(mgr); err != nil {
		return fmt.Errorf("setting up the reconciler: %w", err)
	}
	return mgr.Start(ctx)
}

func manager(o options) (ctrl.Manager, error) {
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("finding the API server: %w", err)
	}
	config.QPS, config.Burst = 100, 200
	config.UserAgent = name
	// A release stands still while nobody leads: the lease is released on stop,
	// and short for the stop that can't.
	duration, renewal, retry := 8*time.Second, 5*time.Second, time.Second
	lock, err := lease(config, o, renewal)
	if err != nil {
		return nil, err
	}
	return ctrl.NewManager(config, ctrl.Options{
		Cache:                  controller.CacheOptions(),
		Client:                 client.Options{Cache: &client.CacheOptions{Unstructured: true}},
		Metrics:                server.Options{BindAddress: o.address(o.metricsPort)},
		HealthProbeBindAddress: o.address(o.healthPort),
		WebhookServer:          webhookserver.NewServer(webhookserver.Options{Host: o.bindAddress, Port: o.webhookPort, CertDir: o.certDir}),
		LeaderElection:         o.leaderElect, LeaderElectionResourceLockInterface: lock,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &duration, RenewDeadline: &renewal, RetryPeriod: &retry,
		GracefulShutdownTimeout: ptr.To(20 * time.Second),
	})
}

// healthy adds the probes.
func healthy(mgr ctrl.Manager, certified <-chan struct{}) error {
	return errors.Join(
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("webhooks", ready(certified, mgr.GetWebhookServer().StartedChecker())),
	)
}

// ready means that the API server can call us: the certificate is there, its
// authority is in the configurations, and we serve. We listen before that.
func ready(certified <-chan struct{}, serving healthz.Checker) healthz.Checker {
	return func(req *http.Request) error {
		select {
		case <-certified:
			return serving(req)
		default:
			return errors.New("the webhooks' certificate is not in place yet")
		}
	}
}
