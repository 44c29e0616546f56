package release_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// workload is Deployment shop/NAME; labels are its pods', as "version=v1".
func workload(name string, labels ...string) release.Workload {
	w := release.Workload{
		Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Replicas: 4,
		Template: map[string]string{"app": "reviews"}, Images: map[string]string{"app": "shop/reviews:1.0"}, Main: []string{"app"}, TemplateHash: "hash",
	}
	for _, l := range labels {
		key, value, _ := strings.Cut(l, "=")
		w.Template[key] = value
	}
	w.Selector.MatchLabels = maps.Clone(w.Template)
	return w
}

// service is Service shop/NAME with that selector.
func service(name string, selector ...string) release.Service {
	s := release.Service{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Type: "ClusterIP", Selector: map[string]string{}}
	for _, l := range selector {
		key, value, _ := strings.Cut(l, "=")
		s.Selector[key] = value
	}
	return s
}

// asked reads an intent, which must be good.
func asked(t *testing.T, pairs ...string) intent.Intent {
	t.Helper()
	annotations := map[string]string{intent.KeyRelease: "task", intent.KeyImage: "2.0", intent.KeyVersion: "v2"}
	for _, pair := range pairs {
		key, value, writes := strings.Cut(pair, "=")
		if writes {
			annotations[intent.Prefix+key] = value
		} else {
			delete(annotations, intent.Prefix+strings.TrimSuffix(key, "-"))
		}
	}
	i, faults := intent.Parse(annotations)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	return i
}
