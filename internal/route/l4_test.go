package route

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// genL4 gives a TCP or TLS route, without what can't be split.
func genL4(t *rapid.T) any {
	if rapid.IntRange(0, 40).Draw(t, "malformed") == 0 {
		return junk(3).Draw(t, "route")
	}
	out := map[string]any{"route": rapid.SliceOfN(rapid.Custom(genDestination), 0, 3).Draw(t, "destinations")}
	maybe(t, out, "match", func() any { return rapid.SliceOfN(rapid.Custom(genL4Match), 0, 2).Draw(t, "match") })
	maybe(t, out, "futureRoute", func() any { return junk(1).Draw(t, "future") })
	return out
}

func genL4Match(t *rapid.T) any {
	out := map[string]any{}
	maybe(t, out, "port", func() any { return number(t, rapid.SampledFrom([]int64{9000, 9001}).Draw(t, "port")) })
	maybe(t, out, "sniHosts", func() any { return []any{"reviews.example.com"} })
	maybe(t, out, "gateways", func() any { return []any{"mesh"} })
	maybe(t, out, "sourceLabels", func() any { return map[string]any{"app": "web"} })
	return out
}

func TestL4TakesTheWeightAlone(t *testing.T) {
	vs := fromText(t, `
metadata: {name: db, namespace: shop}
spec:
  hosts: [db]
  tcp:
  - match: [{port: 9000}]
    route: [{destination: {host: db}}]
  - match: [{port: 9001}]
    route: [{destination: {host: db, subset: v1}}]
`)
	split := Split{Service: service("shop/db"), Weight: 2500, Mirror: 5000, Subsets: Subsets{
		"":   {Original: SubsetOriginal, Version: SubsetVersion, Mirror: SubsetMirror},
		"v1": {Original: SubsetOriginal + "-0123abcd", Version: SubsetVersion, Pinned: true},
	}}
	for _, step := range []struct {
		weight intent.Weight
		routes int
	}{{2500, 2}, {intent.Full, 2}, {0, 1}} {
		split.Weight = step.weight
		out := apply(t, vs, []Split{split})
		equal(t, "Strip of Apply", Strip(out), vs)
		read := Read(out)
		if len(read) != 1 || read[0].Weight != step.weight || read[0].Max != step.weight || read[0].Routes != step.routes || read[0].Mirror != 0 || read[0].Content != 0 {
			t.Errorf("at %s it reads %+v, want that weight and %d routes", step.weight, read, step.routes)
		}
		equal(t, "Apply of what Recover finds", apply(t, vs, Recover(out)), out)
	}
}

// When the user's route goes from behind our copy, the copy goes with the next
// Apply, and an empty list does not stay behind.
func TestL4CopyWithoutItsRoute(t *testing.T) {
	vs := fromText(t, `{metadata: {name: db, namespace: shop}, spec: {tcp: [{route: [{destination: {host: db}}]}]}}`)
	split := Split{Service: service("shop/db"), Weight: 1000, Subsets: Subsets{"": {Original: SubsetOriginal, Version: SubsetVersion}}}
	out := apply(t, vs, []Split{split})
	spec(out)["tcp"] = list(spec(out), "tcp")[:1]
	if read := Read(out); len(read) != 1 || read[0].Weight != 1000 {
		t.Errorf("it reads %+v, want weight 10", read)
	}
	if got := Recover(out); len(got) != 0 {
		t.Errorf("Recover finds %+v, want nothing to put back", got)
	}
	equal(t, "Strip", Strip(out), fromText(t, `{metadata: {name: db, namespace: shop}, spec: {}}`))
}

func TestL4Faults(t *testing.T) {
	for spec, want := range map[string]string{
		`{tcp: [{match: [{port: 1}], route: [{destination: {host: db}}]}, {match: [{port: 2, destinationSubnets: [10.0.0.0/8]}], route: [{destination: {host: db}}]}]}`: "tcp[1]",
		`{gateways: [g, mesh], tcp: [{match: [{destinationSubnets: [10.0.0.0/8]}], route: [{destination: {host: db}}]}]}`:                                               "tcp[0]",
		`{gateways: [g], tcp: [{match: [{destinationSubnets: [10.0.0.0/8]}], route: [{destination: {host: db}}]}]}`:                                                     "",
		`{gateways: [g, mesh], tcp: [{match: [{gateways: [g], destinationSubnets: [10.0.0.0/8]}], route: [{destination: {host: db}}]}]}`:                                "",
		`{tcp: [{match: [{destinationSubnets: [10.0.0.0/8]}], route: [{destination: {host: other}}]}]}`:                                                                 "",
		`{tls: [{match: [{sniHosts: [db], destinationSubnets: [10.0.0.0/8]}], route: [{destination: {host: db}}]}]}`:                                                    "",
		`{tcp: [7, {match: 7, route: [{destination: {host: db}}]}]}`:                                                                                                    "",
	} {
		vs := fromText(t, "{metadata: {name: v, namespace: shop}, spec: "+spec+"}")
		faults := L4Faults(vs, service("shop/db"))
		splits := []Split{{Service: service("shop/db"), Weight: 1, Subsets: Subsets{"": {Original: SubsetOriginal, Version: SubsetVersion}}}}
		// A route that can't be copied is left alone: the others keep their copies.
		if _, err := Apply(vs, splits); err != nil || (len(faults) > 0) != (want != "") {
			t.Errorf("%s: faults %v, want one: %v; Apply fails with %v", spec, faults, want != "", err)
			continue
		}
		for _, said := range []string{"VirtualService shop/v", want} {
			if want != "" && !strings.Contains(faults[0].Error(), said) {
				t.Errorf("%s: %q, want it to say %q", spec, faults[0].Error(), said)
			}
		}
	}
}
