package webhook

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

const (
	userRoute = `{name: all, timeout: 3s, route: [{destination: {host: reviews}}]}`
	ourRoute  = `{name: all, timeout: 3s, route: [{destination: {host: reviews, subset: grayscale-original}, weight: 7500}, {destination: {host: reviews, subset: grayscale-version}, weight: 2500}]}`
)

func (c cluster) virtualService(name string, routes ...string) *unstructured.Unstructured {
	text := ""
	for _, r := range routes {
		text += "  - " + r + "\n"
	}
	vs := of("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: "+name+"}\nspec:\n  hosts: ["+name+"]\n  http:\n"+text, nil)
	vs.SetNamespace(c.namespace)
	return vs
}

func routesOf(u *unstructured.Unstructured) []any {
	routes, _, _ := unstructured.NestedSlice(u.Object, "spec", "http")
	return routes
}

// TestRoutesAreInTheWriteThatDropsThem: the object never stands without them,
// not even until an event has been worked on, and the user's change is in it.
func TestRoutesAreInTheWriteThatDropsThem(t *testing.T) {
	c := as(t, jane)
	c.service()
	held := c.virtualService("reviews", ourRoute, userRoute)
	c.made(held)

	edited := c.virtualService("reviews", `{name: all, timeout: 9s, route: [{destination: {host: reviews}}]}`, `{name: more, redirect: {uri: /}}`)
	edited.SetResourceVersion(held.GetResourceVersion())
	if err := c.Update(t.Context(), edited); err != nil {
		t.Fatal(err)
	}
	now := c.now(held)
	if got := len(routesOf(now)); got != 3 {
		t.Fatalf("got %d routes, want one of ours before the user's two: %v", got, routesOf(now))
	}
	live := route.Read(now)
	if len(live) != 1 || live[0].Weight != 2500 || live[0].Service.Name != "reviews" {
		t.Errorf("the policy is %v, want 25 %% as before", live)
	}
	if first, _ := routesOf(now)[0].(map[string]any); first["timeout"] != "9s" {
		t.Errorf("the copy has not the user's new timeout: %v", first)
	}
}

func TestServerSideApplyKeepsTheRoutesToo(t *testing.T) {
	c := as(t, jane)
	c.service()
	mine := c.virtualService("reviews", userRoute)
	apply := func(vs *unstructured.Unstructured) {
		t.Helper()
		if err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(vs.DeepCopy()), client.FieldOwner("git"), client.ForceOwnership); err != nil {
			t.Fatal(err)
		}
	}
	apply(mine)
	put := c.now(mine)
	if err := unstructured.SetNestedSlice(put.Object, routesOf(c.virtualService("reviews", ourRoute, userRoute)), "spec", "http"); err != nil {
		t.Fatal(err)
	}
	if err := as(t, we).Update(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	apply(mine)
	if live := route.Read(c.now(mine)); len(live) != 1 || live[0].Weight != 2500 {
		t.Errorf("after an apply the policy is %v, want 25 %%", live)
	}
	if stripped := route.Strip(c.now(mine)); len(routesOf(stripped)) != 1 {
		t.Errorf("the user's routes are %v, want the one", routesOf(stripped))
	}
}

func TestAWriteThatStripsEverythingOfTheServiceIsFree(t *testing.T) {
	c := as(t, jane)
	c.service()
	c.made(c.virtualService("reviews", ourRoute, userRoute))
	other := `{"spec":{"http":[{"route":[{"destination":{"host":"ratings"}}]}]}}`
	c.patched(c.virtualService("reviews"), other)
	now := c.now(c.virtualService("reviews"))
	if len(routesOf(now)) != 1 || len(route.Read(now)) != 0 {
		t.Errorf("got %v, want the user's one route, for nothing goes to the Service any more", routesOf(now))
	}
}
