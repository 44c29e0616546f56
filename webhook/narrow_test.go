package webhook

import (
	"net/http"
	"testing"
)

// TestListsAreBoundToAName: the rotator's lists and watches of these kinds name the
// one object; all else goes as it is.
func TestListsAreBoundToAName(t *testing.T) {
	m := narrow{names: map[string]string{"secrets": "cert", "mutatingwebhookconfigurations": "grayscale"}}
	for _, one := range []struct{ method, url, want string }{
		{http.MethodGet, "https://api/api/v1/namespaces/system/secrets?watch=true", "fieldSelector=metadata.name%3Dcert&watch=true"},
		{http.MethodGet, "https://api/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", "fieldSelector=metadata.name%3Dgrayscale"},
		{http.MethodGet, "https://api/api/v1/namespaces/system/secrets/cert", ""},
		{http.MethodGet, "https://api/api/v1/services?limit=500", "limit=500"},
		{http.MethodPost, "https://api/api/v1/namespaces/system/secrets", ""},
	} {
		r, err := http.NewRequest(one.method, one.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.narrowed(r).URL.RawQuery; got != one.want {
			t.Errorf("%s %s asks for %q, want %q", one.method, one.url, got, one.want)
		}
	}
}
