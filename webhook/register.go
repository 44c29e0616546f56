// Package webhook answers the API server's admission requests: it reads what
// an answer needs, and webhook/decide decides. Which requests come at all is
// written in manifests/base/webhooks.yaml.
package webhook

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// The paths that are served, as the webhook configurations name them.
const (
	PathMutateDeployment     = "/mutate-deployment"
	PathValidateDeployment   = "/validate-deployment"
	PathMutateVirtualService = "/mutate-virtualservice"
)

// Mesh is what only the mesh can say about a Service's release.
type Mesh interface {
	// Refusals says all that stands in the way of a release that would start.
	Refusals(ctx context.Context, spec release.Spec) (intent.Faults, error)
	// Splits gives the splits of a VirtualService's live routes.
	Splits(ctx context.Context, vs *unstructured.Unstructured) ([]route.Split, error)
}

// Options are what the webhooks work with.
type Options struct {
	// Controller is the user name of our own controller,
	// "system:serviceaccount:grayscale-system:grayscale-controller" say.
	Controller string
	Settings   plan.Settings
	// Live reads from the API server itself: who holds a Service is never
	// taken from a cache.
	Live client.Reader
	// Cached is for the routes, which are put back within a second or not at all.
	Cached client.Reader
	Mesh   Mesh
}

// Register serves the webhooks on the manager's webhook server.
func Register(mgr manager.Manager, o Options) error {
	if o.Controller == "" || o.Live == nil || o.Cached == nil || o.Mesh == nil {
		return errors.New("registering webhooks: Controller, Live, Cached and Mesh are needed")
	}
	read := reader{live: o.Live, versionLabel: o.Settings.VersionLabel}
	decoder := admission.NewDecoder(mgr.GetScheme())
	server := mgr.GetWebhookServer()
	for path, handler := range map[string]admission.Handler{
		PathMutateDeployment:     &mutateDeployment{read: read, decoder: decoder, controller: o.Controller},
		PathValidateDeployment:   &validateDeployment{read: read, decoder: decoder, controller: o.Controller, mesh: o.Mesh},
		PathMutateVirtualService: &mutateVirtualService{decoder: decoder, mesh: o.Mesh},
	} {
		server.Register(path, &admission.Webhook{Handler: handler})
	}
	return nil
}
