package route

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

func TestDelegates(t *testing.T) {
	for spec, want := range map[string][]string{
		`{hosts: [reviews], http: [{delegate: {name: b}}, {delegate: {name: a, namespace: team}}, {delegate: {name: b, namespace: shop}}]}`: {"shop/b", "team/a"},
		`{hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}`:                                                             nil,
		`{hosts: [reviews], http: [{delegate: {namespace: team}}, {delegate: a}, 7]}`:                                                       nil,
	} {
		var got []string
		for _, name := range Delegates(fromText(t, "{metadata: {name: v, namespace: shop}, spec: "+spec+"}")) {
			got = append(got, name.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s delegates to %v, want %v", spec, got, want)
		}
	}
}

// A root and a delegate with a route to the Service, a release with a rule on the
// header end-user and one on the query parameter beta: what istiod would lose of
// our copies is a fault, and nothing else is.
func TestDelegateFaults(t *testing.T) {
	for name, c := range map[string]struct {
		root, delegate string // the fields of one HTTP route
		said           string // by the fault
	}{
		"nothing in the root":                   {"", "match: [{uri: {prefix: /a}}]", ""},
		"a prefix in the root":                  {"match: [{uri: {prefix: /a}}]", "", ""},
		"a prefix within the root's":            {"match: [{uri: {prefix: /a}}]", "match: [{uri: {prefix: /a/b}}]", ""},
		"a regular expression in the root":      {`match: [{uri: {regex: "/a.*"}}]`, "", ""},
		"the same header in the root":           {`match: [{headers: {end-user: {regex: "a.*"}}}]`, "", ""},
		"the same header in capitals":           {`match: [{headers: {END-USER: {regex: "a.*"}}}]`, "", ""},
		"the same header, each word's first":    {`match: [{headers: {End-User: {regex: "a.*"}}}]`, `match: [{headers: {END-USER: {prefix: "b"}}}]`, ""},
		"the same header as ours":               {`match: [{headers: {end-useR: {regex: "a.*"}}}]`, "", "headers end-useR"},
		"the same header as ours in both":       {`match: [{headers: {end-useR: {prefix: "a"}}}]`, `match: [{headers: {end-useR: {prefix: "ab"}}}]`, ""},
		"both without the user's fitting":       {`match: [{uri: {regex: "/a.*"}}]`, `match: [{uri: {regex: "/a/b.*"}}]`, ""},
		"ignoreUriCase in the root":             {"match: [{uri: {prefix: /a}, ignoreUriCase: true}]", "", "ignoreUriCase"},
		"ignoreUriCase in one of two":           {"match: [{uri: {prefix: /b}}, {uri: {prefix: /a}, ignoreUriCase: true}]", "", "ignoreUriCase"},
		"ignoreUriCase in both":                 {"match: [{uri: {prefix: /a}, ignoreUriCase: true}]", "match: [{ignoreUriCase: true}]", ""},
		"ignoreUriCase where no route fits":     {"match: [{uri: {prefix: /a}, ignoreUriCase: true}]", "match: [{uri: {prefix: /a}}]", ""},
		"sourceNamespace in the root":           {"match: [{sourceNamespace: web}]", "", "sourceNamespace"},
		"the same query parameter in the root":  {`match: [{queryParams: {beta: {exact: "0"}}}]`, "", "queryParams beta"},
		"another query parameter":               {`match: [{queryParams: {alpha: {exact: "0"}}}]`, "", ""},
		"the user's fits one of two, ours, too": {`match: [{port: 80, sourceNamespace: web}, {port: 81}]`, `match: [{port: 81}]`, ""},
		"labels and port in the root":           {"match: [{sourceLabels: {a: b}, port: 80}]", "", ""},
		"a mirror in the root":                  {"mirror: {host: audit}", "", ""},
		"a mirror in both":                      {"mirror: {host: audit}", "mirror: {host: other}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := fromText(t, "{metadata: {name: root, namespace: shop}, spec: {hosts: [reviews], http: [{name: all, delegate: {name: team, namespace: team}, "+c.root+"}]}}")
			delegate := fromText(t, "{metadata: {name: team, namespace: team}, spec: {http: [{route: [{destination: {host: reviews.shop.svc.cluster.local}}], "+c.delegate+"}]}}")
			split := Split{
				Service: service("shop/reviews"), Weight: 1000,
				Subsets: Subsets{"": {Original: SubsetOriginal, Version: SubsetVersion}},
				Match: []content.Rule{
					{Headers: map[string]content.Match{"end-user": {Kind: content.Exact, Value: "jason"}}},
					{Query: map[string]content.Match{"beta": {Kind: content.Exact, Value: "1"}}},
				},
			}
			after := apply(t, delegate, []Split{split})
			faults := DelegateFaults(root, after)
			if c.said == "" {
				if len(faults) > 0 {
					t.Errorf("faults %v, want none", faults)
				}
				return
			}
			if len(faults) != 1 {
				t.Fatalf("faults %v, want one", faults)
			}
			for _, said := range []string{"VirtualService team/team route http[0]", "shop/root", `"all" (http[0])`, c.said} {
				if !strings.Contains(faults[0].Error(), said) {
					t.Errorf("fault %q, want it to say %q", faults[0].Error(), said)
				}
			}
			// Without the rule nothing is lost.
			split.Match = nil
			if faults := DelegateFaults(root, apply(t, delegate, []Split{split})); len(faults) > 0 {
				t.Errorf("by weight: faults %v, want none", faults)
			}
		})
	}
}

// TestOddly: the name is the same but for its case, is neither in small letters
// nor in capitals nor has each word's first in one, where it has letters enough
// for that, and is none that is taken.
func TestOddly(t *testing.T) {
	for _, c := range []struct {
		name  string
		taken []string
		want  string
	}{
		{"cookie", nil, "cookiE"},
		{"Cookie", []string{"cookiE"}, "CookiE"},
		{"x-team-a", nil, "x-team-A"},
		{"x-1", nil, "X-1"},
		{"x-1", []string{"X-1"}, "x-1"},
		{"7", nil, "7"},
		{":path", nil, ":path"},
		{strings.Repeat("x", 100), nil, ""}, // more letters than an int has bits
	} {
		taken := map[string]any{}
		for _, key := range c.taken {
			taken[key] = nil
		}
		got := oddly(c.name, taken)
		if c.want != "" && got != c.want || !strings.EqualFold(got, c.name) || len(c.name) == 100 && got == c.name {
			t.Errorf("%s, where %v is taken: got %q, want %q", c.name, c.taken, got, c.want)
		}
	}
}

// A mirror of ours makes a list of the user's single one.
func TestDelegateMirrors(t *testing.T) {
	delegate := func(fields string) string {
		return "{metadata: {name: team, namespace: shop}, spec: {http: [{route: [{destination: {host: reviews}}]" + fields + "}]}}"
	}
	for name, c := range map[string]struct{ root, delegate, said string }{
		"none":                {"", "", ""},
		"the root's alone":    {"mirror: {host: audit}", "", ""},
		"one in each":         {"mirror: {host: audit}", ", mirror: {host: other}", "mirror"},
		"the root's list":     {"mirrors: [{destination: {host: audit}}]", "", "mirrors"},
		"a list in each":      {"mirrors: [{destination: {host: audit}}]", ", mirrors: [{destination: {host: other}}]", ""},
		"the delegate's list": {"", ", mirrors: [{destination: {host: other}}]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := fromText(t, "{metadata: {name: root, namespace: shop}, spec: {hosts: [reviews], http: [{delegate: {name: team}, "+c.root+"}]}}")
			split := Split{
				Service: service("shop/reviews"), Mirror: 1000,
				Subsets: Subsets{"": {Original: SubsetOriginal, Version: SubsetVersion, Mirror: SubsetMirror}},
			}
			faults := DelegateFaults(root, apply(t, fromText(t, delegate(c.delegate)), []Split{split}))
			if (len(faults) > 0) != (c.said != "") || len(faults) > 0 && faults[0].Value != c.said {
				t.Errorf("faults %v, want %q", faults, c.said)
			}
		})
	}
}

func TestRootMirrorFaults(t *testing.T) {
	root := fromText(t, `
metadata: {name: root, namespace: shop}
spec:
  hosts: [reviews]
  http:
  - delegate: {name: team}
    mirror: {host: reviews}
  - delegate: {name: team}
    mirrors: [{destination: {host: reviews, subset: v1}}, {destination: {host: reviews, subset: v3}}, {destination: {host: other}}]
  - delegate: {name: team}
    mirror: {host: reviews, subset: all}
  - route: [{destination: {host: other}}]
    mirror: {host: reviews}
`)
	var got []string
	for _, fault := range RootMirrorFaults(root, service("shop/reviews"), Subsets{"": {}, "v1": {Pinned: true}, "all": {}}) {
		got = append(got, fault.At)
		if fault.Risk != intent.Unrouted {
			t.Errorf("fault %v, want the risk unrouted", fault)
		}
	}
	if want := []string{"VirtualService shop/root route http[0]", "VirtualService shop/root route http[2]"}; !reflect.DeepEqual(got, want) {
		t.Errorf("faults at %v, want %v", got, want)
	}
}
