package plan_test

import "github.com/kubectl-grayscale/kubectl-grayscale/internal/release"

// The rules of request content that the scenarios ask for.
const (
	jason    = "match=[{headers: {end-user: {exact: jason}}}]"
	jasonOr  = "match=[{headers: {end-user: {exact: jason}}}, {query: {beta: {exact: \"1\"}}}]"
	beta     = "match=[{query: {beta: {exact: \"1\"}}}]"
	internal = "match=[{headers: {end-user: {exact: jason}}, query: {beta: {exact: \"1\"}}}]"
	settings = `patch=spec: {containers: [{name: reviews, env: [{name: COLOUR, value: grey}]}]}`
)

// policies are scenarios of every kind of policy, and of blue-green.
var policies = []scenario{
	{"policy: match alone needs one replica", plain, []step{asks(jason), annotate("end=cancel")}, release.Cancelled},
	{"policy: match and weight", plain, []step{asks(jason, "weight=25"), annotate("weight=50"), annotate(beta), annotate("match-"), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"policy: rules come and go", subset, []step{asks(jasonOr), annotate(jason), annotate(beta), annotate(internal), annotate("match-"), annotate(jasonOr, "traffic=original"), annotate("traffic=policy"), annotate("end=cancel")}, release.Cancelled},
	{"policy: match over a gateway and the mesh", []string{reviews, gatewayRoute, plainRoute}, []step{asks(jason, "weight=10"), annotate("end=cancel")}, release.Cancelled},
	{"policy: match without a VirtualService", none, []step{asks(jason), annotate("weight=10"), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"policy: match on a strict subset", strict, []step{asks(jason), annotate("traffic=grayscale"), annotate("traffic=policy"), annotate("end=cancel")}, release.Cancelled},
	{"policy: mirror, its subset propagates first", plain, []step{asks("weight=10"), annotate("weight=0", "mirror=50"), annotate("mirror=12.5"), annotate("mirror-", "weight=10"), annotate("end=cancel")}, release.Cancelled},
	{"policy: mirror from the start", subset, []step{asks("mirror=100"), annotate("traffic=grayscale", "mirror-"), annotate("end=finish")}, release.Finished},
	{"policy: mirror and match", none, []step{asks("mirror=30", jason), annotate("mirror-"), annotate("end=cancel")}, release.Cancelled},
	{"policy: mirror without a VirtualService", none, []step{asks("mirror=30"), annotate("end=cancel")}, release.Cancelled},
	{"policy: a user's own mirror", []string{reviews, ratings, mirrorRoute}, []step{asks("mirror=50"), annotate("mirror-", "weight=10"), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"policy: two decimals", plain, []step{asks("weight=0.01"), annotate("weight=33.33"), annotate("weight=99.99"), annotate("end=cancel")}, release.Cancelled},
	{"policy: large weights of the user's", []string{reviews, ratings, largeRoute}, []step{asks("weight=0.5"), annotate("weight=12.34"), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"policy: replicas auto, fixed, auto", plain, []step{asks("weight=50"), annotate("replicas=3"), annotate("replicas=1"), annotate("replicas=auto"), annotate("end=cancel")}, release.Cancelled},
	{"policy: undersized, and accepted", plain, []step{asks("replicas=2", "weight=50"), annotate("traffic=grayscale"), annotate("accept=undersized"), annotate("end=finish")}, release.Finished},
	{"policy: patch alone", plain, []step{patches(), annotate("weight=10"), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"policy: patch and image", plain, []step{asks(settings, "weight=10"), annotate("end=cancel")}, release.Cancelled},
	{"policy: patch that does not fit", plain, []step{asks("patch=spec: {containers: none}", "weight=10"), annotate("end=cancel")}, release.Cancelled},
	{"policy: a name for the clone", plain, []step{asks("name=books", jason), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},

	{"blue-green: there and back again, finish", plain, []step{asks("form=blue-green"), annotate("traffic=grayscale"), annotate("traffic=original"), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"blue-green: policy means the original", subset, []step{asks("form=blue-green"), annotate("traffic=grayscale"), annotate("traffic=policy"), annotate("end=cancel")}, release.Cancelled},
	{"blue-green: knows no partial policy", plain, []step{asks("form=blue-green"), annotate("weight=50"), annotate("weight-", "traffic=grayscale"), annotate("end=cancel")}, release.Cancelled},
	{"blue-green: with fewer replicas", none, []step{asks("form=blue-green", "replicas=2"), annotate("traffic=grayscale"), annotate("accept=undersized"), annotate("end=finish")}, release.Finished},
	{"blue-green: on a strict subset", strict, []step{asks("form=blue-green"), annotate("traffic=grayscale"), annotate("traffic=original"), annotate("end=cancel")}, release.Cancelled},
}

// patches is an intent that changes settings, and no image.
func patches(more ...string) step {
	return annotate(append([]string{"release=reviews-v2", settings, "version=v2", "finish=replace"}, more...)...)
}

const mirrorRoute = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {prefix: /old}}]
    mirror: {host: ratings}
    mirrorPercentage: {value: 5}
    route: [{destination: {host: reviews}}]
  - mirrors:
    - {destination: {host: ratings}, percentage: {value: 10}}
    route: [{destination: {host: reviews}}]
`

const largeRoute = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews]
  http:
  - route:
    - {destination: {host: reviews}, weight: 70001}
    - {destination: {host: ratings}, weight: 29999}
`
