// Package route edits VirtualServices and DestinationRules for running
// releases. It is pure: it reads no cluster, clock or environment, never
// changes what it is given, and keeps every field that it does not know.
//
// # VirtualServices: insert, never rewrite
//
// Envoy takes the first HTTP route that matches. So a route of the user's is
// never changed: a copy that differs in nothing but the destinations of the
// Service under release is put directly before it and shadows it. At 10 %, the
// user's
//
//	http:
//	- name: all
//	  match: [{uri: {prefix: /}}]
//	  timeout: 2s
//	  route:
//	  - destination: {host: reviews}
//
// becomes
//
//	http:
//	- name: all                      # ours
//	  match: [{uri: {prefix: /}}]
//	  timeout: 2s
//	  route:
//	  - destination: {host: reviews, subset: grayscale-original}
//	    weight: 9000
//	  - destination: {host: reviews, subset: grayscale-version}
//	    weight: 1000
//	- name: all                      # the user's, untouched
//	  match: [{uri: {prefix: /}}]
//	  timeout: 2s
//	  route:
//	  - destination: {host: reviews}
//
// and undoing is deleting every route with a destination whose subset has the
// reserved prefix [Reserved]: [Strip] of [Apply] gives back what the user wrote.
// A policy step is always Apply, which strips first, so the result depends on
// the user's routes and the splits alone, never on the step before.
//
// # DestinationRules: rules of our own beside the user's
//
// istiod merges rules for one host in one namespace when exportTo and
// workloadSelector are the same. [Rules] says which rules of ours must stand
// beside the user's, so that our subsets exist for every caller and inherit the
// user's policy; the user's own rules are not edited while a release runs.
package route
