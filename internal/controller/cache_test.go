package controller

import (
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

const entries = `
  managedFields:
  - {manager: kubectl, operation: Update, time: "2026-11-23T00:00:00Z", apiVersion: v1, fieldsType: FieldsV1, fieldsV1: {"f:spec": {"f:http": {}}}}
  - {manager: MANAGER, operation: Update, time: "2026-11-23T00:00:01Z", apiVersion: v1, subresource: status, fieldsType: FieldsV1, fieldsV1: {"f:status": {}}}
`

// TestCached: what the caches keep is what plans are made from.
func TestCached(t *testing.T) {
	const managers = `
  managedFields:
  - {manager: kubectl, operation: Update, time: "2026-11-23T00:00:00Z", apiVersion: v1}
  - {manager: MANAGER, operation: Update, time: "2026-11-23T00:00:01Z", apiVersion: v1, subresource: status}
`
	const ours = `
  managedFields:
  - {manager: kubectl, operation: Update, time: "2026-11-23T00:00:00Z", apiVersion: v1}
  - {manager: grayscale-controller, operation: Update, time: "2026-11-23T00:00:01Z", apiVersion: v1, subresource: status}
`
	whole := `
spec: {replicas: 2, selector: {matchLabels: {app: reviews}}, template: {metadata: {labels: {app: reviews}}, spec: {containers: [{name: app, image: "reviews:v1"}]}}}
`
	status := `
status: {observedGeneration: 2, replicas: 2, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2, unavailableReplicas: 1, conditions: [{type: Available}]}
`
	for name, test := range map[string]struct {
		kind     func(*unstructured.Unstructured)
		in, want string
	}{
		"a VirtualService": {istio,
			"metadata:\n  name: reviews" + entries + "spec: {hosts: [reviews]}\nstatus: {observedGeneration: 1}",
			"metadata:\n  name: reviews" + managers + "spec: {hosts: [reviews]}"},
		"a Service": {service, "metadata:\n  name: reviews" + entries + "status: {loadBalancer: {}}", "metadata: {name: reviews}"},
		"an EndpointSlice": {slice,
			"metadata:\n  name: reviews" + entries + "ports: [{port: 80}]\nendpoints: [{addresses: [10.0.0.1], conditions: {ready: true}, targetRef: {kind: Pod, name: a}, zone: z}, {addresses: [10.0.0.9], conditions: {ready: true}}]",
			"metadata: {name: reviews}\nendpoints: [{addresses: [], conditions: {ready: true}, targetRef: {kind: Pod, name: a}}, {addresses: [10.0.0.9], conditions: {ready: true}, targetRef: null}]"},
		"an original": {deployment,
			"metadata:\n  name: reviews-v1\n  annotations: {grayscale.dev/release: task, other: x}" + entries + whole + status,
			"metadata:\n  name: reviews-v1\n  annotations: {grayscale.dev/release: task, other: x}" + managers + whole +
				"status: {observedGeneration: 2, replicas: 2, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2, unavailableReplicas: 1}"},
		"a clone without a status": {deployment, "metadata: {name: reviews-v2, labels: {grayscale.dev/task: task}}" + whole, "metadata: {name: reviews-v2, labels: {grayscale.dev/task: task}}" + whole},
		"another Deployment": {deployment,
			"metadata:\n  name: ratings\n  labels: {app: ratings}\n  annotations: {other: x}" + entries + whole + status,
			"metadata: {name: ratings, labels: {app: ratings}}\nspec: {replicas: 2, selector: {matchLabels: {app: reviews}}, template: {metadata: {labels: {app: reviews}}}}"},
		"one that we have not let go of": {deployment,
			"metadata:\n  name: reviews-v2" + strings.ReplaceAll(entries, "MANAGER", "grayscale-controller") + whole + status,
			"metadata:\n  name: reviews-v2" + ours + "spec: {replicas: 2, selector: {matchLabels: {app: reviews}}, template: {metadata: {labels: {app: reviews}}}}"},
	} {
		t.Run(name, func(t *testing.T) {
			got := parse(t, test.in)
			if _, err := slim(test.kind)(got); err != nil {
				t.Fatal(err)
			}
			if want := parse(t, test.want); !reflect.DeepEqual(got.Object, want.Object) {
				t.Errorf("got\n%v\nwant\n%v", got.Object, want.Object)
			}
		})
	}
}
