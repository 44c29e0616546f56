package webhook

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// configured is an API server's two webhook configurations: Get gives the authority
// that a kind has, and tells that it was asked.
type configured struct {
	client.Reader
	authority func(kind string) []byte // nil: can't be read
	asked     chan string
}

// Get implements client.Reader.
func (c configured) Get(_ context.Context, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	u := o.(*unstructured.Unstructured)
	c.asked <- u.GetKind()
	authority := c.authority(u.GetKind())
	if authority == nil {
		return errors.New("the API server is gone")
	}
	bundle := base64.StdEncoding.EncodeToString(authority)
	hook := func() any { return map[string]any{"clientConfig": map[string]any{"caBundle": bundle}} }
	u.Object["webhooks"] = []any{hook(), hook()}
	return nil
}

// TestReadyWhenWhatIsServedIsTrusted: not without a pair, not while a configuration
// can't be read or has no authority or another's, and not for one configuration of
// the two; and then at the next look.
func TestReadyWhenWhatIsServedIsTrusted(t *testing.T) {
	pair := func() (*corev1.Secret, []byte) {
		chain, key, err := cert.GenerateSelfSignedCertKey("grayscale-webhook.grayscale-system.svc", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return &corev1.Secret{Data: map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key}}, chain
	}
	served, ours := pair()
	_, theirs := pair()
	const mutating, validating = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"
	for name, c := range map[string]struct {
		loaded    bool
		authority map[string][]byte
		ready     bool
	}{
		"no pair":                       {false, map[string][]byte{mutating: ours, validating: ours}, false},
		"nothing can be read":           {true, nil, false},
		"no authority":                  {true, map[string][]byte{mutating: {}, validating: {}}, false},
		"another's":                     {true, map[string][]byte{mutating: theirs, validating: theirs}, false},
		"one of the two":                {true, map[string][]byte{mutating: ours, validating: theirs}, false},
		"both":                          {true, map[string][]byte{mutating: ours, validating: ours}, true},
		"both, and the one before, too": {true, map[string][]byte{mutating: append(theirs[:len(theirs):len(theirs)], ours...), validating: ours}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
			defer stop()
			p := &keyPair{dir: t.TempDir(), loaded: make(chan struct{})}
			if c.loaded {
				p.take(ctx, served)
			}
			asked, done, ended := make(chan string), make(chan struct{}), make(chan struct{})
			go func() {
				p.trusted(ctx, configured{authority: func(kind string) []byte { return c.authority[kind] }, asked: asked}, "grayscale", done)
				close(ended)
			}()
			if c.ready {
				<-asked
				<-asked
				select {
				case <-done:
				case <-ctx.Done():
					t.Error("is not ready")
				}
				return
			}
			for looks := 0; c.loaded && looks < 2; { // it goes on looking
				if <-asked == mutating {
					looks++
				}
			}
			stop()
			for over := false; !over; {
				select {
				case <-asked:
				case <-ended:
					over = true
				}
			}
			select {
			case <-done:
				t.Error("is ready")
			default:
			}
		})
	}
}
