package evaluate

import (
	"fmt"
	"testing"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"k8s.io/apimachinery/pkg/types"
)

// one is a VirtualService with one HTTP route.
func one(route string) string {
	return "metadata: {name: reviews, namespace: shop}\nspec: {hosts: [reviews], http: [" + route + "]}"
}

func TestOutcomes(t *testing.T) {
	const at = "shop/reviews http[0] "
	for _, c := range []struct {
		route   string
		request Request
		want    string
	}{
		{`{route: [{destination: {host: reviews}}]}`, get(), at + "Forwarded reviews.shop/=1"},
		{`{route: [{destination: {host: reviews.shop, subset: v1, port: {number: 80}}, weight: 0}]}`, get(), at + "Forwarded reviews.shop/v1:80=1"},
		{`{route: [{destination: {host: reviews, subset: v1}, weight: 30}]}`, get(), at + "Forwarded reviews.shop/v1=1"},
		{`{route: [{destination: {host: reviews, subset: v1}, weight: 0}, {destination: {host: ratings}, weight: 3}]}`, get(),
			at + "Forwarded ratings.shop/=1"},
		{`{route: [{destination: {host: reviews, subset: v1}, weight: 1}, {destination: {host: ratings.b.svc.cluster.local}, weight: 2},
			{destination: {host: details}}]}`, get(), at + "Forwarded reviews.shop/v1=1/3 ratings.b/=2/3"},
		{`{route: [{destination: {host: reviews}}, {destination: {host: ratings}}]}`, get(), at + "Invalid"},
		{`{route: [{destination: {host: a}, weight: 2147483647}, {destination: {host: b}, weight: 2147483647},
			{destination: {host: c}, weight: 2}]}`, get(), at + "Invalid"},
		{`{}`, get(), at + "Invalid"},
		{`{directResponse: {status: 418, body: {string: tea}}}`, get(), at + "418 tea"},
		{`{redirect: {uri: /new}}`, get(path("/old?a=b")), at + "301 http://reviews/new?a=b"},
		{`{redirect: {uri: "/new?c=d", redirectCode: 307}}`, get(path("/old?a=b")), at + "307 http://reviews/new?c=d"},
		{`{redirect: {authority: example.com, scheme: https, port: 8443}}`, get(path("/old?a=b")), at + "301 https://example.com:8443/old?a=b"},
		{`{redirect: {scheme: https, port: 443}}`, get(host("reviews:9080")), at + "301 https://reviews:9080/"},
		{`{redirect: {port: 8080}}`, get(host("reviews:9080")), at + "301 http://reviews:8080/"},
		{`{redirect: {derivePort: FROM_REQUEST_PORT}}`, get(), at + "301 http://reviews:9080/"},
		{`{redirect: {derivePort: FROM_PROTOCOL_DEFAULT, uri: /x}}`, get(), at + "301 http://reviews/x"},
		{`{redirect: {scheme: https}}`, get(host("reviews:80")), at + "301 https://reviews/"},
		{`{redirect: {prefixRewrite: /v2}, match: [{uri: {prefix: /v1}}]}`, get(path("/v1/a?b=c")), at + "match[0] 301 http://reviews/v2/a?b=c"},
		{`{redirect: {prefixRewrite: /v2/}}`, get(path("/a?b=c")), at + "301 http://reviews/v2/a?b=c"},
		{`{redirect: {uri: /x, redirectCode: 304}}`, get(), at + "Invalid"},
		{`{match: [{uri: {exact: /a}}], route: [{destination: {host: reviews}}]}`, get(), "NotFound"},
	} {
		if got := told(Evaluate(Input{VirtualServices: objects(t, one(c.route))}, c.request)); got != c.want {
			t.Errorf("%s: %s, want %s", c.route, got, c.want)
		}
	}
}

func TestMirrorsAndFaults(t *testing.T) {
	for _, c := range []struct{ fields, want string }{
		{`mirror: {host: b, subset: v2}`, "[{b.shop.svc.cluster.local v2 0 1000000}] <nil>"},
		{`mirror: {host: b}, mirrorPercentage: {value: 0.5}`, "[{b.shop.svc.cluster.local  0 5000}] <nil>"},
		{`mirror: {host: b}, mirrorPercentage: {value: 0}, mirrorPercent: 7`, "[] <nil>"},
		{`mirror: {host: b}, mirrorPercent: 7`, "[{b.shop.svc.cluster.local  0 70000}] <nil>"},
		{`mirrors: [{destination: {host: b, port: {number: 80}}}, {destination: {host: c}, percentage: {value: 10}}, {destination: {host: d}, percentage: {value: 0}}]`,
			"[{b.shop.svc.cluster.local  80 1000000} {c.shop.svc.cluster.local  0 100000}] <nil>"},
		{`fault: {abort: {httpStatus: 503, percentage: {value: 25}}}`, "[] &{0s 0 503  250000}"},
		{`fault: {abort: {httpStatus: 503}}`, "[] &{0s 0 503  0}"},
		{`fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 1}}, delay: {fixedDelay: 1.5s, percent: 3}}`,
			fmt.Sprintf("[] &{%v 30000 0 UNAVAILABLE 10000}", 1500*time.Millisecond)},
	} {
		r := Evaluate(Input{VirtualServices: objects(t, one("{route: [{destination: {host: reviews}}], "+c.fields+"}"))}, get())
		if got := fmt.Sprint(r.Mirrors, r.Fault); r.Fault != nil {
			if got = fmt.Sprint(r.Mirrors, " &", *r.Fault); got != c.want {
				t.Errorf("%s: %s, want %s", c.fields, got, c.want)
			}
		} else if got != c.want {
			t.Errorf("%s: %s, want %s", c.fields, got, c.want)
		}
	}
}

// What the evaluator is for: the same question before and during a release.
func TestDuringARelease(t *testing.T) {
	user := objects(t, one(`{match: [{uri: {prefix: /a}}], route: [{destination: {host: reviews}, weight: 1}, {destination: {host: ratings}, weight: 3}]}`))[0]
	split := route.Split{
		Service: types.NamespacedName{Namespace: "shop", Name: "reviews"}, Weight: 50,
		Subsets: route.Subsets{"": {Original: route.SubsetOriginal, Version: route.SubsetVersion}},
	}
	during, err := route.Apply(user, []route.Split{split})
	if err != nil {
		t.Fatal(err)
	}
	want := "shop/reviews http[0] match[0] Forwarded reviews.shop/grayscale-original=199/800 reviews.shop/grayscale-version=1/800 ratings.shop/=3/4"
	r := Evaluate(Input{VirtualServices: append(objects(t, one("{}")), during)[1:]}, get(path("/a")))
	if got := told(r); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := r.Share("reviews.shop.svc.cluster.local", route.SubsetVersion).RatString(); got != "1/800" {
		t.Errorf("the version's share is %s", got)
	}
}
