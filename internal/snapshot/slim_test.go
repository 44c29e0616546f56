package snapshot_test

import (
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

const entries = `
  managedFields:
  - {manager: kubectl, operation: Update, time: "2026-11-23T00:00:00Z", apiVersion: v1, fieldsType: FieldsV1, fieldsV1: {"f:spec": {"f:http": {}}}}
  - {manager: MANAGER, operation: Update, time: "2026-11-23T00:00:01Z", apiVersion: v1, subresource: status, fieldsType: FieldsV1, fieldsV1: {"f:status": {}}}
`

// TestSlim: what is kept of an object is what plans are made from.
func TestSlim(t *testing.T) {
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
		kind     schema.GroupVersionKind
		in, want string
	}{
		"a VirtualService": {snapshot.VirtualServices,
			"metadata:\n  name: reviews" + entries + "spec: {hosts: [reviews]}\nstatus: {observedGeneration: 1}",
			"metadata:\n  name: reviews" + managers + "spec: {hosts: [reviews]}"},
		"a Service": {snapshot.Services, "metadata:\n  name: reviews" + entries + "status: {loadBalancer: {}}", "metadata: {name: reviews}"},
		"an EndpointSlice": {snapshot.EndpointSlices,
			"metadata:\n  name: reviews" + entries + "ports: [{port: 80}]\nendpoints: [{addresses: [10.0.0.1], conditions: {ready: true}, targetRef: {kind: Pod, name: a}, zone: z}, {addresses: [10.0.0.9], conditions: {ready: true}}]",
			"metadata: {name: reviews}\nendpoints: [{addresses: [], conditions: {ready: true}, targetRef: {kind: Pod, name: a}}, {addresses: [10.0.0.9], conditions: {ready: true}, targetRef: null}]"},
		"an original": {snapshot.Deployments,
			"metadata:\n  name: reviews-v1\n  annotations: {grayscale.dev/release: task, other: x}" + entries + whole + status,
			"metadata:\n  name: reviews-v1\n  annotations: {grayscale.dev/release: task, other: x}" + managers + whole +
				"status: {observedGeneration: 2, replicas: 2, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2, unavailableReplicas: 1}"},
		"a clone without a status":  {snapshot.Deployments, "metadata: {name: reviews-v2, labels: {grayscale.dev/task: task}}" + whole, "metadata: {name: reviews-v2, labels: {grayscale.dev/task: task}}" + whole},
		"a clone that lost a label": {snapshot.Deployments, "metadata: {name: reviews-v2, labels: {grayscale.dev/of: reviews-v1}}" + whole, "metadata: {name: reviews-v2, labels: {grayscale.dev/of: reviews-v1}}" + whole},
		"another Deployment": {snapshot.Deployments,
			"metadata:\n  name: ratings\n  labels: {app: ratings}\n  annotations: {other: x}" + entries + whole + status,
			"metadata: {name: ratings, labels: {app: ratings}}\nspec: {replicas: 2, selector: {matchLabels: {app: reviews}}, template: {metadata: {labels: {app: reviews}}}}"},
		"a Deployment that asks for nothing": {snapshot.Deployments,
			"metadata:\n  name: ratings\n  annotations: {grayscale.dev/weight: '5', other: x}" + entries + whole + status,
			"metadata: {name: ratings, annotations: {grayscale.dev/weight: '5'}}\nspec: {replicas: 2, selector: {matchLabels: {app: reviews}}, template: {metadata: {labels: {app: reviews}}}}"},
		"a held Service": {snapshot.Services,
			"metadata:\n  name: reviews\n  annotations: {grayscale.dev/status: '{}', kubectl.kubernetes.io/last-applied-configuration: x}\nspec: {selector: {app: reviews}}",
			"metadata: {name: reviews, annotations: {grayscale.dev/status: '{}'}}\nspec: {selector: {app: reviews}}"},
		"a VirtualService that Git manages": {snapshot.VirtualServices,
			"metadata:\n  name: reviews\n  annotations: {argocd.argoproj.io/tracking-id: x}\nspec: {hosts: [reviews]}",
			"metadata:\n  name: reviews\n  annotations: {argocd.argoproj.io/tracking-id: x}\nspec: {hosts: [reviews]}"},
		"a pod": {snapshot.Pods,
			"metadata:\n  name: reviews-a\n  annotations: {other: x}\n  labels: {app: reviews}" + entries + "spec: {containers: [{name: app}]}\nstatus: {phase: Running}",
			"metadata: {name: reviews-a, labels: {app: reviews}}\nstatus: {phase: Running}"},
		"one that we have not let go of": {snapshot.Deployments,
			"metadata:\n  name: reviews-v2" + strings.ReplaceAll(entries, "MANAGER", "grayscale-controller") + whole + status,
			"metadata:\n  name: reviews-v2" + ours + "spec: {replicas: 2, selector: {matchLabels: {app: reviews}}, template: {metadata: {labels: {app: reviews}}}}"},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := parse(t, test.in)[0], parse(t, test.want)[0]
			got.SetGroupVersionKind(test.kind)
			want.SetGroupVersionKind(test.kind)
			if snapshot.Slim(got); !reflect.DeepEqual(got.Object, want.Object) {
				t.Errorf("got\n%v\nwant\n%v", got.Object, want.Object)
			}
		})
	}
}
