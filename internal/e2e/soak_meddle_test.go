package e2e

import (
	"fmt"
	"maps"
	"regexp"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// meddle does something to the objects behind the release's back. Where that
// moves nothing, the phase goes on as it is.
func (s *soak) meddle() {
	s.w.t.Helper()
	kinds := []func(){func() {}, s.editRoutes, s.editRoutes, s.scale, s.churn, s.rule, s.losePods, s.deleteClone}
	if *soakKill {
		kinds = append(kinds, s.kill, s.kill)
	}
	kinds[s.pick(len(kinds))]()
}

// editRoutes writes the user's own version of a VirtualService, as a pipeline
// that knows nothing of ours does, with another timeout.
func (s *soak) editRoutes() {
	s.w.t.Helper()
	name := []string{"front", "reviews"}[s.pick(2)]
	timeout := fmt.Sprintf("%ds", 5+s.pick(10))
	s.w.eventually("the routes written", func() (bool, string) {
		vs := route.Strip(s.w.get(virtualServices, name))
		routes, _, err := unstructured.NestedSlice(vs.Object, "spec", "http")
		if err != nil || len(routes) == 0 {
			return false, fmt.Sprint("no routes: ", err)
		}
		routes[0].(map[string]any)["timeout"] = timeout
		if err := unstructured.SetNestedSlice(vs.Object, routes, "spec", "http"); err != nil {
			return false, err.Error()
		}
		if err := cluster.Update(s.w.ctx, vs); err != nil {
			return false, err.Error() // somebody else wrote
		}
		s.mine["VirtualService "+name] = mineOf(route.Strip(vs))
		return true, ""
	})
	s.tr.more(20)
}

// scale changes the original's count, which the grayscale version follows.
func (s *soak) scale() {
	s.w.t.Helper()
	if _, err := s.w.try("", "scale", "deployment", s.deployment, fmt.Sprintf("--replicas=%d", 1+s.pick(3))); err != nil {
		return // what runs there is not the user's to scale any more
	}
	s.tr.more(20)
}

// churn makes and deletes routes of other hosts, which keeps istiod from rest.
func (s *soak) churn() {
	s.w.t.Helper()
	for n := range 3 {
		s.w.apply(fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: churn-%d}
spec:
  hosts: [churn-%d.example.com]
  http: [{timeout: %ds, route: [{destination: {host: elsewhere.example.com}}]}]
`, n, n, 1+s.pick(30)))
	}
	s.w.kubectl("delete", "virtualservice", "churn-0", "churn-1", "churn-2")
}

// rule gives the host a rule of the user's besides, or takes it away again.
func (s *soak) rule() {
	s.w.t.Helper()
	if s.w.get(destinationRules, "more") != nil {
		s.w.kubectl("delete", "destinationrule", "more")
		delete(s.mine, "DestinationRule more")
		return
	}
	s.w.apply(`apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: more}
spec: {host: reviews, trafficPolicy: {connectionPool: {tcp: {maxConnections: 700}}}}
`)
	s.mine["DestinationRule more"] = mineOf(s.w.get(destinationRules, "more"))
	s.tr.more(20)
}

// losePods makes the grayscale version's pods unready for a while: its requests
// are answered by the original.
func (s *soak) losePods() {
	s.w.t.Helper()
	s.phase("pods lost", s.either())
	s.w.kubectl("annotate", "pods", "-l", "version="+s.next, "--overwrite", "testbed/ready=false")
	s.tr.seen(40)
	s.w.kubectl("annotate", "pods", "-l", "version="+s.next, "--overwrite", "testbed/ready=true")
	s.settle()
}

// deleteClone deletes the grayscale version past every guard.
func (s *soak) deleteClone() {
	s.w.t.Helper()
	s.phase("clone deleted", s.either())
	s.w.kubectl("delete", "deployment", "reviews-"+s.next, "--wait=false", "--ignore-not-found", pastTheGuard)
	s.settle()
}

// kill ends the controller by SIGKILL.
func (s *soak) kill() {
	s.w.t.Helper()
	s.w.killController()
	s.w.controllerServes()
}

// lost compares the user's objects with what he made them, once a release is
// over. The name of the version's subset is what a finish moves.
func (s *soak) lost() {
	s.w.t.Helper()
	now := s.w.mine()
	for name, was := range s.mine {
		if is := now[name]; is != was {
			s.sum.lost()
			s.w.t.Errorf("release %s: %s is\n%s\nand the user made it\n%s", s.task, name, is, was)
		}
	}
	if !maps.Equal(now, s.mine) {
		s.mine = now
	}
	s.w.clean()
}

// mine gives the user's routes and rules, by kind and name.
func (w *world) mine() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	for _, u := range append(w.list(virtualServices), w.list(destinationRules)...) {
		if !route.Ours(&u) {
			out[u.GetKind()+" "+u.GetName()] = mineOf(&u)
		}
	}
	return out
}

var subset = regexp.MustCompile(`"subset":"[^"]*"`)

// mineOf is what of an object is the user's: its annotations, labels and spec, without
// the subsets' names and the subset that a finish appends.
func mineOf(u *unstructured.Unstructured) string {
	o := u.DeepCopy()
	unstructured.RemoveNestedField(o.Object, "spec", "subsets")
	kept := map[string]any{"labels": o.GetLabels(), "annotations": o.GetAnnotations(), "spec": o.Object["spec"]}
	b, err := (&unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "List", "kept": kept}}).MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return subset.ReplaceAllString(string(b), `"subset":"…"`)
}

// over ends the traffic and adds it up.
func (s *soak) over() {
	s.w.t.Helper()
	result := s.tr.judge()
	total := result.Total()
	s.sum.add(total.Requests, s.tr.failed, s.tr.wrong)
}

// tally is what all apps saw together.
type tally struct {
	mu                                      sync.Mutex
	releases, requests, failed, wrong, gone int
}

func (c *tally) released() { c.mu.Lock(); c.releases++; c.mu.Unlock() }
func (c *tally) lost()     { c.mu.Lock(); c.gone++; c.mu.Unlock() }

func (c *tally) add(requests, failed, wrong int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests, c.failed, c.wrong = c.requests+requests, c.failed+failed, c.wrong+wrong
}

func (c *tally) String() string {
	return fmt.Sprintf("soak: %d releases, %d requests, %d failed, %d of a wrong version, %d objects of the user's lost a field", c.releases, c.requests, c.failed, c.wrong, c.gone)
}
