package webhook

import (
	"net/http"
	"path"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// narrow is a manager whose GetConfig is for the rotator's cache: of the kinds that
// hold the certificate it lists and watches the one object of that name, so that
// no right to read another is needed.
type narrow struct {
	manager.Manager
	names map[string]string // by resource
}

// GetConfig implements manager.Manager.
func (m narrow) GetConfig() *rest.Config {
	config := rest.CopyConfig(m.Manager.GetConfig())
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) { return next.RoundTrip(m.narrowed(r)) })
	})
	return config
}

// narrowed adds the name to a list or watch. RBAC takes such a request for one of
// the object of that name.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
func (m narrow) narrowed(r *http.Request) *http.Request {
	name, ok := m.names[path.Base(r.URL.Path)]
	if !ok || r.Method != http.MethodGet {
		return r
	}
	r = r.Clone(r.Context())
	query := r.URL.Query()
	query.Set("fieldSelector", "metadata.name="+name)
	r.URL.RawQuery = query.Encode()
	return r
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
