package route

import (
	"encoding/json"
	"math/big"
	"reflect"
	"slices"
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

func must(t *rapid.T, vs *unstructured.Unstructured, splits []Split) *unstructured.Unstructured {
	t.Helper()
	out, err := Apply(vs, splits)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return out
}

func TestApplyLeavesNothingBehind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs, splits := genVirtualService(t), genSplits(t)
		before := clone(vs)
		applied := must(t, vs, splits)
		same(t, "the input", vs, before)
		same(t, "Strip of Apply", Strip(applied), vs)
		same(t, "Apply twice", must(t, applied, splits), applied)
		other := genSplits(t)
		same(t, "Apply over Apply", must(t, applied, other), must(t, vs, other))
		slices.Reverse(splits)
		same(t, "Apply in another order", must(t, vs, splits), applied)
		same(t, "Apply of what Recover finds", must(t, vs, Recover(applied)), applied)
		if HasOurs(applied) != (len(allRoutes(applied)) > len(allRoutes(vs))) {
			t.Fatalf("HasOurs is %v for %v", HasOurs(applied), applied.Object)
		}
	})
}

func TestReadGivesTheWeight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs, splits := genVirtualService(t), genSplits(t)
		read := Read(must(t, vs, splits))
		for i, live := range read {
			if i > 0 && compareServices(read[i-1].Service, live.Service) >= 0 {
				t.Fatalf("not in order: %v", read)
			}
			at := slices.IndexFunc(splits, func(s Split) bool { return s.Service == live.Service })
			want := splits[at].Weight
			if live.Weight != want || live.Min != want || live.Max != want || live.Routes < 1 {
				t.Fatalf("%s: read %+v, want weight %s", live.Service, live, want)
			}
		}
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
			delete(rest, "route")
			delete(user, "route")
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

func TestArbitraryObjectsDoNotPanic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs := &unstructured.Unstructured{}
		vs.Object, _ = junk(4).Draw(t, "object").(map[string]any)
		everything(t.Fatalf, vs)
	})
}

// FuzzApply feeds arbitrary JSON to everything that reads a VirtualService.
func FuzzApply(f *testing.F) {
	f.Add([]byte(`{"metadata":{"namespace":"shop"},"spec":{"http":[{"route":[{"destination":{"host":"reviews"}}]}]}}`))
	f.Add([]byte(`{"spec":{"http":[{"route":[{"destination":{"host":"reviews","subset":"grayscale-version"},"weight":1e3}]}]}}`))
	f.Add([]byte(`{"spec":{"http":{"route":"x"},"tcp":[1],"hosts":"a","exportTo":[null]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		vs := &unstructured.Unstructured{}
		if json.Unmarshal(data, &vs.Object) != nil {
			return // not a JSON object
		}
		everything(t.Fatalf, vs)
	})
}

// everything runs all that reads a VirtualService, and checks what holds for any.
func everything(fatalf func(string, ...any), vs *unstructured.Unstructured) {
	before := clone(vs)
	reviews := service("shop/reviews")
	splits := []Split{{Service: reviews, Weight: 2500, Subsets: Subsets{"": {Original: SubsetOriginal, Version: SubsetVersion}}}}
	applied, err := Apply(vs, splits)
	if err == nil && !reflect.DeepEqual(Strip(applied).Object, Strip(vs).Object) {
		fatalf("Strip of Apply is not Strip: %v", vs.Object)
	}
	if HasOurs(Strip(vs)) {
		fatalf("Strip leaves ours: %v", vs.Object)
	}
	Read(vs)
	Recover(vs)
	References(vs)
	Mirrors(vs)
	HasTCP(vs, reviews)
	UsesReserved(vs)
	Stands(vs, reviews)
	VisibleIn(vs, "shop")
	OursFor(vs)
	Retarget(vs, reviews, map[string]string{"v1": "v2"})
	if !reflect.DeepEqual(before.Object, vs.Object) {
		fatalf("the input was changed: %v", vs.Object)
	}
}
