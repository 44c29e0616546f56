package webhook

import (
	"bytes"
	"crypto/tls"
	"net"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// served gives the certificate that a port presents.
func served(t *testing.T, port int) []byte {
	t.Helper()
	// Whose it is, is what this looks at.
	conn, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec
	if err != nil {
		t.Fatal(err)
	}
	leaf := conn.ConnectionState().PeerCertificates[0].Raw
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	return leaf
}

// TestCertificatesAreRenewed: a Secret that holds none, or none that is good
// for long enough, gets a new one; the API server's calls go on.
func TestCertificatesAreRenewed(t *testing.T) {
	for name, spoil := range map[string]func(map[string][]byte){
		"certificate":   func(data map[string][]byte) { data[corev1.TLSCertKey] = []byte("spoilt") },
		"its authority": func(data map[string][]byte) { delete(data, "ca.crt") },
		"all of it":     func(data map[string][]byte) { clear(data) },
	} {
		t.Run(name, func(t *testing.T) {
			before := served(t, port)
			var s corev1.Secret
			if err := admin().Get(t.Context(), secret, &s); err != nil {
				t.Fatal(err)
			}
			spoil(s.Data)
			if err := admin().Update(t.Context(), &s); err != nil {
				t.Fatal(err)
			}
			renewed := func() (bool, error) { return !bytes.Equal(served(t, port), before), nil }
			if err := until(t.Context(), "another certificate is served", renewed); err != nil {
				t.Fatal(err)
			}
			if err := answered(t.Context()); err != nil {
				t.Error(err)
			}
			if err := admin().Create(t.Context(), deployment("default", "plain", nil), client.DryRunAll); err != nil {
				t.Errorf("an ordinary Deployment: %v", err)
			}
		})
	}
}
