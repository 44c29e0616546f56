package differential

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route/evaluate"
)

// rules are written as the plugin takes them.
var rules = []string{
	"cookie:User=Internal", "cookie:User~(?i)in.*", "cookie:User", "header:end-user=jason", "header:end-user^=jas", "header:x-flag", "header:x-flag=on && query:v=1",
	"query:v~[12]", "query:user^=jas", "query:beta", "os:iOS,Android", "os:Windows && browser:Edge", "browser:Chrome", "browser:Safari", "os:Linux",
	"header:user-agent^=Mozilla && browser:Firefox", "header:x_under=1",
}

// policies throws releases: for each Service of a slot one at most.
func (d dice) policies(w *world) map[types.NamespacedName]route.Split {
	out := map[types.NamespacedName]route.Split{}
	for i := range slots {
		if d.one(3) {
			continue
		}
		split := route.Split{
			Service: types.NamespacedName{Namespace: w.namespace, Name: slot(i)},
			Weight:  intent.Weight(pick(d, 0, 0, 0, 50, 1000, 5000, 9999, 10000)),
			Subsets: route.Subsets{},
		}
		for _, subset := range []string{"", "v1"} {
			split.Subsets[subset] = route.Target{
				Original: route.SubsetOriginal, Version: route.SubsetVersion, Mirror: route.SubsetMirror, Pinned: subset == "v1",
			}
		}
		for range d.IntN(3) {
			rule, err := content.ParseFlag(pick(d, rules...))
			if err != nil {
				w.t.Fatal(err)
			}
			split.Match = append(split.Match, rule)
		}
		if split.Weight == 0 && d.one(3) {
			split.Mirror = intent.Weight(pick(d, 1250, 5000, 10000))
		}
		out[split.Service] = split
	}
	return out
}

// release writes the policies into the VirtualServices. Where they can't be said,
// the VirtualService stays as it is.
func (w *world) release(all []*unstructured.Unstructured, policies map[types.NamespacedName]route.Split) (out []*unstructured.Unstructured, refused map[string]bool) {
	splits := slices.Collect(maps.Values(policies))
	refused = map[string]bool{}
	for _, u := range all {
		applied, err := route.Apply(u, splits)
		unsayable := err != nil
		for _, root := range all {
			unsayable = unsayable || len(route.DelegateFaults(root, applied)) > 0
		}
		if unsayable {
			applied, refused[u.GetName()] = u, true
		}
		out = append(out, applied)
	}
	return out, refused
}

// judges are what says what to expect in a round: of the routes as they are, and
// of the user's own with the policies.
type judges struct {
	live, users *evaluate.Evaluator
	policies    map[types.NamespacedName]route.Split
	refused     map[string]bool // VirtualServices without the policies
	// crowded are hosts of several VirtualServices with rules of content among
	// them. A gateway has them all, with the routes for everything last: there a
	// copy by content of such a route comes before the other's routes.
	crowded map[string]bool
}

// expect gives what the routes do with a request; why is how that is not what the
// policy says.
func (j judges) expect(r evaluate.Request) (live evaluate.Result, why string) {
	live = j.live.Evaluate(r)
	if j.refused[live.Route.VirtualService.Name] || j.refused[live.Route.Delegate.Name] || r.Gateway != "" && j.crowded[live.Host] {
		return live, ""
	}
	return live, unlike(j.users.Evaluate(r), live, r, j.policies)
}

// crowded finds the hosts of several VirtualServices where there are rules of
// content.
func crowded(users []*unstructured.Unstructured, policies map[types.NamespacedName]route.Split) map[string]bool {
	out := map[string]bool{}
	matching := false
	for _, split := range policies {
		matching = matching || len(split.Match) > 0
	}
	for _, u := range users {
		hosts, _, _ := unstructured.NestedStringSlice(u.Object, "spec", "hosts")
		for _, host := range hosts {
			_, again := out[host]
			out[host] = again && matching
		}
	}
	return out
}

// unlike says how what the routes do differs from what the policy is: the user's
// own routes, with the share of the original's requests moved. Empty: it does not.
func unlike(users, live evaluate.Result, q evaluate.Request, policies map[types.NamespacedName]route.Split) string {
	if users.Outcome != live.Outcome {
		return fmt.Sprintf("the routes say %s, the user's %s", live.Outcome, users.Outcome)
	}
	if users.Outcome != evaluate.Forwarded {
		if fmt.Sprint(users.Redirect, users.DirectResponse) != fmt.Sprint(live.Redirect, live.DirectResponse) {
			return "the answer is not the user's"
		}
		return ""
	}
	want, got := map[string]*big.Rat{}, map[string]*big.Rat{}
	for _, d := range users.Destinations {
		service, _ := route.ServiceOf(d.Host, "")
		split, running := policies[service]
		if _, known := split.Subsets[d.Subset]; !running || !known {
			add(want, d.Host, d.Subset, d.Share)
			continue
		}
		weight := split.Weight
		if slices.ContainsFunc(split.Match, func(r content.Rule) bool { return r.Matches(asked(q)) }) {
			weight = intent.Full
		}
		version := big.NewRat(int64(weight), int64(intent.Full))
		add(want, d.Host, route.SubsetVersion, new(big.Rat).Mul(d.Share, version))
		add(want, d.Host, route.SubsetOriginal, new(big.Rat).Mul(d.Share, version.Sub(big.NewRat(1, 1), version)))
	}
	for _, d := range live.Destinations {
		service, _ := route.ServiceOf(d.Host, "")
		subset := d.Subset
		if policies[service].Subsets[subset].Pinned {
			subset = route.SubsetOriginal // the same pods
		}
		add(got, d.Host, subset, d.Share)
	}
	if !maps.EqualFunc(want, got, func(a, b *big.Rat) bool { return a.Cmp(b) == 0 }) {
		return fmt.Sprintf("the routes give %v, the policy says %v", got, want)
	}
	return ""
}

func add(to map[string]*big.Rat, host, subset string, share *big.Rat) {
	if share.Sign() == 0 {
		return
	}
	key := host + "/" + subset
	if to[key] == nil {
		to[key] = new(big.Rat)
	}
	to[key].Add(to[key], share)
}

// asked is a request as rules see it: what Envoy makes one value of is one.
func asked(q evaluate.Request) content.Request {
	out := content.Request{Headers: map[string][]string{}}
	path, _, _ := strings.Cut(q.Path, "#")
	_, out.Query, _ = strings.Cut(path, "?")
	for _, h := range q.Headers {
		name := strings.ToLower(h.Name)
		lines := out.Headers[name]
		switch agent := name == "user-agent"; {
		case len(lines) == 0 || agent && lines[0] == "":
			lines = []string{h.Value}
		case agent && h.Value == "":
		case agent || q.Proxy.JoinsHeaders:
			lines[0] += "," + h.Value
		default:
			lines = append(lines, h.Value)
		}
		out.Headers[name] = lines
	}
	return out
}
