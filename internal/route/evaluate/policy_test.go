package evaluate_test

import (
	"maps"
	"math/big"
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

type object = map[string]any

var (
	reviews = types.NamespacedName{Namespace: "shop", Name: "reviews"}
	ratings = types.NamespacedName{Namespace: "shop", Name: "ratings"}

	flags = []string{
		"cookie:User=Internal", "cookie:User~In.*", "cookie:User", "header:end-user=jason", "header:end-user^=ja", "header:end-user~(?i)JASON|x",
		"header:end-user", "query:v=1", "query:v~[12]", "query:v && header:end-user=jason", "os:iOS", "browser:Chrome,Firefox",
	}
	cookies = []string{"User=Internal", "a=b; User=Internal", "a=b;User=In; c=d", "XUser=Internal", "User=", "user=Internal", ""}
	callers = []string{"jason", "Jason", "ja", "x", ""}
	queries = []string{"", "?v=1", "?v=2&v=1", "?v", "?w=1&v=1"}
	agents  = []string{
		"curl/8",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
		"Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
	}
)

// Whatever the user's routes and the policies: a request that a rule is about goes
// to the grayscale version, of all others the weight's share does, and whatever
// else happens to it is what happened before.
func TestRoutesDoWhatThePoliciesSay(t *testing.T) {
	moved := 0
	rapid.Check(t, func(t *rapid.T) {
		user := genRoutes(t)
		splits := map[types.NamespacedName]route.Split{}
		for _, service := range []types.NamespacedName{reviews, ratings} {
			if service == reviews || rapid.Bool().Draw(t, "a second release") {
				splits[service] = genSplit(t, service)
			}
		}
		live, err := route.Apply(user, slices.Collect(maps.Values(splits)))
		if err != nil {
			// Two conditions that one match can't hold: the rest of the policy goes on.
			for service, split := range splits {
				split.Match = nil
				splits[service] = split
			}
			if live, err = route.Apply(user, slices.Collect(maps.Values(splits))); err != nil {
				t.Fatalf("without rules: %v", err)
			}
		}
		before, during := evaluator(user), evaluator(live)
		for range 10 {
			r := genRequest(t)
			was, is := before.Evaluate(r), during.Evaluate(r)
			if was.Outcome != is.Outcome {
				t.Fatalf("%+v was %s and is %s", r, was.Outcome, is.Outcome)
			}
			want, got := wanted(was, r, splits), given(is, splits)
			if !maps.EqualFunc(want, got, func(a, b *big.Rat) bool { return a.Cmp(b) == 0 }) {
				t.Fatalf("%+v goes to %v, the policy says %v, by %s", r, got, want, is.Route)
			}
			if is.Share(route.Host(reviews), route.SubsetVersion).Sign() > 0 {
				moved++
			}
		}
	})
	if moved == 0 {
		t.Error("no request ever went to a grayscale version")
	}
}

func evaluator(vs *unstructured.Unstructured) *evaluate.Evaluator {
	return evaluate.New(evaluate.Input{VirtualServices: []*unstructured.Unstructured{vs}})
}

func of[T any](t *rapid.T, what string, from ...T) T { return rapid.SampledFrom(from).Draw(t, what) }

// genRoutes gives a VirtualService with conditions that meet those of the rules.
func genRoutes(t *rapid.T) *unstructured.Unstructured {
	var http []any
	for range rapid.IntRange(1, 4).Draw(t, "routes") {
		var list []any
		for range rapid.IntRange(0, 2).Draw(t, "matches") {
			list = append(list, of(t, "match",
				object{"uri": object{"prefix": "/a"}}, object{"headers": object{"end-user": object{"prefix": "ja"}}},
				object{"headers": object{"Cookie": object{"regex": ".*=.*"}}}, object{"queryParams": object{"v": object{"exact": "1"}}},
				object{"queryParams": object{"v": object{}}}, object{"withoutHeaders": object{"end-user": object{"exact": "jason"}}},
				object{"withoutHeaders": object{"user-agent": object{"prefix": "curl"}}}, object{"method": object{"exact": "POST"}}))
		}
		entry := object{"match": list}
		if of(t, "answers", 0, 0, 0, 0, 1) == 1 {
			entry["directResponse"] = object{"status": int64(418)}
		} else {
			var to []any
			for range rapid.IntRange(1, 3).Draw(t, "destinations") {
				destination := object{"host": of(t, "host", "reviews", "reviews", "ratings", "details")}
				if subset := of(t, "subset", "", "v1", "v3"); subset != "" {
					destination["subset"] = subset
				}
				to = append(to, object{"destination": destination, "weight": of[int64](t, "weight", 1, 30, 70)})
			}
			entry["route"] = to
		}
		http = append(http, entry)
	}
	return &unstructured.Unstructured{Object: object{
		"metadata": object{"name": "reviews", "namespace": "shop"}, "spec": object{"hosts": []any{"reviews"}, "http": http},
	}}
}

func genSplit(t *rapid.T, service types.NamespacedName) route.Split {
	split := route.Split{Service: service, Weight: of[intent.Weight](t, "weight", 0, 0, 1, 2500, 10000), Subsets: route.Subsets{}}
	for _, subset := range []string{"", "v1"} { // v3 is another version's
		split.Subsets[subset] = route.Target{Original: route.SubsetOriginal, Version: route.SubsetVersion, Mirror: route.SubsetMirror, Pinned: subset == "v1"}
	}
	for range rapid.IntRange(0, 3).Draw(t, "rules") {
		rule, err := content.ParseFlag(of(t, "rule", flags...))
		if err != nil {
			t.Fatal(err)
		}
		split.Match = append(split.Match, rule)
	}
	return split
}

func genRequest(t *rapid.T) evaluate.Request {
	r := evaluate.Request{
		Proxy: evaluate.Proxy{Namespace: "shop"}, Host: "reviews", Port: 9080,
		Method: of(t, "method", "GET", "POST"), Path: of(t, "path", "/", "/a") + of(t, "query", queries...),
		Headers: []evaluate.Header{{Name: "User-Agent", Value: of(t, "agent", agents...)}},
	}
	for range rapid.IntRange(0, 2).Draw(t, "cookies") {
		r.Headers = append(r.Headers, evaluate.Header{Name: "cookie", Value: of(t, "cookie", cookies...)})
	}
	for range rapid.IntRange(0, 2).Draw(t, "callers") {
		r.Headers = append(r.Headers, evaluate.Header{Name: "End-User", Value: of(t, "caller", callers...)})
	}
	return r
}

// wanted are the shares that the policies give, of those that the user's routes
// have, by host and subset.
func wanted(was evaluate.Result, r evaluate.Request, splits map[types.NamespacedName]route.Split) map[string]*big.Rat {
	out := map[string]*big.Rat{}
	for _, d := range was.Destinations {
		split, subset := splitOf(d, splits)
		if subset == d.Subset {
			add(out, d.Host, d.Subset, d.Share)
			continue
		}
		weight := split.Weight
		if slices.ContainsFunc(split.Match, func(rule content.Rule) bool { return rule.Matches(seen(r)) }) {
			weight = intent.Full
		}
		add(out, d.Host, route.SubsetVersion, new(big.Rat).Mul(d.Share, big.NewRat(int64(weight), int64(intent.Full))))
		add(out, d.Host, route.SubsetOriginal, new(big.Rat).Mul(d.Share, big.NewRat(int64(intent.Full-weight), int64(intent.Full))))
	}
	return out
}

// given are the shares that the routes have, with the user's own name for the
// original's pods counted as ours.
func given(is evaluate.Result, splits map[types.NamespacedName]route.Split) map[string]*big.Rat {
	out := map[string]*big.Rat{}
	for _, d := range is.Destinations {
		split, subset := splitOf(d, splits)
		if !split.Subsets[d.Subset].Pinned {
			subset = d.Subset
		}
		add(out, d.Host, subset, d.Share)
	}
	return out
}

// splitOf gives the release that a destination of the user's belongs to, and what
// its subset is called then; its own name where it belongs to none.
func splitOf(d evaluate.Destination, splits map[types.NamespacedName]route.Split) (route.Split, string) {
	service, _ := route.ServiceOf(d.Host, "")
	split := splits[service]
	if _, known := split.Subsets[d.Subset]; !known {
		return split, d.Subset
	}
	return split, route.SubsetOriginal
}

func add(to map[string]*big.Rat, host, subset string, share *big.Rat) {
	key := host + "/" + subset
	if share.Sign() == 0 {
		return
	}
	if to[key] == nil {
		to[key] = new(big.Rat)
	}
	to[key].Add(to[key], share)
}

// seen is a request as rules see it.
func seen(r evaluate.Request) content.Request {
	out := content.Request{Headers: map[string][]string{}}
	_, out.Query, _ = strings.Cut(r.Path, "?")
	for _, h := range r.Headers {
		name := strings.ToLower(h.Name)
		out.Headers[name] = append(out.Headers[name], h.Value)
	}
	return out
}
