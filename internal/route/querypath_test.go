package route

import (
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// parameter is Envoy's way to a query parameter, as plainly as it can be written:
// what follows the first question mark, cut at each &, and each part at its first
// =; the first part of the name counts. (An empty part at the end is none.)
func parameter(path, name string) (value string, ok bool) {
	_, query, _ := strings.Cut(path, "?")
	for _, part := range strings.Split(query, "&") {
		key, value, _ := strings.Cut(part, "=")
		if part != "" && key == name {
			return value, true
		}
	}
	return "", false
}

// genQueryName gives a name that a rule may have, of characters that mean something
// in expressions, classes and queries, and with parts that repeat.
var genQueryName = rapid.StringMatching(`[ab.*+?()\[\]\\{}|^$/%!-]{1,8}[a]`)

// genPath gives a path whose parameters have the name, what begins like it, what it
// begins with, and values with all separators.
func genPath(t *rapid.T, name string) string {
	part := rapid.OneOf(
		rapid.Just(name), rapid.Just(name[:len(name)-1]), rapid.Just(name+"a"), rapid.Just("a"+name), rapid.Just(""),
		rapid.StringMatching(`[ab.=?/\]^-]{0,4}`),
	)
	value := rapid.OneOf(rapid.Just(""), rapid.Just("="), rapid.Just("=1"), rapid.Just("=1=1"), rapid.Just("=12"), rapid.Just("=?1"), rapid.Just("="+name))
	path := rapid.SampledFrom([]string{"/", "/a", "/a/" + strings.ReplaceAll(name, "?", ""), "*"}).Draw(t, "path")
	for i := range rapid.SampledFrom([]int{0, 1, 2, 3, 4}).Draw(t, "parameters") {
		path += map[bool]string{true: "?", false: "&"}[i == 0] + part.Draw(t, "name") + value.Draw(t, "value")
	}
	return path
}

// The expression of the whole path says of any path what a plain parser does.
func TestQueryInPathIsTheParameter(t *testing.T) {
	holding := 0
	rapid.Check(t, func(t *rapid.T) {
		name := genQueryName.Draw(t, "query")
		m := rapid.SampledFrom([]content.Match{
			{Kind: content.Exact, Value: "1"}, {Kind: content.Exact, Value: ""}, {Kind: content.Exact, Value: "1=1"}, {Kind: content.Exact, Value: "?1"},
			{Kind: content.Prefix, Value: "1"}, {Kind: content.Prefix, Value: "?"}, {Kind: content.Present},
		}).Draw(t, "match")
		expression, err := queryInPath(name, m)
		if err != nil {
			t.Fatal(err)
		}
		re := regexp.MustCompile(`\A(?:` + expression + `)\z`)
		for range 20 {
			path := genPath(t, name)
			value, ok := parameter(path, name)
			switch m.Kind {
			case content.Exact:
				ok = ok && value == m.Value
			case content.Prefix:
				ok = ok && strings.HasPrefix(value, m.Value)
			}
			if ok {
				holding++
			}
			if got := re.MatchString(path); got != ok {
				t.Fatalf("%s of %q in %q: %v, want %v", expression, name, path, got, ok)
			}
		}
	})
	if holding < 100 {
		t.Errorf("only %d paths held", holding)
	}
}

// unlike is every name but one.
func TestUnlikeIsEveryOtherName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := genQueryName.Draw(t, "name")
		re := regexp.MustCompile(`\A(?:` + unlike(name) + `)\z`)
		other := rapid.OneOf(rapid.Just(name), rapid.Just(""), rapid.StringMatching(`[ab.*+?()\[\]\\{}|^$/%!-]{0,9}`),
			rapid.Map(rapid.IntRange(0, len(name)), func(n int) string { return name[:n] }),
			rapid.Map(rapid.IntRange(0, len(name)-1), func(n int) string { return name[:n] + "b" + name[n+1:] }),
		).Draw(t, "other")
		if got, want := re.MatchString(other), other != name; got != want {
			t.Fatalf("unlike %q of %q is %v", name, other, got)
		}
	})
}

func TestQueryBesideTheRoutesOwn(t *testing.T) {
	route := func(match string) *unstructured.Unstructured {
		return fromText(t, "{metadata: {name: reviews, namespace: shop}, spec: {hosts: [reviews], http: [{name: beta, match: [{"+match+"}], route: [{destination: {host: reviews}}]}]}}")
	}
	for _, c := range []struct{ match, rule, want, refused string }{
		{match: "queryParams: {v: {exact: '2'}}", rule: "query:beta=1", want: "{queryParams: {v: {exact: '2'}, beta: {exact: '1'}}}"},
		{
			match: "queryParams: {b: {prefix: '1'}}", rule: "query:b=1",
			want: `{queryParams: {b: {prefix: '1'}}, headers: {':path': {regex: '[^?]*\?(?:(?:|[^&=b][^&=]*|b[^&=]+)(?:=[^&]*)?&)*b=1(?:&.*)?'}}}`,
		},
		{match: "queryParams: {beta: {exact: '1'}}", rule: "query:beta~[12]", refused: "can't say a regular expression"},
		{match: "queryParams: {beta: {exact: '1'}}, headers: {':path': {regex: /a.*}}", rule: "query:beta=1", refused: "restricts header :path"},
		{match: "queryParams: {" + strings.Repeat("n", 60) + ": {}}", rule: "query:" + strings.Repeat("n", 60), refused: "1024"},
		{match: "headers: {end-user: {exact: a}}", rule: "header:end-user=b", want: "{headers: {end-user: {exact: a}, End-user: {exact: b}}}"},
		{match: "headers: {END-user: {exact: a}}", rule: "header:end-user", want: "{headers: {END-user: {exact: a}, end-user: {}}}"},
		{
			match: "headers: {x1: {exact: a}, X1: {exact: b}}", rule: "header:x1=c",
			refused: "restricts header x1 in headers already",
		},
		{match: "headers: {'1': {exact: a}}", rule: "header:1=b", refused: "restricts header 1 in headers already"},
		{match: "withoutHeaders: {'1': {exact: a}}", rule: "header:1=b", want: "{withoutHeaders: {'1': {exact: a}}, headers: {'1': {exact: b}}}"},
	} {
		rule, err := content.ParseFlag(c.rule)
		if err != nil {
			t.Fatal(err)
		}
		split := Split{Service: service("shop/reviews"), Match: []content.Rule{rule}, Subsets: Subsets{"": {Original: SubsetOriginal, Version: SubsetVersion}}}
		out, err := Apply(route(c.match), []Split{split})
		if c.refused != "" {
			for _, part := range []string{`VirtualService shop/reviews: HTTP route "beta" (http[0]): rule "` + c.rule + `": `, c.refused} {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("%s beside %s: error %v, want it to say %q", c.rule, c.match, err, part)
				}
			}
			continue
		}
		if err != nil {
			t.Errorf("%s beside %s: %v", c.rule, c.match, err)
			continue
		}
		match := list(httpRoutes(out)[0].(map[string]any), "match")[0].(map[string]any)
		equal(t, c.rule+" beside "+c.match, &unstructured.Unstructured{Object: match}, fromText(t, c.want))
	}
}

// However often a header is restricted, the keys stay apart and are the same header.
func TestHeaderKeysNeverCollide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-c1-]{1,4}`).Draw(t, "name")
		letters := len(strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'c' {
				return r
			}
			return -1
		}, name))
		match := map[string]any{}
		for n := range 1<<letters + 2 {
			err := andHeader(match, "headers", name, n)
			headers := object(match, "headers")
			if full := n >= 1<<letters; full != (err != nil) || !full && len(headers) != n+1 {
				t.Fatalf("%d conditions on %s: %v, %v", n+1, name, headers, err)
			}
			for key := range headers {
				if !strings.EqualFold(key, name) {
					t.Fatalf("key %q is not the header %s", key, name)
				}
			}
		}
	})
}
