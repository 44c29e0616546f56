package differential

import "math/rand/v2"

// dice throw everything: one seed gives one run.
type dice struct{ *rand.Rand }

// one in n.
func (d dice) one(n int) bool { return d.IntN(n) == 0 }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// The words that routes and requests are made of: few, so that they meet.
var (
	paths = []string{
		"/", "/api", "/api/", "/api/v1", "/API/v1", "/apis", "/static/a.css", "/a/../api", "/%61pi/v2", "/api%2fv1", "//api", "/api/./v1/..", `/api\v1`, "/b%C3%A9", "/a%20b",
	}
	queries = []string{
		"", "", "?", "?v=1", "?v=2&v=1", "?user=jason&v=1", "?user=Jason", "?v", "?v=", "?%76=1", "?v=a%20b", "?user=a+b&beta", "?beta=true&user=jason", "?&&v=1", "?v=1=2", "#part?v=1", "?v=1#part",
	}
	uris       = []string{"/", "/api", "/api/", "/api/v1", "/API", "/static", "/a", "/apis", "/b%C3%A9"}
	uriRegexes = []string{".*", "/api.*", "/(api|static)/.*", "/[a-z]+", "(?i)/API/V1", "/api/v[0-9]", "/"}
	names      = []string{"end-user", "x-flag", "cookie", "user-agent", "x_under"}
	agents     = []string{
		"curl/8", "",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
		"Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
	}
	values = map[string][]string{
		"end-user":   {"jason", "Jason", "jason2", "jas", "", "a,b", "a=b", "café"},
		"x-flag":     {"on", "off", "", "on,off", "true"},
		"cookie":     {"User=Internal", "a=b; User=Internal", "XUser=Internal", "User=Internal2; c=d", "User=", "user=internal", `User="Internal"`},
		"user-agent": agents,
		"x_under":    {"1", "2"},
	}
	regexes = map[string][]string{
		"end-user":   {".*", "jas.*", "(?i)jason", "jason|jas", "[^,]*", ".+", "*", "caf.", "caf..", "(?i)CAFé", "[é]+"},
		"x-flag":     {"on|off", "o.*", ".*", "", "*"},
		"cookie":     {`(.*;\s*)?User=Internal(;.*)?`, ".*User=.*", `(?i).*user=internal.*`},
		"user-agent": {".*Chrome/.*", ".*(iPhone|iPad).*", `.*Version/[0-9.]+ Safari.*`, ".*"},
		"x_under":    {"[0-9]"},
	}
	parameters      = []string{"v", "user", "beta", "%76"}
	parameterValues = []string{"1", "2", "", "jason", "a%20b", "a b", "a+b", "true", "1=2"}
	methods         = []string{"GET", "GET", "GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS"}
)
