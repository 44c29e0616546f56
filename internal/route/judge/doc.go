// Package judge holds the route room's results before Istio's own code: its
// validation, the clusters, endpoints, listeners and routes that istiod makes of
// them, and its merge of delegates. Like the testbed's programs it is a module of
// its own, because Istio's dependencies are heavy; the first build takes minutes.
// Run it with "go test ." in its folder; JUDGE_CASES is how many generated meshes
// it looks at.
package judge
