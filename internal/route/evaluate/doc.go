// Package evaluate says what Istio and Envoy do with one request: which
// VirtualService stands for its host, which HTTP route and which of its matches
// is the first that holds, and what becomes of the request there. It is pure,
// and needs neither istiod nor Envoy: it follows their rules, which a
// differential test holds against the real ones.
//
//	result := evaluate.Evaluate(
//		evaluate.Input{VirtualServices: all},
//		evaluate.Request{
//			Proxy: evaluate.Proxy{Namespace: "shop", Labels: map[string]string{"app": "productpage"}},
//			Host:  "reviews", Port: 9080, Method: "GET", Path: "/reviews/0?beta=1",
//			Headers: []evaluate.Header{{Name: "end-user", Value: "jason"}},
//		})
//
// result.Destinations then holds hosts, subsets and exact shares, and
// result.Trace why each route before the one that matched did not.
//
// # What it takes for granted
//
// The proxy imports everything that is exported to it (no Sidecar resource), the
// mesh's defaults for exportTo and path normalization are Istio's own, the host
// is an HTTP port of a Service, and the request carries no JSON web token that
// Istio has verified: a condition on @request.auth.claims does not hold, its
// opposite in withoutHeaders does. The headers are those that Envoy's router
// sees: what the proxy adds before that (x-request-id, x-forwarded-for) counts
// only if it is given.
package evaluate
