package route

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// meaning is a subset of the user's, "" for none, that stands for the original
// version.
type meaning struct {
	name   string
	labels map[string]string
	pinned bool
	// policies are the subset's own trafficPolicy at each site, nil where it has
	// none.
	policies []map[string]any
}

// usedSubsets gives the subsets that the user's routes name, each with where it
// was first seen. What needs a VirtualService of ours counts as a route without
// a subset.
func usedSubsets(in RulesInput) map[string]string {
	used := map[string]string{}
	for _, vs := range in.VirtualServices {
		namespace, name := metadata(vs)
		if Ours(vs) {
			continue
		}
		for at, route := range namedRoutes(vs) {
			for _, d := range append(destinations(route, namespace), mirrorsIn(route, namespace)...) {
				if !d.inside || d.service != in.Service || strings.HasPrefix(d.subset, Reserved) {
					continue
				}
				if _, ok := used[d.subset]; !ok {
					used[d.subset] = "VirtualService " + namespace + "/" + name + " route " + at
				}
			}
		}
	}
	if _, ok := used[""]; !ok && needsOwn(in) {
		used[""] = serviceName(in.Service)
	}
	return used
}

func refersTo(vs *unstructured.Unstructured, in RulesInput) bool {
	return slices.Contains(References(vs), in.Service)
}

// meaningsOf says which of the used subsets stand for the original: "" and those
// without a policy first, then by name. Subsets of other versions are left out.
func meaningsOf(in RulesInput, sites []site, used map[string]string) (out []meaning, faults intent.Faults) {
	for _, name := range slices.Sorted(maps.Keys(used)) {
		m, ok, more := meaningOf(in, sites, name, used[name])
		faults = append(faults, more...)
		if ok {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b meaning) int { return cmp.Compare(a.rank(), b.rank()) })
	return out, faults
}

func (m meaning) rank() int {
	switch {
	case m.name == "":
		return 0
	case !slices.ContainsFunc(m.policies, func(p map[string]any) bool { return p != nil }):
		return 1
	}
	return 2
}

func meaningOf(in RulesInput, sites []site, name, where string) (m meaning, ok bool, faults intent.Faults) {
	m = meaning{name: name, labels: map[string]string{}, policies: make([]map[string]any, len(sites))}
	var defined *site
	for i, s := range sites {
		subset := s.subset(name)
		if name == "" || subset == nil {
			continue
		}
		here := labels(subset, "labels")
		if defined != nil && in.Versions.SelectsOriginal(here) != in.Versions.SelectsOriginal(m.labels) {
			return m, false, intent.Faults{{
				Kind: intent.Conflict, At: ruleName(s.users[0]), Value: name,
				Why:   "is a subset of other pods than in " + ruleName(defined.users[0]),
				Right: "give the subset the same labels in both",
			}}
		}
		if defined == nil {
			defined, m.labels = &sites[i], here
		}
		m.policies[i] = object(subset, "trafficPolicy")
	}
	switch {
	case name != "" && defined == nil:
		return m, false, nil // no rule has it: the route is broken already
	case name != "" && !in.Versions.SelectsOriginal(m.labels):
		return m, false, selectsGrayscale(in.Versions, name, m.labels, where)
	}
	m.pinned = name != "" && in.Versions.SelectsOnlyOriginal(m.labels)
	if !m.pinned && len(in.Versions.Others) > 0 {
		faults = append(faults, ambiguous(in, name, where))
	}
	return m, true, faults
}

// selectsGrayscale finds a subset that would send requests to the grayscale
// version as soon as it has pods, past the policy.
func selectsGrayscale(v release.Versions, name string, selector map[string]string, where string) intent.Faults {
	pods := maps.Clone(v.OriginalLabels)
	if pods == nil {
		pods = map[string]string{}
	}
	for _, key := range append(slices.Clone(v.VersionLabels), v.Label) {
		pods[key] = v.Grayscale
	}
	for key, value := range selector {
		if pods[key] != value {
			return nil
		}
	}
	return intent.Faults{{
		Kind: intent.Conflict, At: where, Value: name,
		Why:   "is a subset that selects the grayscale version " + v.Grayscale + ": its requests would go there whatever the policy",
		Right: "take the route away, or release under another version",
	}}
}

func ambiguous(in RulesInput, name, where string) intent.Fault {
	v := in.Versions
	versions := strings.Join(append([]string{v.Original}, v.Others...), ", ")
	what := "has no subset, and Service " + in.Service.String()
	switch {
	case where == serviceName(in.Service):
		what = "has no VirtualService in the mesh that says which version its callers get, and"
	case name != "":
		what = "is a subset without the label " + v.Label + ", and Service " + in.Service.String()
	}
	return intent.Fault{
		Kind: intent.Forbidden, At: where, Value: name,
		Why:   what + " has the versions " + versions + " (label " + v.Label + ")",
		Right: "send requests for " + Host(in.Service) + " to the subset of one version",
	}
}

// serviceName is how messages name a Service.
func serviceName(service types.NamespacedName) string { return "Service " + service.String() }
