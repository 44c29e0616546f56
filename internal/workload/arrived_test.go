package workload_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// stored is a Deployment with a pod template as an API server gives it back.
func stored(t *testing.T, template string) *unstructured.Unstructured {
	t.Helper()
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "reviews", "namespace": "shop"},
		"spec": map[string]any{"replicas": int64(2), "template": fields(t, template)},
	}}
}

func fields(t *testing.T, text string) map[string]any {
	t.Helper()
	out := template(t, text)
	ints(out)
	return out
}

// ints gives whole numbers the type that they have in objects of the API server.
func ints(value any) {
	switch value := value.(type) {
	case map[string]any:
		for key, child := range value {
			if n, ok := child.(float64); ok {
				value[key] = int64(n)
			}
			ints(child)
		}
	case []any:
		for _, child := range value {
			ints(child)
		}
	}
}

// TestArrived: a patch has arrived however the API server stores what it asks for,
// and an original of the new label alone, or without the patch, has not.
func TestArrived(t *testing.T) {
	const v1 = `{metadata: {labels: {app: reviews, version: v1}}, spec: {containers: [{name: app, image: "reviews:1.0", imagePullPolicy: Always, env: [{name: A, value: a}]}]}}`
	for name, c := range map[string]struct {
		patch, original string // as YAML; the original as it is stored after the commit
		clone           string // as it is stored, where it counts
		want            bool
	}{
		"a quantity in other units": {
			patch:    `{spec: {containers: [{name: app, resources: {requests: {cpu: 0.5, memory: 1024Mi}}}]}}`,
			original: `{metadata: {labels: {app: reviews, version: v2}}, spec: {containers: [{name: app, image: "reviews:2.0", resources: {requests: {cpu: 500m, memory: 1Gi}}}]}}`,
			want:     true,
		},
		"another quantity": {
			patch:    `{spec: {containers: [{name: app, resources: {requests: {cpu: 0.5}}}]}}`,
			original: `{metadata: {labels: {app: reviews, version: v2}}, spec: {containers: [{name: app, image: "reviews:2.0", resources: {requests: {cpu: 50m}}}]}}`,
		},
		"a default in a list without a merge key": {
			patch: `{spec: {volumes: [{name: pod, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}]}}`,
			original: `{metadata: {labels: {app: reviews, version: v2}}, spec: {containers: [{name: app, image: "reviews:2.0"}],
				volumes: [{name: pod, downwardAPI: {defaultMode: 420, items: [{path: labels, fieldRef: {apiVersion: v1, fieldPath: metadata.labels}}]}}]}}`,
			want: true,
		},
		"defaults in a projected volume": {
			patch: `{spec: {volumes: [{name: pod, projected: {sources: [{serviceAccountToken: {path: token}}, {downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}]}}]}}`,
			original: `{metadata: {labels: {app: reviews, version: v2}}, spec: {containers: [{name: app, image: "reviews:2.0"}], volumes: [{name: pod, projected: {defaultMode: 420, sources: [
				{serviceAccountToken: {path: token, expirationSeconds: 3600}}, {downwardAPI: {items: [{path: labels, fieldRef: {apiVersion: v1, fieldPath: metadata.labels}}]}}]}}]}}`,
			want: true,
		},
		"a container that is replaced whole": {
			patch:    `{spec: {containers: [{$patch: replace, name: app, image: "reviews:2.0"}]}}`,
			original: `{metadata: {labels: {app: reviews, version: v2}}, spec: {containers: [{name: app, image: "reviews:2.0", imagePullPolicy: IfNotPresent}]}}`,
			clone:    `{metadata: {labels: {app: reviews, version: v2}, annotations: {grayscale.dev/task: first}}, spec: {containers: [{name: app, image: "reviews:2.0", imagePullPolicy: IfNotPresent}]}}`,
			want:     true,
		},
		"a container that was to be replaced whole": {
			patch:    `{spec: {containers: [{$patch: replace, name: app, image: "reviews:2.0"}]}}`,
			original: `{metadata: {labels: {app: reviews, version: v2}}, spec: {containers: [{name: app, image: "reviews:2.0", imagePullPolicy: IfNotPresent, env: [{name: A, value: a}]}]}}`,
			clone:    `{metadata: {labels: {app: reviews, version: v2}, annotations: {grayscale.dev/task: first}}, spec: {containers: [{name: app, image: "reviews:2.0", imagePullPolicy: IfNotPresent}]}}`,
		},
		"the label alone": {
			patch:    `{spec: {terminationGracePeriodSeconds: 60}}`,
			original: `{metadata: {labels: {app: reviews, version: v2}}, spec: {containers: [{name: app, image: "reviews:1.0"}]}}`,
		},
		"all but the label": {
			patch:    `{spec: {terminationGracePeriodSeconds: 60}}`,
			original: `{metadata: {labels: {app: reviews, version: v1}}, spec: {terminationGracePeriodSeconds: 60, containers: [{name: app, image: "reviews:2.0"}]}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &release.Status{Task: "first", Label: "version", Finish: intent.InPlace, Grayscale: release.Version{
				Version: "v2", Patch: c.patch, Images: map[string]string{"app": "reviews:2.0"},
			}}
			if c.clone != "" {
				s.Grayscale.Template = release.WorkloadOf(stored(t, c.clone)).TemplateHash
			}
			if workload.Arrived(stored(t, v1), s) {
				t.Error("the original has arrived before anything was committed")
			}
			original := stored(t, c.original)
			before := original.DeepCopy()
			if got := workload.Arrived(original, s); got != c.want {
				t.Errorf("arrived: got %v, want %v", got, c.want)
			}
			if release.WorkloadOf(original).TemplateHash != release.WorkloadOf(before).TemplateHash {
				t.Error("the original was changed")
			}
		})
	}
}

// TestClonedFrom: a clone is its original's as it is now, however the API server
// stores what the patch says.
func TestClonedFrom(t *testing.T) {
	s := &release.Status{
		Task: "first", Label: "version", Clone: "reviews-v2", Finish: intent.Replace,
		Original: release.Version{Name: "reviews", Version: "v1", Labels: map[string]string{"version": "v1"}},
		Grayscale: release.Version{Version: "v2", Images: map[string]string{"app": "reviews:2.0"},
			Patch: `{spec: {containers: [{name: app, resources: {requests: {cpu: 0.5}}}]}}`},
	}
	original := stored(t, `{metadata: {labels: {app: reviews, version: v1}}, spec: {containers: [{name: app, image: "reviews:1.0"}]}}`)
	clone := stored(t, `{metadata: {labels: {app: reviews, version: v2}}, spec: {containers: [{name: app, image: "reviews:2.0", resources: {requests: {cpu: 500m}}}]}}`)
	if !workload.ClonedFrom(clone, original, s) {
		t.Error("a clone is not its original's, where only a quantity is stored in other units")
	}
	later := stored(t, `{metadata: {labels: {app: reviews, version: v1}}, spec: {dnsPolicy: Default, containers: [{name: app, image: "reviews:1.0"}]}}`)
	if workload.ClonedFrom(clone, later, s) {
		t.Error("a clone is its original's, which has changed since")
	}
}
