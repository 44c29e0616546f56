package plan_test

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// cluster is a small deterministic cluster: an API server's store with
// resourceVersions, Deployments whose pods become ready and leave, a clock that
// only the cluster moves, and a controller that is made of plan.Make alone.
// After every single write it judges what the mesh could do to a request.
type cluster struct {
	t         tester
	start     time.Time
	now       time.Time
	settings  plan.Settings
	version   int
	objects   map[string]*unstructured.Unstructured
	services  []types.NamespacedName // those that the controller looks at
	pods      []*pod
	gone      []*pod // kept for as long as a proxy may know them
	sick      map[string]bool
	stuck     map[string]string // Deployments whose pods of that template can't start
	unlisted  string            // kinds of autoscalers that can't be listed
	ways      []plan.Way
	strangers []plan.Stranger
	admits    func(*unstructured.Unstructured) // a mutating policy for what is ours; nil: none
	frozen    string                           // a namespace in which nothing of ours can be written
	webhook   bool                             // our routes are put back in what somebody else writes
	log       []string
	judge     judge
	parsed    map[*unstructured.Unstructured]*release.Status            // claims, by the Service that holds them
	readable  map[types.UID]*release.Status                             // claims as they were last readable, by their Service
	remnants  map[*unstructured.Unstructured]*unstructured.Unstructured // see remnant

	writes     int    // of the controller
	lines      []int  // of the log, after each write
	crashAt    int    // the controller dies after this write; 0: never
	oneByOne   bool   // the controller dies after every write
	afterWrite func() // somebody acts right after a write of the controller
	pointless  bool   // that was without effect, and the run can end
}

var errConflict = errors.New("conflict")

func newCluster(t tester, manifests ...string) *cluster {
	t.Helper()
	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	c := &cluster{
		t: t, start: start, now: start, settings: plan.Defaults,
		objects: map[string]*unstructured.Unstructured{}, sick: map[string]bool{}, stuck: map[string]string{},
		parsed: map[*unstructured.Unstructured]*release.Status{}, readable: map[types.UID]*release.Status{}, remnants: map[*unstructured.Unstructured]*unstructured.Unstructured{},
	}
	c.judge.init(c)
	for _, u := range parse(t, manifests...) {
		c.userWrites(u)
		if u.GetKind() == "Service" {
			c.services = append(c.services, types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()})
		}
	}
	c.advance(time.Minute) // all pods are up, and every proxy knows everything
	return c
}

// parse reads YAML documents as the API server would serve them.
func parse(t tester, manifests ...string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for _, document := range strings.Split(strings.Join(manifests, "\n---\n"), "\n---\n") {
		if strings.TrimSpace(document) == "" {
			continue
		}
		data, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatalf("reading %s: %v", document, err)
		}
		u := &unstructured.Unstructured{}
		if err := json.Unmarshal(data, &u.Object); err != nil {
			t.Fatalf("reading %s: %v", document, err)
		}
		out = append(out, u)
	}
	return out
}

func keyOf(u *unstructured.Unstructured) string {
	return u.GetKind() + " " + u.GetNamespace() + "/" + u.GetName()
}

// list gives the objects of a kind by key; with a namespace, only those in it.
func (c *cluster) list(kind, namespace string) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, key := range slices.Sorted(maps.Keys(c.objects)) {
		if u := c.objects[key]; u.GetKind() == kind && (namespace == "" || u.GetNamespace() == namespace) {
			out = append(out, u)
		}
	}
	return out
}

// get gives an object by "Kind namespace/name", or nil.
func (c *cluster) get(key string) *unstructured.Unstructured { return c.objects[key] }

// put stores an object; a write without effect changes nothing, as in the API.
func (c *cluster) put(u *unstructured.Unstructured) {
	u, key := u.DeepCopy(), keyOf(u)
	if before := c.objects[key]; before != nil {
		u.SetUID(before.GetUID())
		u.SetCreationTimestamp(before.GetCreationTimestamp())
		u.SetResourceVersion(before.GetResourceVersion())
		if u.GetKind() == "Deployment" {
			c.identify(before, u)
		}
		if sameObject(before, u) {
			return
		}
	} else {
		u.SetUID(types.UID(fmt.Sprintf("uid-%d", c.version+1)))
		u.SetCreationTimestamp(metav1.NewTime(c.now))
	}
	c.version++
	u.SetResourceVersion(strconv.Itoa(c.version))
	c.objects[key] = u
	c.judge.seen(key, u)
	c.syncPods()
}

// identify gives a Deployment the status that it has, and the next generation
// where its spec changes: neither is for a writer to say.
func (c *cluster) identify(before, u *unstructured.Unstructured) {
	u.SetGeneration(before.GetGeneration())
	if !reflect.DeepEqual(before.Object["spec"], u.Object["spec"]) {
		u.SetGeneration(before.GetGeneration() + 1)
	}
	delete(u.Object, "status")
	if status, has := before.Object["status"]; has {
		u.Object["status"] = status
	}
}

func (c *cluster) drop(key string) {
	c.version++
	delete(c.objects, key)
	c.judge.seen(key, nil)
	c.syncPods()
}

// claim reads the status that a Service holds.
func (c *cluster) claim(service types.NamespacedName) *release.Status {
	u := c.get("Service " + service.String())
	if u == nil {
		return nil
	}
	if s, ok := c.parsed[u]; ok {
		return s
	}
	s, err := release.Claim(u.GetAnnotations(), u.GetUID())
	switch {
	case release.UnreadableOf(err) != nil:
		s = c.readable[u.GetUID()] // the release is what it was
	case err != nil:
		c.t.Fatalf("Service %s: %v", service, err)
	default:
		c.readable[u.GetUID()] = s
	}
	c.parsed[u] = s
	return s
}

// phase is the running release's, or empty.
func (c *cluster) phase() release.Phase {
	if s := c.claim(c.services[0]); s != nil {
		return s.Phase
	}
	return ""
}

// say adds a line to the transcript.
func (c *cluster) say(format string, args ...any) {
	d := c.now.Sub(c.start) - time.Minute
	c.log = append(c.log, fmt.Sprintf("%6.1fs  ", d.Seconds())+fmt.Sprintf(format, args...))
}

// upTo is the transcript until the controller's write of that number.
func (c *cluster) upTo(write int) string { return strings.Join(c.log[:c.lines[write-1]], "\n") }

// transcript is everything that was said, for golden files and failures.
func (c *cluster) transcript() string { return strings.Join(c.log, "\n") + "\n" }

func (c *cluster) fail(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf("%s\n%s", c.transcript(), fmt.Sprintf(format, args...))
}
