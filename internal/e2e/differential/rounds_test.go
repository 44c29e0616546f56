package differential

import (
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route/evaluate"
)

// round gives the mesh new routes, waits until both proxies have them, and asks.
func (c *comparison) round(d dice, round int) {
	c.w.t.Helper()
	want := d.wide(c.w)
	for i := range slots {
		want = append(want, d.forSlot(c.w, i)...)
	}
	policies := d.policies(c.w)
	released, refused := c.w.release(want, policies)
	c.write(append(released, c.w.barrier(round)))
	c.settle(round)
	var all, users []*unstructured.Unstructured
	for _, u := range c.live {
		all = append(all, u)
	}
	for _, u := range all {
		users = append(users, route.Strip(u))
	}
	gateways := c.gateways()
	m := judges{
		live:     evaluate.New(evaluate.Input{VirtualServices: all, Gateways: gateways}),
		users:    evaluate.New(evaluate.Input{VirtualServices: users, Gateways: gateways}),
		policies: policies, refused: refused, crowded: crowded(users, policies),
	}
	c.ask(d, m)
}

// write makes the VirtualServices exactly these, the last one last.
func (c *comparison) write(want []*unstructured.Unstructured) {
	c.w.t.Helper()
	names := map[string]bool{}
	for _, u := range want {
		names[u.GetName()] = true
	}
	for name, u := range c.live {
		if !names[name] {
			if err := cluster.Delete(c.w.ctx, u); err != nil {
				c.w.t.Fatalf("deleting VirtualService %s: %v", name, err)
			}
			delete(c.live, name)
		}
	}
	for _, u := range want {
		var err error
		if before := c.live[u.GetName()]; before != nil {
			u.SetResourceVersion(before.GetResourceVersion())
			err = cluster.Update(c.w.ctx, u)
		} else {
			err = cluster.Create(c.w.ctx, u)
		}
		if err != nil {
			text, _ := yaml.Marshal(u.Object)
			c.w.t.Fatalf("writing (invalid: %v): %v\n%s", apierrors.IsInvalid(err), err, text)
		}
		c.live[u.GetName()] = u
	}
}

// barrier is a VirtualService that answers with the round's number: a proxy that
// does has all that was written before, because istiod sees the writes in order
// and sends the routes of a port together.
func (w *world) barrier(round int) *unstructured.Unstructured {
	return w.virtualService(barrier, []any{object{"directResponse": object{"status": int64(200), "body": object{"string": fmt.Sprintf("round %d", round)}}}},
		object{"hosts": []any{barrier, w.here("barrier.$NS.test")}, "gateways": []any{"front", "mesh"}})
}

func (c *comparison) settle(round int) {
	c.w.t.Helper()
	for _, at := range []struct {
		way  *way
		host string
	}{{c.ways[0], "barrier.$NS.test"}, {c.ways[workers], "barrier.$NS"}} {
		q := question{Request: evaluate.Request{Method: "GET", Path: "/", Host: c.w.here(at.host)}}
		c.w.eventually(fmt.Sprintf("the routes of round %d at %s", round, q.Host), func() (bool, string) {
			a, err := at.way.ask(c.w.ctx, q)
			if err != nil {
				return false, err.Error()
			}
			if a.body == fmt.Sprintf("round %d", round) {
				return true, ""
			}
			return false, a.String() + ", and Envoy refused " + rejections()
		})
	}
}

func (c *comparison) gateways() []*unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion("networking.istio.io/v1")
	u.SetKind("Gateway")
	if err := cluster.Get(c.w.ctx, client.ObjectKey{Namespace: c.w.namespace, Name: "front"}, u); err != nil {
		c.w.t.Fatalf("reading the Gateway: %v", err)
	}
	return []*unstructured.Unstructured{u}
}

// shown are the VirtualServices that stand for a slot's hosts.
func (c *comparison) shown(slot int) string {
	text := ""
	for name, u := range c.live {
		if strings.HasPrefix(name, fmt.Sprintf("s%d-", slot)) || strings.HasPrefix(name, "wide") {
			spec, err := yaml.Marshal(u.Object["spec"])
			if err != nil {
				c.w.t.Fatal(err)
			}
			text += fmt.Sprintf("--- %s, created %s\n%s", name, u.GetCreationTimestamp(), spec)
		}
	}
	return text
}
