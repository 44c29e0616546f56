package plugin

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// passOn says that the callers of a Service which no gateway leads to must pass
// on what the rules look at: a workload's own requests have no cookies, and the
// headers of those that it serves only where it copies them.
func (e *Env) passOn(ctx context.Context, f found, rules []content.Rule) {
	if len(rules) == 0 || f.service == nil {
		return
	}
	service := types.NamespacedName{Namespace: f.namespace(), Name: f.service.GetName()}
	c, err := e.Client()
	if err != nil {
		return
	}
	all, err := snapshot.List(ctx, c, snapshot.VirtualServices)
	if err != nil || fromGateway(all, service) {
		return // this is help in passing: what may not be read is not spoken of
	}
	e.Say("No gateway route reaches Service %s: its requests come from other workloads, which must pass on what the rules look at (%s).",
		service, strings.Join(lookedAt(rules), ", "))
}

// fromGateway says whether a VirtualService of a gateway, or one that such a
// one delegates to, sends requests to the Service.
func fromGateway(all []*unstructured.Unstructured, service types.NamespacedName) bool {
	var delegates []types.NamespacedName
	for _, vs := range all {
		if boundToGateway(vs) {
			delegates = append(delegates, route.Delegates(vs)...)
		}
	}
	return slices.ContainsFunc(all, func(vs *unstructured.Unstructured) bool {
		key := types.NamespacedName{Namespace: vs.GetNamespace(), Name: vs.GetName()}
		return (boundToGateway(vs) || slices.Contains(delegates, key)) && slices.Contains(route.References(vs), service)
	})
}

// boundToGateway says whether a VirtualService names a gateway beside the mesh.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService
func boundToGateway(vs *unstructured.Unstructured) bool {
	gateways, _, _ := unstructured.NestedStringSlice(vs.Object, "spec", "gateways")
	return slices.ContainsFunc(gateways, func(name string) bool { return name != "mesh" })
}

// lookedAt are the parts of a request that rules look at, for a sentence.
func lookedAt(rules []content.Rule) []string {
	var out []string
	add := func(what string) {
		if !slices.Contains(out, what) {
			out = append(out, what)
		}
	}
	for _, r := range rules {
		if r.Cookie != nil {
			add("header cookie")
		}
		for name := range r.Headers {
			add("header " + name)
		}
		if len(r.OS)+len(r.Browser) > 0 {
			add("header user-agent")
		}
		for name := range r.Query {
			add("query parameter " + name)
		}
	}
	slices.Sort(out)
	return out
}
