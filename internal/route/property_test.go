package route

import (
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// same compares to the type: 1 and 1.0 differ.
func same(t *rapid.T, what string, got, want *unstructured.Unstructured) {
	t.Helper()
	if !reflect.DeepEqual(got.Object, want.Object) {
		t.Fatalf("%s: got\n%v\nwant\n%v", what, got.Object, want.Object)
	}
}

// must applies splits that are legal together.
func must(t *rapid.T, vs *unstructured.Unstructured, splits []Split) *unstructured.Unstructured {
	t.Helper()
	out, err := Apply(vs, splits)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return out
}

// genApplied gives a VirtualService and splits that it can hold. The others are
// those in which a rule and a route can't be said together, and the error must
// name both; it leaves the rules out then.
func genApplied(t *rapid.T) (vs *unstructured.Unstructured, splits []Split, applied *unstructured.Unstructured) {
	vs, splits = genVirtualService(t), genSplits(t)
	before := clone(vs)
	applied = appliedOr(t, vs, splits)
	same(t, "the input", vs, before)
	return vs, splits, applied
}

// appliedOr applies splits, those without their rules where the rules can't be said.
func appliedOr(t *rapid.T, vs *unstructured.Unstructured, splits []Split) *unstructured.Unstructured {
	t.Helper()
	applied, err := Apply(vs, splits)
	if err == nil {
		return applied
	}
	for _, part := range []string{"VirtualService shop/vs: HTTP route ", "http[", `rule "`, "the route restricts "} {
		if !strings.Contains(err.Error(), part) {
			t.Fatalf("Apply: %v; want it to say %s", err, part)
		}
	}
	for i := range splits {
		splits[i].Match = nil
	}
	return must(t, vs, splits)
}

func TestApplyLeavesNothingBehind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs, splits, applied := genApplied(t)
		same(t, "Strip of Apply", Strip(applied), vs)
		same(t, "Apply twice", must(t, applied, splits), applied)
		other := genSplits(t)
		want := appliedOr(t, vs, other)
		same(t, "Apply over Apply", must(t, applied, other), want)
		slices.Reverse(splits)
		same(t, "Apply in another order", must(t, vs, splits), applied)
		same(t, "Apply of what Recover finds", must(t, vs, Recover(applied)), applied)
		if HasOurs(applied) != (len(allRoutes(applied)) > len(allRoutes(vs))) {
			t.Fatalf("HasOurs is %v for %v", HasOurs(applied), applied.Object)
		}
	})
}

// What Read and Recover find is what was applied, as far as routes of ours hold it.
func TestReadAndRecoverFindThePolicy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, splits, applied := genApplied(t)
		bySplit, err := splitMap(splits)
		if err != nil {
			t.Fatal(err)
		}
		read := Read(applied)
		if !slices.IsSortedFunc(read, func(a, b Live) int { return compareServices(a.Service, b.Service) }) {
			t.Fatalf("not in order: %v", read)
		}
		for _, live := range read {
			asked := bySplit[live.Service]
			if !sendsTo(applied, live.Service) {
				// Copies of requests go to one version whole.
				asked.Weight = intent.Weight(int64(asked.Weight) / int64(intent.Full) * int64(intent.Full))
			}
			if live.Weight != asked.Weight || live.Min != asked.Weight || live.Max != asked.Weight || live.Routes < 1 {
				t.Fatalf("%s: read %+v, want weight %s", live.Service, live, asked.Weight)
			}
			if live.Content > 0 && !reflect.DeepEqual(live.Match, asked.Match) || live.Content == 0 && live.Match != nil {
				t.Fatalf("%s: read %+v, want rules %v", live.Service, live, asked.Match)
			}
			if live.Mirror != 0 && (live.Mirror != asked.Mirror || asked.Weight > 0) {
				t.Fatalf("%s: read %+v, want mirror %s", live.Service, live, asked.Mirror)
			}
		}
		for _, found := range Recover(applied) {
			at := slices.IndexFunc(read, func(l Live) bool { return l.Service == found.Service })
			if at < 0 || found.Weight != read[at].Weight || found.Mirror != read[at].Mirror || !reflect.DeepEqual(found.Match, read[at].Match) {
				t.Fatalf("recovered %+v, read %+v", found, read)
			}
			for user, target := range found.Subsets {
				all := bySplit[found.Service].Subsets
				asked := all[user]
				// Which mirror a subset has shows only where it comes first in a route.
				if target.Mirror != "" && slices.ContainsFunc(slices.Collect(maps.Values(all)), func(a Target) bool { return a.Mirror == target.Mirror }) {
					asked.Mirror = target.Mirror
				}
				if target.Original != "" && target.Original != asked.Original || target.Version != "" && target.Version != asked.Version ||
					target.Mirror != "" && target.Mirror != asked.Mirror {
					t.Fatalf("recovered %+v for subset %q of %s, want %+v", target, user, found.Service, asked)
				}
			}
		}
	})
}

// sendsTo says whether a route of ours sends requests to the Service, and not
// copies alone.
func sendsTo(vs *unstructured.Unstructured, service types.NamespacedName) bool {
	return slices.ContainsFunc(allRoutes(vs), func(route any) bool {
		return isOurs(route) && slices.ContainsFunc(destinations(route, "shop"), func(d destination) bool {
			return d.service == service && strings.HasPrefix(d.subset, Reserved)
		})
	})
}

// What Apply makes is what the API server gives back, to the type of each number:
// else a pass that finds nothing to do would write.
func TestApplyGivesWhatIsStored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs := genSchemaVirtualService(t)
		applied := appliedOr(t, vs, genSplits(t))
		same(t, "stored and read", applied, &unstructured.Unstructured{Object: fromAPI(applied.Object).(map[string]any)})
	})
}

// Each destination's share of a route's traffic is what its weight and the split
// say, exactly, and everything else in the copy is the user's.
func TestSharesAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs, splits := genVirtualService(t), genSplits(t)
		bySplit, err := splitMap(splits)
		if err != nil {
			t.Fatal(err)
		}
		bySplit = byWeight(bySplit)
		for _, route := range httpRoutes(vs) {
			made, err := copies(route, "shop", bySplit)
			if err != nil {
				t.Fatal(err)
			}
			users := destinations(route, "shop")
			if len(made) == 0 {
				continue
			}
			want := map[key]*big.Rat{}
			for k, share := range routeShares(users) {
				for _, p := range wanted(k, bySplit) {
					add(want, p.key, new(big.Rat).Mul(share, p.of))
				}
			}
			if got := routeShares(destinations(made[0], "shop")); !equalShares(got, want) {
				t.Fatalf("shares %v, want %v, of %v", got, want, route)
			}
			rest, user := copied(made[0]).(map[string]any), copied(route).(map[string]any)
			for _, field := range append([]string{"route", "mirror", "mirrors", "mirrorPercentage"}, oldPercent...) {
				delete(rest, field)
				delete(user, field)
			}
			if !reflect.DeepEqual(rest, user) {
				t.Fatalf("the copy %v differs from %v", rest, user)
			}
		}
	})
}

type key struct {
	service types.NamespacedName
	host    string
	subset  string
}

type wantedPart struct {
	key
	of *big.Rat
}

// wanted is the contract's rule, written down a second time.
func wanted(k key, splits map[types.NamespacedName]Split) []wantedPart {
	one := big.NewRat(1, 1)
	split, ok := splits[k.service]
	target, known := split.Subsets[k.subset]
	if !ok || !known || split.Weight == 0 && target.Pinned {
		return []wantedPart{{k, one}}
	}
	x := big.NewRat(int64(split.Weight), int64(intent.Full))
	original, version := k, k
	original.subset, version.subset = target.Original, target.Version
	return []wantedPart{{original, new(big.Rat).Sub(one, x)}, {version, x}}
}

func routeShares(in []destination) map[key]*big.Rat {
	sum := int64(0)
	for i := range in {
		if len(in) == 1 {
			in[i].weight = 1
		}
		sum += in[i].weight
	}
	out := map[key]*big.Rat{}
	for _, d := range in {
		if d.weight == 0 {
			continue
		}
		k := key{subset: d.subset, host: object(d.entry, "destination")["host"].(string)}
		if d.inside {
			k.service = d.service
		}
		add(out, k, big.NewRat(d.weight, sum))
	}
	return out
}

func add(to map[key]*big.Rat, k key, n *big.Rat) {
	if n.Sign() == 0 {
		return
	}
	if to[k] == nil {
		to[k] = new(big.Rat)
	}
	to[k].Add(to[k], n)
}

func equalShares(a, b map[key]*big.Rat) bool {
	for k, n := range a {
		if b[k] == nil || b[k].Cmp(n) != 0 {
			return false
		}
	}
	return len(a) == len(b)
}
