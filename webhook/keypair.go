package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// keyPair is the serving certificate, as the Secret holds it now. It comes by
// a watch and not by a mounted volume, which lags behind by up to a minute:
// that long, after a rotation, calls would fail.
type keyPair struct {
	secret types.NamespacedName
	dir    string
	loaded chan struct{} // closed with the first good pair
	once   sync.Once
	now    atomic.Pointer[tls.Certificate]
}

// serve makes a TLS server take the pair that is current at each handshake.
func (p *keyPair) serve(c *tls.Config) {
	c.MinVersion = tls.VersionTLS12
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if pair := p.now.Load(); pair != nil {
			return pair, nil
		}
		return nil, errors.New("the webhook's certificate is not made yet")
	}
}

// watch takes every new state of the Secret, in each replica, leader or not.
func (p *keyPair) watch(mgr manager.Manager) error {
	secrets, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		ByObject: map[client.Object]cache.ByObject{&corev1.Secret{}: {Namespaces: map[string]cache.Config{
			p.secret.Namespace: {FieldSelector: fields.OneTermEqualSelector("metadata.name", p.secret.Name)},
		}}},
	})
	if err != nil {
		return fmt.Errorf("certificates: watching Secret %s: %w", p.secret, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), bootTime)
	defer cancel()
	informer, err := secrets.GetInformer(ctx, &corev1.Secret{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("certificates: watching Secret %s: %w", p.secret, err)
	}
	logger := mgr.GetLogger().WithName("certificates").WithValues("secret", p.secret.String())
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { p.take(log.IntoContext(context.Background(), logger), obj) },
		UpdateFunc: func(_, obj any) { p.take(log.IntoContext(context.Background(), logger), obj) },
	})
	if err != nil {
		return fmt.Errorf("certificates: watching Secret %s: %w", p.secret, err)
	}
	return mgr.Add(everywhere{secrets})
}

// everywhere runs a cache in every replica.
type everywhere struct{ cache.Cache }

// NeedLeaderElection says no.
func (everywhere) NeedLeaderElection() bool { return false }

// take serves the pair of a Secret from now on. An empty or broken one leaves
// the last good pair in use.
func (p *keyPair) take(ctx context.Context, obj any) {
	secret, ok := obj.(*corev1.Secret)
	if !ok || len(secret.Data[corev1.TLSCertKey]) == 0 {
		return
	}
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		log.FromContext(ctx).Error(err, "the certificate is not usable, the last one stays")
		return
	}
	// The rotator waits for this file, as a sign that the Secret has arrived
	// here. The key stays in memory.
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		log.FromContext(ctx).Error(err, "could not write the certificate")
		return
	}
	if err := os.WriteFile(filepath.Join(p.dir, corev1.TLSCertKey), secret.Data[corev1.TLSCertKey], 0o600); err != nil {
		log.FromContext(ctx).Error(err, "could not write the certificate")
		return
	}
	p.now.Store(&pair)
	p.once.Do(func() { close(p.loaded) })
	log.FromContext(ctx).Info("serving a certificate", "until", pair.Leaf.NotAfter.Format(time.RFC3339))
}
