package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// TestTheLeaseIsThePods: a container that begins anew in its pod goes on with the lease.
func TestTheLeaseIsThePods(t *testing.T) {
	o := defaults()
	o.namespace = "canaries"
	for pod, suffix := range map[string]string{"grayscale-controller-7d-x2": "grayscale-controller-7d-x2", "": fmt.Sprintf("_%d", os.Getpid())} {
		t.Setenv("POD_NAME", pod)
		lock, err := lease(&rest.Config{Host: "https://localhost"}, o, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(lock.Identity(), suffix) || lock.Describe() != "canaries/grayscale-controller" {
			t.Errorf("%s is held by %q, want by %q", lock.Describe(), lock.Identity(), suffix)
		}
	}
}

// discovery is what the API server has of the kinds that the caches are made for.
// https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
func discovery() map[string]any {
	groups := []any{}
	all := map[string]any{"/api": map[string]any{"kind": "APIVersions", "versions": []string{"v1"}}}
	for _, kind := range []schema.GroupVersionKind{
		snapshot.Services, {Version: "v1", Kind: "Secret"}, snapshot.Deployments, snapshot.EndpointSlices, snapshot.VirtualServices, snapshot.DestinationRules,
	} {
		path, version := "/apis/"+kind.GroupVersion().String(), map[string]any{"groupVersion": kind.GroupVersion().String(), "version": kind.Version}
		if kind.Group == "" {
			path = "/api/" + kind.Version
		} else {
			groups = append(groups, map[string]any{"name": kind.Group, "versions": []any{version}, "preferredVersion": version})
		}
		if all[path] == nil {
			all[path] = map[string]any{"kind": "APIResourceList", "groupVersion": kind.GroupVersion().String(), "resources": []any{}}
		}
		list := all[path].(map[string]any)
		resource, _ := meta.UnsafeGuessKindToResource(kind)
		list["resources"] = append(list["resources"].([]any), map[string]any{"name": resource.Resource, "kind": kind.Kind, "namespaced": true, "verbs": []string{"list", "watch"}})
	}
	all["/apis"] = map[string]any{"kind": "APIGroupList", "groups": groups}
	return all
}

// another is an API server whose lease another replica renews; each look at it waits
// until the test has seen it.
func another(t *testing.T, looked chan<- struct{}) *httptest.Server {
	t.Helper()
	served := discovery()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/namespaces/grayscale-system/leases/grayscale-controller") {
			answer(t, w, served[r.URL.Path])
			return
		}
		select {
		case looked <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		answer(t, w, map[string]any{
			"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": map[string]any{"name": name, "namespace": "grayscale-system"},
			"spec": map[string]any{"holderIdentity": "another", "leaseDurationSeconds": 8, "renewTime": time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")},
		})
	}))
	t.Cleanup(api.Close)
	return api
}

func answer(t *testing.T, w http.ResponseWriter, object any) {
	w.Header().Set("Content-Type", "application/json")
	if object == nil {
		w.WriteHeader(http.StatusNotFound)
	}
	if err := json.NewEncoder(w).Encode(object); err != nil {
		t.Error(err)
	}
}

// TestOneReplicaWrites: with --leader-elect nothing that needs the lease runs while
// another replica renews it.
func TestOneReplicaWrites(t *testing.T) {
	looked, ran, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: %q}}]\ncontexts: [{name: a, context: {cluster: a}}]\ncurrent-context: a\n", another(t, looked).URL)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", kubeconfig)
	o := defaults()
	o.namespace, o.leaderElect, o.bindAddress, o.metricsPort, o.healthPort = "grayscale-system", true, "127.0.0.1", 0, 0
	mgr, err := manager(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := mgr.Add(ctrl.RunnableFunc(func(context.Context) error { close(ran); return nil })); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() { ended <- mgr.Start(ctx) }()
	for range 2 {
		select {
		case <-looked:
		case <-ran:
			t.Fatal("what needs the lease runs without it")
		case err := <-ended:
			t.Fatalf("the manager ended: %v", err)
		case <-time.After(30 * time.Second):
			t.Fatal("nobody looks at the lease")
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
