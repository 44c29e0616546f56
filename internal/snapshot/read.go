package snapshot

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// Source is where a snapshot comes from.
type Source struct {
	// Reader gives Deployments, Services, EndpointSlices, VirtualServices and
	// DestinationRules.
	Reader client.Reader
	// Live gives what is not worth a cache, by narrow lists: pods, ReplicaSets,
	// and what is looked at only when a release starts or ends.
	Live client.Reader
	// Indexed says that Reader has the indexes of this package.
	Indexed bool
}

// Read reads a snapshot live, with one reader's rights.
func Read(ctx context.Context, r client.Reader, service types.NamespacedName, settings plan.Settings) (plan.Snapshot, error) {
	return Source{Reader: r, Live: r}.Read(ctx, service, settings)
}

// Read reads all that a plan for the Service is made from.
func (src Source) Read(ctx context.Context, key types.NamespacedName, settings plan.Settings) (plan.Snapshot, error) {
	s, err := src.base(ctx, key, settings)
	if err != nil || s.Service == nil {
		return s, err
	}
	return s, src.release(ctx, &s)
}

// base reads what routes and rules are made from.
func (src Source) base(ctx context.Context, key types.NamespacedName, settings plan.Settings) (plan.Snapshot, error) {
	s := plan.Snapshot{Key: key, Settings: settings}
	service := Object(Services)
	switch err := src.Reader.Get(ctx, key, service); {
	case errors.IsNotFound(err):
	case err != nil:
		return s, fmt.Errorf("reading Service %s: %w", key, err)
	default:
		s.Service = service
	}
	return s, src.all(
		src.into(ctx, &s.Services, Services, client.InNamespace(key.Namespace)),
		src.into(ctx, &s.Deployments, Deployments, client.InNamespace(key.Namespace)),
		func() (err error) { s.VirtualServices, err = src.virtualServices(ctx, key); return },
		func() (err error) { s.DestinationRules, err = src.destinationRules(ctx, key); return },
	)
}

// release reads what only a running or starting release needs.
func (src Source) release(ctx context.Context, s *plan.Snapshot) error {
	claim, err := release.Claim(s.Service.GetAnnotations(), s.Service.GetUID())
	if err != nil {
		return nil // the plan says so
	}
	if claim == nil {
		if !asked(s.Deployments) {
			return nil
		}
		return src.ways(ctx, s)
	}
	steps := []func() error{func() error { return src.pods(ctx, s) }}
	if claim.Phase == release.Cancelling {
		steps = append(steps, func() error { return src.replicaSets(ctx, s, claim) })
	}
	if finishing(s.Deployments) {
		steps = append(steps, func() (err error) {
			s.Autoscalers, err = listIfServed(ctx, src.Live, Autoscalers, client.InNamespace(s.Key.Namespace))
			return
		})
	}
	return src.all(steps...)
}

func asked(deployments []*unstructured.Unstructured) bool {
	for _, d := range deployments {
		if intent.Starts(d.GetAnnotations()) {
			return true
		}
	}
	return false
}

func finishing(deployments []*unstructured.Unstructured) bool {
	for _, d := range deployments {
		if d.GetAnnotations()[intent.KeyEnd] == string(intent.EndFinish) {
			return true
		}
	}
	return false
}

func (src Source) into(ctx context.Context, to *[]*unstructured.Unstructured, kind schema.GroupVersionKind, opts ...client.ListOption) func() error {
	return func() (err error) {
		*to, err = list(ctx, src.Reader, kind, opts...)
		return err
	}
}

// all runs steps until one fails.
func (Source) all(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
