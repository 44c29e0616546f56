// Package route edits VirtualServices and DestinationRules for running
// releases. It is pure: it reads no cluster, clock or environment, never
// changes what it is given, and keeps every field that it does not know.
//
// # VirtualServices: insert, never rewrite
//
// Envoy takes the first HTTP route that matches. So a route of the user's is
// never changed: copies that differ in nothing but the destinations of the
// Service under release, and in whom they match, are put directly before it and
// shadow it. At 10 %, and all of Jason's requests, the user's
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
//	- name: all                      # ours, by content: the rule AND the user's match
//	  match: [{uri: {prefix: /}, headers: {end-user: {exact: jason}}}]
//	  timeout: 2s
//	  route:
//	  - destination: {host: reviews, subset: grayscale-version}
//	- name: all                      # ours, by weight: who is in no rule
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
// the user's routes and the splits alone, never on the step before. The rules
// stand in an annotation beside the copies, so that [Recover] finds in the object
// alone what was applied.
//
// Where one Istio match can't hold a rule and the route's own conditions in the
// obvious way, they are said in another: a header's name in another case, a query
// parameter as an expression of the path. What can't be said at all is refused.
//
// # DestinationRules: rules of our own beside the user's
//
// istiod merges rules for one host in one namespace when exportTo and
// workloadSelector are the same. [Rules] says which rules of ours must stand
// beside the user's, so that our subsets exist for every caller and inherit the
// user's policy; the user's own rules are not edited while a release runs.
//
// # Where to find what
//
// Objects as the API server gives them: object (JSON without panics), host (whose
// host a name is), names (ours), visibility (exportTo), destination and references
// (where routes lead), stand (whether a VirtualService stands for a host),
// crowd (which others do), concerns (which Services an object is about), named
// (which subsets).
//
// Copies: apply and strip (the whole), split (what is asked), copies (of one
// route), choice (by which rules), part (what becomes of a destination), weights
// (exact shares), compose (rule AND match), querypath (a query parameter in the
// path), mirror (all forms of it), size (bounds), ladder (less and less, where a
// bound is passed), inplace (where nothing can be said), l4 and l4takes (TCP and
// TLS), own and l4gaps (where no route of the user's is), delegate and
// delegate_merge (roots).
//
// Reading back: group (copies and the user's route), read and shares (what they
// give), recover and recover_mirror (the splits), note (the rules).
//
// DestinationRules: rules (the whole), survey, site, home and tangle (where ours
// must stand, as istiod looks rules up), cover (who would miss them), meaning
// (what the user's subsets stand for), subset and policy (what ours hold), want
// (our rules).
//
// Finish by replacement: retarget (routes), successor (subsets).
package route
