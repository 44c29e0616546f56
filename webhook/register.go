// Package webhook answers the API server's admission requests: it reads what
// an answer needs, and webhook/decide decides. Which requests come at all is
// written in manifests/base/webhooks.yaml.
package webhook

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// The paths that are served, as the webhook configurations name them.
const (
	PathMutateDeployment     = "/mutate-deployment"
	PathValidateDeployment   = "/validate-deployment"
	PathMutateVirtualService = "/mutate-virtualservice"
	PathGuardDeployment      = "/guard-deployment"
)

// Options are what the webhooks work with.
type Options struct {
	// Controller is the user name of our own controller,
	// "system:serviceaccount:grayscale-system:grayscale-controller" say.
	Controller string
	Settings   plan.Settings
	// Cached is for what must be answered within a second, or is not asked at all:
	// the routes that are put back, and the guard. It has the indexes of package
	// snapshot.
	Cached client.Reader
	// Ways are what running releases know of other ways than routes; a kind that
	// can't be read then refuses no change of theirs.
	Ways *snapshot.Ways
}

// Register serves the webhooks on the manager's webhook server.
func Register(mgr manager.Manager, o Options) error {
	if o.Controller == "" || o.Cached == nil || o.Ways == nil {
		return errors.New("registering webhooks: Controller, Cached and Ways are needed")
	}
	api, err := apart(mgr)
	if err != nil {
		return err
	}
	live := near{snapshot.NewLean(api), o.Cached}
	read := reader{live: live, settings: o.Settings}
	mesh := mesh{live: live, cached: o.Cached, settings: o.Settings, ways: o.Ways}
	decoder := admission.NewDecoder(mgr.GetScheme())
	server := mgr.GetWebhookServer()
	authority := authority{api}
	events := recorder{mgr.GetEventRecorder("grayscale-controller")}
	for path, handler := range map[string]admission.Handler{
		PathMutateDeployment:     &mutateDeployment{read: read, decoder: decoder, controller: o.Controller},
		PathValidateDeployment:   &validateDeployment{read: read, decoder: decoder, controller: o.Controller, mesh: mesh, authority: authority, events: events},
		PathMutateVirtualService: &mutateVirtualService{decoder: decoder, mesh: mesh},
		PathGuardDeployment:      &guardDeployment{live: live, cached: o.Cached, decoder: decoder, controller: o.Controller, events: events},
	} {
		server.Register(path, &admission.Webhook{Handler: handler})
	}
	return cached(mgr)
}

// apart is a client of the API server itself, for who holds a Service is never taken
// from a cache. It has a rate limit of its own: a flood of questions never holds the
// reconciler up.
func apart(mgr manager.Manager) (client.Client, error) {
	config := rest.CopyConfig(mgr.GetConfig())
	config.RateLimiter, config.QPS, config.Burst = nil, 200, 400 // of each kind
	c, err := client.New(config, client.Options{HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return nil, fmt.Errorf("making the webhooks' client: %w", err)
	}
	return c, nil
}

// cached has every replica watch from its start what the guard reads: a first read
// that waits for a list would come too late.
func cached(mgr manager.Manager) error {
	for _, kind := range []schema.GroupVersionKind{snapshot.Services, snapshot.Deployments, snapshot.VirtualServices} {
		ctx, cancel := context.WithTimeout(context.Background(), bootTime)
		_, err := mgr.GetCache().GetInformer(ctx, snapshot.Object(kind), cache.BlockUntilSynced(false))
		cancel()
		if err != nil {
			return fmt.Errorf("registering webhooks: watching %ss: %w", kind.Kind, err)
		}
	}
	return nil
}
