package route

import (
	"slices"
	"testing"
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
