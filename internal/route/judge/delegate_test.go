package judge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	networking "istio.io/api/networking/v1alpha3"
	"istio.io/istio/pilot/pkg/model"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// delegation is a root's route with a delegate.
type delegation struct {
	root, delegate *unstructured.Unstructured
	share          intent.Share
}

func genDelegation(t *rapid.T) delegation {
	root := with(map[string]any{
		"match":   manyOf(t, "matches", 0, 2, genRootMatch),
		"mirror":  pick(t, "mirror", nil, nil, nil, map[string]any{"host": "ratings"}),
		"mirrors": pick(t, "mirrors", nil, nil, nil, one(map[string]any{"destination": map[string]any{"host": "audit"}})),
	})
	if root["mirror"] != nil {
		delete(root, "mirrors")
	}
	root["delegate"] = map[string]any{"name": "team"}
	return delegation{
		root: objects("VirtualService", []map[string]any{
			virtualService("root", 1, map[string]any{"hosts": []any{host}, "http": []any{root}}),
		})[0],
		delegate: objects("VirtualService", []map[string]any{
			virtualService("team", 2, map[string]any{"http": manyOf(t, "routes", 1, 3, genHTTPRoute)}),
		})[0],
		share: genShare(t),
	}
}

// genRootMatch writes a header in the way in which ours are written, too.
func genRootMatch(t *rapid.T) any {
	match := genHTTPMatch(t).(map[string]any)
	switch rapid.IntRange(0, 9).Draw(t, "spelling") {
	case 0:
		match["headers"] = map[string]any{"END-USER": map[string]any{"prefix": "jas"}}
	case 1:
		match["headers"] = map[string]any{"end-useR": map[string]any{"prefix": "jas"}}
	}
	return match
}

// What DelegateFaults finds is exactly what istiod's own merge loses: a copy of
// ours that is left out, that holds under fewer of the root's matches than the
// user's route behind it, or that has other mirrors of the user's.
func TestDelegatesAsIstiodMergesThem(t *testing.T) {
	subsets := route.Subsets{}
	for _, name := range []string{"", "v1"} {
		subsets[name] = route.Target{Original: route.SubsetOriginal, Version: route.SubsetVersion, Mirror: route.SubsetMirror}
	}
	found := map[bool]int{}
	for seed := range 300 {
		c := rapid.Custom(genDelegation).Example(seed)
		if !accepted(c.root) || !accepted(c.delegate) {
			continue
		}
		after, err := route.Apply(c.delegate, []route.Split{{
			Service: reviews, Weight: c.share.Weight, Match: c.share.Match, Mirror: c.share.Mirror, Subsets: subsets,
		}})
		if err != nil {
			continue // a rule that the route's own match leaves no room for
		}
		want := losses(t, c.root, after)
		faults := route.DelegateFaults(c.root, after)
		if (len(want) > 0) != (len(faults) > 0) {
			t.Errorf("seed %d: istiod loses %v, and the faults are %v\nroot %v\ndelegate %v", seed, want, faults, c.root.Object["spec"], after.Object["spec"])
		}
		found[len(want) > 0]++
	}
	if found[true] < 10 || found[false] < 50 {
		t.Errorf("too few cases with and without a loss: %v", found)
	}
}

// losses merges each copy of ours and the user's route behind it into the root's.
func losses(t *testing.T, root, after *unstructured.Unstructured) (lost []string) {
	var ours []*networking.HTTPRoute
	for i, own := range httpOf(t, after) {
		if isOurs(own) {
			ours = append(ours, own)
			continue
		}
		users := merged(t, root, own)
		for _, copy := range ours {
			if users == nil {
				continue
			}
			if why := differs(users, merged(t, root, copy), len(copy.Match), len(own.Match)); why != "" {
				lost = append(lost, fmt.Sprintf("before route %d: %s", i, why))
			}
		}
		ours = nil
	}
	return lost
}

// differs says what a merged copy lacks.
func differs(users, copy *networking.HTTPRoute, matches, own int) string {
	if copy == nil {
		return "left out"
	}
	alternatives := matches / max(own, 1)
	if want := max(len(users.Match), 1) * alternatives; matches > 0 && len(copy.Match) != want {
		return fmt.Sprintf("%d matches, want %d", len(copy.Match), want)
	}
	if got, want := mirrorsOf(copy), mirrorsOf(users); !slices.Equal(got, want) {
		return fmt.Sprintf("mirrors %v, want %v", got, want)
	}
	return ""
}

// mirrorsOf names the hosts of the user's mirrors.
func mirrorsOf(r *networking.HTTPRoute) (out []string) {
	if r.Mirror != nil {
		out = append(out, r.Mirror.Host)
	}
	for _, mirror := range r.Mirrors {
		if mirror.Destination.Subset != route.SubsetMirror {
			out = append(out, mirror.Destination.Host)
		}
	}
	return out
}

func isOurs(r *networking.HTTPRoute) bool {
	ours := func(to *networking.Destination) bool { return strings.HasPrefix(to.GetSubset(), route.Reserved) }
	return slices.ContainsFunc(r.Route, func(d *networking.HTTPRouteDestination) bool { return ours(d.Destination) }) ||
		slices.ContainsFunc(r.Mirrors, func(m *networking.HTTPMirrorPolicy) bool { return ours(m.Destination) })
}

// merged is what istiod makes of one route of the delegate's; nil when it leaves
// it out.
func merged(t *testing.T, root *unstructured.Unstructured, own *networking.HTTPRoute) *networking.HTTPRoute {
	out := model.MergeHTTPRoutes(httpOf(t, root)[0], []*networking.HTTPRoute{own.DeepCopy()})
	if len(out) == 0 {
		return nil
	}
	return out[0]
}

func httpOf(t *testing.T, vs *unstructured.Unstructured) []*networking.HTTPRoute {
	t.Helper()
	read, err := parse(vs)
	if err != nil {
		t.Fatal(err)
	}
	return model.ResolveVirtualServiceShortnames(read).Spec.(*networking.VirtualService).Http
}
