package webhook

import (
	"context"
	"fmt"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

// CertOptions say whose certificate it is and where it is kept.
type CertOptions struct {
	// Secret holds CA and certificate, for all replicas. It must exist; it may
	// be empty.
	Secret types.NamespacedName
	// Service is the name, in the Secret's namespace, by which the API server
	// calls; Names are further DNS names.
	Service string
	Names   []string
	// Configuration is the name of both webhook configurations.
	Configuration string
	// Dir is a directory that the process may write to.
	Dir string
}

// bootTime bounds the first reads, before the manager runs.
const bootTime = 30 * time.Second

// Certificates has the webhooks' certificate made, rotated before it expires,
// and its CA written into both webhook configurations; every replica serves
// the one that the Secret holds. ready is closed when the API server can call
// us. The manager's webhook server must be controller-runtime's own, and not
// yet started.
//
// Every replica rotates: the Secret is written with its resourceVersion, so
// one wins, and the others take the winner's. A leader alone would leave the
// others' certificate to its being alive.
func Certificates(mgr manager.Manager, o CertOptions) (ready <-chan struct{}, err error) {
	server, ok := mgr.GetWebhookServer().(*webhook.DefaultServer)
	if !ok {
		return nil, fmt.Errorf("certificates: the webhook server is a %T, want controller-runtime's own", mgr.GetWebhookServer())
	}
	if err := findSecret(mgr, o.Secret); err != nil {
		return nil, err
	}
	pair := &keyPair{secret: o.Secret, dir: o.Dir, loaded: make(chan struct{})}
	server.Options.TLSOpts = append(server.Options.TLSOpts, pair.serve)
	if err := pair.watch(mgr); err != nil {
		return nil, err
	}
	host := o.Service + "." + o.Secret.Namespace + ".svc"
	err = rotator.AddRotator(narrow{mgr, map[string]string{
		"secrets":                       o.Secret.Name,
		"mutatingwebhookconfigurations": o.Configuration, "validatingwebhookconfigurations": o.Configuration,
	}}, &rotator.CertRotator{
		SecretKey:      o.Secret,
		CertDir:        o.Dir,
		CAName:         "grayscale-webhook-ca",
		CAOrganization: "grayscale.dev",
		DNSName:        host,
		ExtraDNSNames:  append([]string{host + ".cluster.local"}, o.Names...),
		IsReady:        make(chan struct{}), // what we serve is asked for below
		FieldOwner:     "grayscale-controller",
		Webhooks: []rotator.WebhookInfo{
			{Name: o.Configuration, Type: rotator.Mutating},
			{Name: o.Configuration, Type: rotator.Validating},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	trusted := make(chan struct{})
	err = mgr.Add(inEveryReplica{func(ctx context.Context) error {
		pair.trusted(ctx, mgr.GetAPIReader(), o.Configuration, trusted)
		return nil
	}})
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	return trusted, nil
}

// inEveryReplica runs a function whether or not this replica leads.
type inEveryReplica struct{ manager.RunnableFunc }

// NeedLeaderElection says no.
func (inEveryReplica) NeedLeaderElection() bool { return false }

// findSecret says early, and in words, that the Secret is missing: the rotator
// only fills it, so that we need no right to create Secrets.
func findSecret(mgr manager.Manager, key types.NamespacedName) error {
	ctx, cancel := context.WithTimeout(context.Background(), bootTime)
	defer cancel()
	err := mgr.GetAPIReader().Get(ctx, key, &corev1.Secret{})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("certificates: Secret %s, which the installation holds, is missing; install again: %w", key, err)
	}
	if err != nil {
		return fmt.Errorf("certificates: Secret %s: %w", key, err)
	}
	return nil
}
