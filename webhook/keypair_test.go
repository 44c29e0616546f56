package webhook

import (
	"bytes"
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/cert"
)

// TestTheNewestPairIsServed from the next handshake on, by a TLS that is not outdated;
// what is no pair leaves the last one, and the rotator finds what arrived.
func TestTheNewestPairIsServed(t *testing.T) {
	p := &keyPair{dir: filepath.Join(t.TempDir(), "certs"), loaded: make(chan struct{})}
	var c tls.Config
	p.serve(&c)
	if c.MinVersion < tls.VersionTLS12 {
		t.Errorf("serves TLS from version %s on", tls.VersionName(c.MinVersion))
	}
	for range 2 {
		chain, key, err := cert.GenerateSelfSignedCertKey("grayscale-webhook.grayscale-system.svc", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		p.take(t.Context(), &corev1.Secret{Data: map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key}})
		want, err := tls.X509KeyPair(chain, key)
		if err != nil {
			t.Fatal(err)
		}
		for what, broken := range map[string]map[string][]byte{
			"an empty Secret":         nil,
			"a chain without its key": {corev1.TLSCertKey: chain},
			"a spoilt chain":          {corev1.TLSCertKey: []byte("spoilt"), corev1.TLSPrivateKeyKey: key},
		} {
			p.take(t.Context(), &corev1.Secret{Data: broken})
			if got, err := c.GetCertificate(nil); err != nil || !bytes.Equal(got.Certificate[0], want.Certificate[0]) {
				t.Errorf("after %s the last good pair is not served: %v", what, err)
			}
		}
		if file, err := os.ReadFile(filepath.Join(p.dir, corev1.TLSCertKey)); err != nil || !bytes.Equal(file, chain) {
			t.Errorf("the rotator does not find the chain: %v", err)
		}
		select {
		case <-p.loaded:
		default:
			t.Error("there is a pair, and it is not told")
		}
	}
}
