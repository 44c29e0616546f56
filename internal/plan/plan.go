// Package plan says what to do next: a Snapshot of what the API server holds
// and the time go in, a Plan comes out. It is pure, so that the reconciler,
// render, diff and the webhooks can all ask it, and get the same answer.
//
// Nothing is remembered between two plans, but for how often a write was undone
// by somebody else (see Snapshot.Written). Every step of a release is derived
// afresh from the objects, so that whoever dies between two writes is followed by
// somebody who goes on where it was.
package plan

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// Settings are the controller's.
type Settings struct {
	VersionLabel  string        // tried before release.DefaultLabels; may be empty
	RootNamespace string        // of the mesh, "istio-system"
	Propagation   time.Duration // from a write of a route or rule until every proxy has it
	Drain         time.Duration // from the loser's last traffic until it is deleted
	Hold          time.Duration // of readiness before traffic comes back to a version that was lost
}

// Defaults are the settings of a controller without flags.
var Defaults = Settings{RootNamespace: "istio-system", Propagation: 15 * time.Second, Drain: 30 * time.Second, Hold: 10 * time.Second}

// Snapshot is all that the API server holds about one Service's release. Its
// objects are the cache's own: they are read, never written to.
type Snapshot struct {
	Key              types.NamespacedName         // of the Service
	Service          *unstructured.Unstructured   // nil: deleted
	Deployments      []*unstructured.Unstructured // of the namespace, whole where ours or selected by the Service
	Services         []*unstructured.Unstructured // of the namespace
	VirtualServices  []*unstructured.Unstructured // that name the Service's host, in any namespace, and roots that delegate to one
	DestinationRules []*unstructured.Unstructured // that match the Service's host, in any namespace
	Pods             []Pod                        // that the Service selects
	Endpoints        []Endpoint                   // of the Service's EndpointSlices
	Strangers        []Stranger                   // that the Service leads to beside its pods
	Namesakes        []*unstructured.Unstructured // somebody else's VirtualServices and DestinationRules with a name that ours may need
	Autoscalers      []*unstructured.Unstructured // HorizontalPodAutoscalers and ScaledObjects of the namespace, once a release is asked for
	UnknownScalers   string                       // kinds of autoscalers that could not be read; one may scale any Deployment
	ReplicaSets      []*unstructured.Unstructured // metadata of the original's, where an intent has to be removed
	Ways             []Way                        // other ways to the pods, once a release is asked for
	Written          []Written                    // what the controller remembers to have written for this release; may be empty
	Settings         Settings
}

// Pod is what a plan needs of a pod.
type Pod struct {
	Name       string
	Labels     map[string]string
	Ready      bool
	ReadySince time.Time
	Trouble    string // "ImagePullBackOff: …", empty while all is well
	Leaving    bool   // has a deletion timestamp
	Owner      string // the Deployment's name; empty where it is of none
	Controller string // "ReplicaSet shop/reviews-v1-6d9f"; empty for a bare pod
}

// Endpoint is one address of an EndpointSlice.
type Endpoint struct {
	Pod   string
	Ready bool
}

// Stranger is an address under the Service that is no pod's.
type Stranger struct {
	What   string            // "WorkloadEntry shop/reviews-vm"
	Labels map[string]string // none for an address that somebody has put into an EndpointSlice
}

// Action is what to do with an object.
type Action string

// The actions.
const (
	Create Action = "create"
	Update Action = "update" // Object whole, with Before's resourceVersion
	Delete Action = "delete" // Before, by UID and resourceVersion
	Scale  Action = "scale"  // Object's spec.replicas, by the scale subresource
	Label  Action = "label"  // Object's labels of ours and of the version, nothing else
	Forget Action = "forget" // remove the intent's annotations, each by its old value
	Disown Action = "disown" // drop our managedFields entry of Before, and nothing else
)

// Change is one write.
type Change struct {
	Action Action
	Before *unstructured.Unstructured // nil when created
	Object *unstructured.Unstructured // as it should be; nil when deleted
	Why    string                     // a clause for the log: "pins routes to the original version"
	// Release drops our managedFields entry afterwards by a write without
	// effect, for the user's next server-side apply would conflict with it.
	Release bool
	// Urgent: requests fail until it is written, so it hardly waits for whoever
	// keeps undoing it.
	Urgent bool
}

// Event is a Kubernetes event to be emitted.
type Event struct {
	On      *unstructured.Unstructured
	Warning bool
	Reason  string
	Message string
}

// Plan is what to do now. Changes are written in order, but for what rests on one
// that failed; Status is written after them, once all are.
type Plan struct {
	Changes []Change
	Events  []Event
	// Status is the release as it stands, counts fresh; nil where none runs.
	Status *release.Status
	// Annotations are to be written on the Service: a nil value removes a key.
	// Empty: nothing to write.
	Annotations map[string]*string
	// After says when to look again without any event; 0: not at all.
	After time.Duration
	// Holds says in a sentence what is being waited for; empty: nothing.
	Holds string
	// Fought says who keeps undoing what we write, and what ends that; empty when
	// nobody does.
	Fought string
	// Refused is why nothing is done for what was asked.
	Refused []string
}

// Idle says whether the plan writes nothing.
func (p Plan) Idle() bool { return len(p.Changes) == 0 && len(p.Annotations) == 0 }

// Removes says whether it deletes what a route may need: it must rest on the routes
// as they are.
func (p Plan) Removes() bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Action == Delete && c.kind() != "VirtualService" })
}
