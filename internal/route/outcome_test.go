package route_test

import (
	"cmp"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route/evaluate"
)

// What becomes of any request is what the user's routes say, with the policy in
// place of the Services under release: a request in a rule goes to the grayscale
// version, the others by weight, shares are exact, other hosts keep theirs, and
// redirects, answers and faults are the user's.
func TestOutcomesAreThePolicys(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		vs, splits, applied := route.GenRouted(t)
		before := evaluate.New(evaluate.Input{VirtualServices: []*unstructured.Unstructured{vs}})
		after := evaluate.New(evaluate.Input{VirtualServices: []*unstructured.Unstructured{applied}})
		for range 8 {
			p := newPolicy(t, splits)
			user, got := before.Evaluate(p.request), after.Evaluate(p.request)
			want := user
			if user.Outcome == evaluate.Forwarded {
				want.Destinations = p.destinations(user.Destinations)
				want.Mirrors = p.mirrors(user)
			}
			if !sameOutcome(got, want) {
				t.Fatalf("%+v\nbecomes %+v\nwant %+v\nby the user's routes %+v\nof %v", p.request, got, want, user, applied.Object)
			}
			p.count(seen, user, want)
		}
	})
	for _, what := range []string{"forwarded", "in a rule", "divided", "mirrored", "the user's own"} {
		if seen[what] < 10 {
			t.Errorf("only %d requests are %s: %v", seen[what], what, seen)
		}
	}
}

// policy is the splits, and which of them have a rule for a request.
type policy struct {
	splits  map[types.NamespacedName]route.Split
	request evaluate.Request
	in      map[types.NamespacedName]bool
}

func newPolicy(t *rapid.T, splits []route.Split) policy {
	headers, path := route.GenRequest(t)
	p := policy{
		splits: map[types.NamespacedName]route.Split{}, in: map[types.NamespacedName]bool{},
		request: evaluate.Request{Proxy: evaluate.Proxy{Namespace: "shop"}, Host: "reviews", Port: 9080, Path: path},
	}
	_, query, _ := strings.Cut(path, "?")
	request := content.Request{Headers: map[string][]string{}, Query: query}
	for name, value := range headers {
		p.request.Headers = append(p.request.Headers, evaluate.Header{Name: name, Value: value})
		request.Headers[name] = []string{value}
	}
	for _, split := range splits {
		p.splits[split.Service] = split
		p.in[split.Service] = slices.ContainsFunc(split.Match, func(rule content.Rule) bool { return rule.Matches(request) })
	}
	return p
}

// target gives the split of a destination's Service and what its subset means.
func (p policy) target(host, subset string) (split route.Split, target route.Target, known bool) {
	service, _ := route.ServiceOf(host, "shop")
	split = p.splits[service]
	target, known = split.Subsets[subset]
	return split, target, known
}

// destinations are the contract's, written down a second time.
func (p policy) destinations(users []evaluate.Destination) []evaluate.Destination {
	var out []evaluate.Destination
	add := func(d evaluate.Destination, subset string, share intent.Weight) {
		if share > 0 {
			d.Subset, d.Share = subset, new(big.Rat).Mul(d.Share, big.NewRat(int64(share), int64(intent.Full)))
			out = append(out, d)
		}
	}
	for _, d := range users {
		split, target, known := p.target(d.Host, d.Subset)
		weight := split.Weight
		if p.in[split.Service] {
			weight = intent.Full
		}
		if !known || weight == 0 && target.Pinned && split.Mirror == 0 {
			add(d, d.Subset, intent.Full)
			continue
		}
		add(d, target.Original, intent.Full-weight)
		add(d, target.Version, weight)
	}
	return out
}

// mirrors are the user's, pinned, and those of releases that mirror.
func (p policy) mirrors(user evaluate.Result) []evaluate.Mirror {
	var out []evaluate.Mirror
	for _, m := range user.Mirrors {
		split, target, known := p.target(m.Host, m.Subset)
		switch {
		case !known:
		case split.Weight == intent.Full:
			m.Subset = target.Version
		case !target.Pinned:
			m.Subset = target.Original
		}
		out = append(out, m)
	}
	for _, service := range slices.SortedFunc(keysOf(p.splits), func(a, b types.NamespacedName) int { return cmp.Compare(a.String(), b.String()) }) {
		split := p.splits[service]
		if split.Weight > 0 || split.Mirror == 0 || p.in[service] {
			continue
		}
		part, first := new(big.Rat), evaluate.Mirror{}
		for _, d := range user.Destinations {
			if of, target, known := p.target(d.Host, d.Subset); known && of.Service == service {
				if part.Sign() == 0 {
					first = evaluate.Mirror{Host: d.Host, Subset: target.Mirror, Port: d.Port}
				}
				part.Add(part, d.Share)
			}
		}
		share, _ := part.Mul(part, big.NewRat(int64(split.Mirror)*100, 1)).Float64()
		if first.PerMillion = uint32(share); share >= 1 {
			out = append(out, first)
		}
	}
	return out
}

func keysOf(splits map[types.NamespacedName]route.Split) func(func(types.NamespacedName) bool) {
	return func(yield func(types.NamespacedName) bool) {
		for service := range splits {
			if !yield(service) {
				return
			}
		}
	}
}

// sameOutcome leaves out which of the routes it was, ours or the user's.
func sameOutcome(got, want evaluate.Result) bool {
	if !reflect.DeepEqual(shares(got), shares(want)) || len(got.Mirrors) != len(want.Mirrors) {
		return false
	}
	for i, m := range got.Mirrors {
		// A share of a share may be cut off a millionth below.
		if w := want.Mirrors[i].PerMillion; m.PerMillion+1 >= w && m.PerMillion <= w+1 {
			m.PerMillion = w
		}
		if m != want.Mirrors[i] {
			return false
		}
	}
	return got.Outcome == want.Outcome && got.Host == want.Host && got.Route.Name == want.Route.Name &&
		reflect.DeepEqual(got.Redirect, want.Redirect) && reflect.DeepEqual(got.DirectResponse, want.DirectResponse) && reflect.DeepEqual(got.Fault, want.Fault)
}

type to struct {
	host, subset string
	port         uint32
}

// shares adds up what goes where.
func shares(r evaluate.Result) map[to]string {
	sums := map[to]*big.Rat{}
	for _, d := range r.Destinations {
		at := to{d.Host, d.Subset, d.Port}
		if sums[at] == nil {
			sums[at] = new(big.Rat)
		}
		sums[at].Add(sums[at], d.Share)
	}
	out := map[to]string{}
	for at, sum := range sums {
		out[at] = sum.RatString()
	}
	return out
}

// count notes what a request has shown.
func (p policy) count(seen map[string]int, user, want evaluate.Result) {
	if user.Outcome != evaluate.Forwarded {
		return
	}
	seen["forwarded"]++
	if reflect.DeepEqual(shares(user), shares(want)) {
		seen["the user's own"]++
	}
	for _, d := range user.Destinations {
		split, _, known := p.target(d.Host, d.Subset)
		switch {
		case !known:
		case p.in[split.Service]:
			seen["in a rule"]++
		case split.Weight > 0 && split.Weight < intent.Full:
			seen["divided"]++
		}
	}
	if len(want.Mirrors) > len(user.Mirrors) {
		seen["mirrored"]++
	}
}
