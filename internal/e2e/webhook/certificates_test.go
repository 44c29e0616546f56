package webhook

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
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

// TestAReplicaIsReadyWhenItIsTrusted: one that starts while the Secret holds no
// certificate is not ready before the API server would trust what it serves: its
// first call is answered.
func TestAReplicaIsReadyWhenItIsTrusted(t *testing.T) {
	var s corev1.Secret
	if err := admin().Get(t.Context(), secret, &s); err != nil {
		t.Fatal(err)
	}
	clear(s.Data)
	if err := admin().Update(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	if err := called(t.Context(), anotherReplica(t)); err != nil {
		t.Error(err)
	}
}

// TestCertificatesAreRotatedUnderLoad: a certificate that would expire soon is
// replaced in every replica while the API server asks for admissions, and while
// others do what it does when it dials anew; no call fails.
func TestCertificatesAreRotatedUnderLoad(t *testing.T) {
	const rotations = 5
	c := as(t, jane)
	c.service()
	ports := []int{port, anotherReplica(t)}
	l := &load{}
	// By the API server, whose connections last.
	for n := range 4 {
		l.goes(t, fmt.Sprintf("admission %d", n), func() error {
			return c.Create(t.Context(), c.deployment(good()), client.DryRunAll)
		})
	}
	// And with a handshake for each call, of each replica.
	for _, p := range ports {
		l.goes(t, fmt.Sprintf("a call of port %d", p), func() error { return called(t.Context(), p) })
	}
	for n := range rotations {
		before := l.calls.Load()
		first := served(t, port)
		expiring(t)
		if err := until(t.Context(), "both replicas serve another certificate, one that lasts", func() (bool, error) {
			one, two := served(t, ports[0]), served(t, ports[1])
			return bytes.Equal(one, two) && !bytes.Equal(one, first) && lasts(t, one), nil
		}); err != nil {
			t.Fatalf("rotation %d: %v", n, err)
		}
		if err := until(t.Context(), "calls after the rotation", func() (bool, error) { return l.calls.Load() > before+50, nil }); err != nil {
			t.Fatalf("rotation %d: %v", n, err)
		}
	}
	for _, failure := range l.end() {
		t.Error(failure)
	}
	t.Logf("%d calls during %d rotations", l.calls.Load(), rotations)
}

// load is many who call again and again until it ends.
type load struct {
	calls    atomic.Int64
	stopped  atomic.Bool
	callers  sync.WaitGroup
	mu       sync.Mutex
	failures []string
}

func (l *load) goes(t *testing.T, what string, call func() error) {
	l.callers.Go(func() {
		for !l.stopped.Load() && t.Context().Err() == nil {
			err := call()
			l.calls.Add(1)
			if err != nil && t.Context().Err() == nil {
				l.mu.Lock()
				l.failures = append(l.failures, what+": "+err.Error())
				l.mu.Unlock()
				return
			}
		}
	})
}

// end stops the load and gives the calls that failed.
func (l *load) end() []string {
	l.stopped.Store(true)
	l.callers.Wait()
	return l.failures
}

// anotherReplica runs until the test ends, and gives its port.
func anotherReplica(t *testing.T) int {
	t.Helper()
	second, err := free()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), replicaPort+"="+strconv.Itoa(second))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the second replica: %v", err)
		}
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the second replica says %q, %v", line, err)
	}
	return second
}

// called calls a replica as the API server does over a new connection: it trusts
// what the configuration says now.
func called(ctx context.Context, port int) error {
	var hooks admissionregistrationv1.ValidatingWebhookConfiguration
	if err := admin().Get(ctx, client.ObjectKey{Name: name}, &hooks); err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(hooks.Webhooks[0].ClientConfig.CABundle) {
		return fmt.Errorf("the configuration's caBundle holds no certificate: %q", hooks.Webhooks[0].ClientConfig.CABundle)
	}
	anew := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: "grayscale-webhook." + system + ".svc", MinVersion: tls.VersionTLS12},
	}}
	const review = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"asked"}}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("https://127.0.0.1:%d/validate-deployment", port), strings.NewReader(review))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := anew.Do(req)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || !bytes.Contains(text, []byte(`"uid":"asked"`)) {
		return fmt.Errorf("answers %s: %s", res.Status, text)
	}
	return nil
}

// expiring has the Secret hold a certificate of the same authority that is good
// for an hour only.
func expiring(t *testing.T) {
	t.Helper()
	var s corev1.Secret
	if err := admin().Get(t.Context(), secret, &s); err != nil {
		t.Fatal(err)
	}
	authority, err := tls.X509KeyPair(s.Data["ca.crt"], s.Data["ca.key"])
	if err != nil {
		t.Fatal(err)
	}
	now, err := tls.X509KeyPair(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		t.Fatal(err)
	}
	next := *now.Leaf
	next.SerialNumber, next.NotAfter = new(big.Int).Add(now.Leaf.SerialNumber, big.NewInt(1)), time.Now().Add(time.Hour)
	cert, err := x509.CreateCertificate(rand.Reader, &next, authority.Leaf, now.Leaf.PublicKey, authority.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	s.Data[corev1.TLSCertKey] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	if err := admin().Update(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
}

// lasts says whether a certificate is one that needs no rotation.
func lasts(t *testing.T, der []byte) bool {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return time.Until(cert.NotAfter) > 24*time.Hour
}
