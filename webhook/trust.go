package webhook

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// trustPeriod is how often a pair that the API server does not trust yet is looked
// at again.
const trustPeriod = 500 * time.Millisecond

// trusted closes done when there is a pair to serve and the API server trusts
// it. A controller that comes back finds its authority in the configurations
// and is ready at once: for as long as none is, nobody can ask for a release.
// That the rotator has written an authority is not enough: the pair that is served
// may be the one before.
func (p *keyPair) trusted(ctx context.Context, live client.Reader, configuration string, done chan<- struct{}) {
	select {
	case <-ctx.Done():
		return
	case <-p.loaded:
	}
	err := wait.PollUntilContextCancel(ctx, trustPeriod, true, func(ctx context.Context) (bool, error) {
		ok, err := p.known(ctx, live, configuration)
		if err != nil {
			log.FromContext(ctx).Error(err, "could not read the webhook configurations")
		}
		return ok, nil
	})
	if err == nil {
		close(done)
	}
}

// known says whether every webhook of both configurations trusts the pair.
func (p *keyPair) known(ctx context.Context, live client.Reader, configuration string) (bool, error) {
	for _, kind := range []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"} {
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: kind})
		if err := live.Get(ctx, types.NamespacedName{Name: configuration}, u); err != nil {
			return false, err
		}
		hooks, _, _ := unstructured.NestedSlice(u.Object, "webhooks")
		for _, hook := range hooks {
			if !p.verifies(hook) {
				return false, nil
			}
		}
	}
	return true, nil
}

func (p *keyPair) verifies(hook any) bool {
	fields, _ := hook.(map[string]any)
	text, _, _ := unstructured.NestedString(fields, "clientConfig", "caBundle")
	bundle, err := base64.StdEncoding.DecodeString(text)
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(bundle) {
		return false
	}
	_, err = p.now.Load().Leaf.Verify(x509.VerifyOptions{Roots: roots})
	return err == nil
}
