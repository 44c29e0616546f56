package plan_test

import "strings"

// The manifests that the scenarios are put together from.

const reviews = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop, labels: {app: reviews}}
spec:
  clusterIP: 10.96.0.10
  selector: {app: reviews}
  ports: [{name: http, port: 9080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v1, namespace: shop, labels: {app: reviews, version: v1}}
spec:
  replicas: 4
  selector: {matchLabels: {app: reviews, version: v1}}
  template:
    metadata: {labels: {app: reviews, version: v1}}
    spec:
      containers: [{name: reviews, image: "shop/reviews:1.0", futureField: kept}]
`

// sibling is looked at before reviews, and may not take its clone for its own.
const sibling = `
apiVersion: v1
kind: Service
metadata: {name: all, namespace: shop}
spec:
  clusterIP: 10.96.0.11
  selector: {app: reviews}
  ports: [{name: http, port: 9080}]
`

const plainRoute = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop, annotations: {team: books}}
spec:
  hosts: [reviews]
  http:
  - name: testers
    match: [{headers: {x-tester: {exact: "yes"}}}]
    timeout: 10s
    route: [{destination: {host: reviews}}]
  - name: all
    timeout: 2s
    retries: {attempts: 2, perTryTimeout: 1s}
    futureField: {kept: true}
    route: [{destination: {host: reviews.shop.svc.cluster.local, port: {number: 9080}}}]
`

const subsetRoute = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews]
  http:
  - route: [{destination: {host: reviews, subset: v1}}]
`

const subsetRule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: shop}
spec:
  host: reviews
  trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 100}}}
  subsets:
  - name: v1
    labels: {version: v1}
    trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}
`

const strictRule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: shop}
spec:
  host: reviews.shop.svc.cluster.local
  trafficPolicy:
    loadBalancer:
      localityLbSetting: {distribute: [{from: "a/*", to: {"a/*": 80, "b/*": 20}}]}
`

const gatewayRoute = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front, namespace: edge}
spec:
  hosts: [shop.example.com]
  gateways: [edge/public]
  http:
  - match: [{uri: {prefix: /reviews}}]
    rewrite: {uri: /}
    corsPolicy: {allowOrigins: [{exact: "https://shop.example.com"}]}
    route: [{destination: {host: reviews.shop.svc.cluster.local}, headers: {request: {add: {x-edge: "1"}}}}]
  - redirect: {uri: /reviews}
`

const ratings = `
apiVersion: v1
kind: Service
metadata: {name: ratings, namespace: shop}
spec:
  clusterIP: 10.96.0.11
  selector: {app: ratings}
  ports: [{name: http, port: 9080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ratings, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: ratings, version: v1}}
  template:
    metadata: {labels: {app: ratings, version: v1}}
    spec:
      containers: [{name: ratings, image: "shop/ratings:1.0"}]
`

// bothRoute holds both Services in one VirtualService, and in one route.
const bothRoute = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: both, namespace: shop}
spec:
  hosts: [reviews, ratings, shop.example.com]
  gateways: [mesh, edge/public]
  http:
  - match: [{uri: {prefix: /ratings}}]
    route: [{destination: {host: ratings}}]
  - route:
    - {destination: {host: reviews}, weight: 70}
    - {destination: {host: ratings}, weight: 30}
`

// another gives a further Deployment under the Service reviews.
func another(version string) string {
	_, deployment, _ := strings.Cut(reviews, "---")
	return strings.ReplaceAll(strings.ReplaceAll(deployment, "v1", version), "apps/"+version, "apps/v1")
}

const bookinfoRoute = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews]
  http:
  - match: [{headers: {end-user: {exact: jason}}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - route:
    - {destination: {host: reviews, subset: v1}, weight: 50}
    - {destination: {host: reviews, subset: v3}, weight: 50}
`

const bookinfoRule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: shop}
spec:
  host: reviews
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
  - {name: v3, labels: {version: v3}}
`
