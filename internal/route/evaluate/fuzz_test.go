package evaluate

import (
	"encoding/json"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// FuzzEvaluate feeds arbitrary objects, and arbitrary requests to them: nothing
// panics, nothing that is given is changed, and shares always add up to 1.
func FuzzEvaluate(f *testing.F) {
	route := `{"metadata":{"name":"a","namespace":"shop"},"spec":{"hosts":["reviews","*.test"],"gateways":["mesh","front"],"http":[` +
		`{"match":[{"uri":{"prefix":"/a"},"headers":{"x":{"regex":"(a|b)*"}},"withoutHeaders":{"y":{}},"queryParams":{"q":{"exact":"1"}},"port":80,"gateways":["mesh"]},null],` +
		`"route":[{"destination":{"host":"reviews","subset":"v1"},"weight":1},{"destination":{"host":"ratings"},"weight":2}],"mirror":{"host":"b"},"mirrorPercent":7},` +
		`{"delegate":{"name":"b"},"match":[{"sourceLabels":{"a":"b"}}]},{"redirect":{"uri":"/x","derivePort":"FROM_REQUEST_PORT"}}]}}`
	delegate := `{"metadata":{"name":"b","namespace":"shop"},"spec":{"http":[null,{"match":[null],"directResponse":{"status":200}},{"fault":{"delay":{"fixedDelay":"1s"}}}]}}`
	gateway := `{"metadata":{"name":"front","namespace":"shop"},"spec":{"servers":[null,{"port":{"number":80},"hosts":["./*","x/y/z"]}]}}`
	f.Add(route, delegate, gateway, "shop/front", "a.test:80", "/a?q=1#b", "x: a\ny:")
	f.Add(route, route, gateway, "", "reviews", "/%2e%00", "cookie: a=b\ncookie: c=d")
	f.Add(`{"spec":{"hosts":[null],"http":{}}}`, `{"metadata":7,"spec":[]}`, `{}`, "", "", "", "")
	f.Fuzz(func(t *testing.T, a, b, c, gateway, host, path, lines string) {
		in := Input{
			VirtualServices: []*unstructured.Unstructured{nil, parsed(a), parsed(b)}, Gateways: []*unstructured.Unstructured{nil, parsed(c)},
		}
		before := []any{parsed(a), parsed(b), parsed(c)}
		r := Request{Gateway: gateway, Proxy: Proxy{Namespace: "shop"}, Host: host, Port: 80, Path: path}
		for line := range strings.SplitSeq(lines, "\n") {
			name, value, _ := strings.Cut(line, ":")
			r.Headers = append(r.Headers, Header{name, value})
		}
		result := Evaluate(in, r)
		sum := new(big.Rat)
		for _, d := range result.Destinations {
			if d.Share.Sign() <= 0 {
				t.Errorf("the share of %+v is not above 0", d)
			}
			sum.Add(sum, d.Share)
		}
		if result.Outcome == Forwarded && sum.Cmp(big.NewRat(1, 1)) != 0 {
			t.Errorf("the shares add up to %s", sum)
		}
		after := []any{in.VirtualServices[1], in.VirtualServices[2], in.Gateways[1]}
		if !reflect.DeepEqual(before, after) {
			t.Error("the input was changed")
		}
	})
}

// parsed reads an object, or gives none.
func parsed(text string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	if json.Unmarshal([]byte(text), &u.Object) != nil {
		return nil
	}
	return u
}
