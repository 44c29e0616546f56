// Package judge holds the route room's results before Istio's own code: its
// validation, and the clusters and endpoints that istiod makes of them. Like the
// testbed's programs it is a module of its own, because Istio's dependencies are
// heavy; the first build takes minutes. Run it with "go test ." in its folder.
package judge
