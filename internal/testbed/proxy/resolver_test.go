package proxy

import "testing"

func TestServiceName(t *testing.T) {
	for host, want := range map[string][2]string{
		"reviews":                         {"reviews", "default"},
		"reviews.shop":                    {"reviews", "shop"},
		"Reviews.shop.svc":                {"reviews", "shop"},
		"reviews.shop.svc.cluster.local":  {"reviews", "shop"},
		"reviews.shop.svc.cluster.local.": {"reviews", "shop"},
	} {
		name, namespace, ok := serviceName(host, "default")
		if !ok || name != want[0] || namespace != want[1] {
			t.Errorf("serviceName(%q) = %q, %q, %v, want %q", host, name, namespace, ok, want)
		}
	}
	for _, host := range []string{"", ".", "www.example.com", "a.b.c.d"} {
		if name, namespace, ok := serviceName(host, "default"); ok {
			t.Errorf("serviceName(%q) = %q, %q, want none", host, name, namespace)
		}
	}
}
