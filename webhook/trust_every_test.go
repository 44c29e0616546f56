package webhook

import (
	"context"
	"encoding/base64"
	"sync"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// hooked is an API server whose configurations have webhooks with these authorities.
type hooked struct {
	client.Reader
	sync.Mutex
	authorities [][]byte
	looks       int
	looked      chan struct{} // one for each look, as long as somebody waits for it
}

// Get implements client.Reader.
func (h *hooked) Get(_ context.Context, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	h.Lock()
	defer h.Unlock()
	h.looks++
	select {
	case h.looked <- struct{}{}:
	default:
	}
	var hooks []any
	for _, authority := range h.authorities {
		hooks = append(hooks, map[string]any{"clientConfig": map[string]any{"caBundle": base64.StdEncoding.EncodeToString(authority)}})
	}
	o.(*unstructured.Unstructured).Object["webhooks"] = hooks
	return nil
}

// TestReadyWhenEveryWebhookTrustsThePair: nothing is looked at before there is a pair,
// and a configuration of which one webhook alone lacks the authority is not in place.
func TestReadyWhenEveryWebhookTrustsThePair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chain, key, err := cert.GenerateSelfSignedCertKey("grayscale-webhook.grayscale-system.svc", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		p := &keyPair{dir: t.TempDir(), loaded: make(chan struct{})}
		api, done := &hooked{authorities: [][]byte{chain, nil}, looked: make(chan struct{})}, make(chan struct{})
		ready := func() bool {
			select {
			case <-done:
				return true
			default:
				return false
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go p.trusted(ctx, api, "grayscale", done)
		synctest.Wait()
		if ready() || api.looks > 0 {
			t.Errorf("without a pair: ready: %v, after %d looks at the configurations", ready(), api.looks)
		}
		p.take(ctx, &corev1.Secret{Data: map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key}})
		synctest.Wait()
		for _, last := range []struct {
			authority []byte
			ready     bool
		}{{nil, false}, {chain, true}} {
			api.Lock()
			api.authorities[1] = last.authority
			api.Unlock()
			<-api.looked
			synctest.Wait() // for the other configuration
			if ready() != last.ready {
				t.Errorf("the second webhook has an authority of %d bytes: ready: %v", len(last.authority), ready())
			}
		}
	})
}
