package plan_test

import (
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route/evaluate"
)

// asking is a policy that the user asked for, until the controller had nothing
// left to do with the next one.
type asking struct {
	task  string
	share intent.Share
	over  time.Time // zero: it is still asked, or being left
}

// noteAsked notes what is asked now of each release.
func (j *judge) noteAsked() {
	for _, service := range j.c.services {
		claim := j.c.claim(service)
		if claim == nil {
			continue
		}
		all := j.asked[service]
		if len(all) > 0 && all[0].task != claim.Task {
			all = nil
		}
		share, known := j.askedNow(claim, service.Namespace)
		if !known && len(all) > 0 {
			share = all[len(all)-1].share
		}
		if len(all) == 0 || !reflect.DeepEqual(all[len(all)-1].share, share) {
			all = append(slices.Clone(all), asking{task: claim.Task, share: share})
		}
		j.asked[service] = all
	}
}

// askedNow reads the annotations; known is false where they say nothing that can
// be read, so that what was asked before holds.
func (j *judge) askedNow(claim *release.Status, namespace string) (share intent.Share, known bool) {
	d := j.c.get("Deployment " + namespace + "/" + claim.Original.Name)
	switch {
	case claim.Phase == release.Finishing:
		return intent.Share{Weight: intent.Full}, true
	case d == nil:
		return share, false
	case d.GetUID() != claim.Original.UID || d.GetAnnotations()[intent.KeyRelease] != claim.Task:
		return share, true
	}
	i, faults := intent.Parse(d.GetAnnotations())
	if len(faults) == 0 {
		i.Form = claim.Form // which nobody can change any more
		return i.Asked(), true
	}
	if d.GetAnnotations()[intent.KeyEnd] == "cancel" || d.GetAnnotations()[intent.KeyTraffic] == "original" {
		return share, true
	}
	return claim.Policy.Asked(claim.Form), true
}

// rested notes that the controller had nothing to write for the Service: what was
// asked before the last is over.
func (j *judge) rested(service types.NamespacedName) {
	all := j.asked[service]
	for n := range max(0, len(all)-1) {
		if all[n].over.IsZero() {
			all[n].over = j.c.now
		}
	}
}

// allowed are the policies that some proxy may still carry out.
func (j *judge) allowed(service types.NamespacedName) []intent.Share {
	var out []intent.Share
	for _, a := range j.asked[service] {
		if a.over.IsZero() || a.over.Add(j.c.settings.Propagation).After(j.c.now) {
			out = append(out, a.share)
		}
	}
	return out
}

// sample is a request.
type sample struct {
	path    string
	headers map[string]string // names in lower case
}

func (s sample) String() string {
	return fmt.Sprintf("GET %s %v", s.path, s.headers)
}

// with gives the sample as a request of the rule; ok is false where it can't be one,
// or is one already.
func (s sample) with(rule content.Rule) (out sample, ok bool) {
	out = sample{path: s.path, headers: maps.Clone(s.headers)}
	for name, m := range rule.Headers {
		out.headers[name] = m.Value
	}
	for name, m := range rule.Query {
		mark := "?"
		if strings.Contains(out.path, "?") {
			mark = "&"
		}
		out.path += mark + name + "=" + m.Value
	}
	if rule.Cookie != nil {
		out.headers["cookie"] = rule.Cookie.Name + "=" + rule.Cookie.Match.Value
	}
	for name, value := range s.headers {
		if out.headers[name] != value {
			return out, false
		}
	}
	return out, !s.in(rule)
}

// in says whether the sample is a request of the rule, which must be one of
// equalities.
func (s sample) in(rule content.Rule) bool {
	for name, m := range rule.Headers {
		if s.headers[name] != m.Value {
			return false
		}
	}
	for name, m := range rule.Query {
		_, query, _ := strings.Cut(s.path, "?")
		if !slices.Contains(strings.Split(query, "&"), name+"="+m.Value) {
			return false
		}
	}
	return rule.Cookie == nil || s.headers["cookie"] == rule.Cookie.Name+"="+rule.Cookie.Match.Value
}

// share is what a policy gives the grayscale version of the sample.
func (s sample) share(of intent.Share) intent.Weight {
	if slices.ContainsFunc(of.Match, s.in) {
		return intent.Full
	}
	return of.Weight
}

// samples gives requests for each route of the user's, in each rule that was
// asked and in none.
func (j *judge) samples(vs *unstructured.Unstructured, service types.NamespacedName) []sample {
	out := []sample{{path: "/", headers: map[string]string{}}}
	routes, _, _ := unstructured.NestedSlice(route.Strip(vs).Object, "spec", "http")
	for _, r := range routes {
		fields, _ := r.(map[string]any)
		matches, _ := fields["match"].([]any)
		for _, m := range matches {
			match, _ := m.(map[string]any)
			out = append(out, fitting(match))
		}
	}
	for _, a := range j.asked[service] {
		for _, rule := range a.share.Match {
			for _, s := range slices.Clone(out) {
				if more, ok := s.with(rule); ok && !slices.ContainsFunc(out, func(have sample) bool { return reflect.DeepEqual(have, more) }) {
					out = append(out, more)
				}
			}
		}
	}
	return out
}

// fitting gives a request that an Istio match of uri and headers takes.
func fitting(match map[string]any) sample {
	s := sample{path: "/", headers: map[string]string{}}
	value := func(m any) string {
		fields, _ := m.(map[string]any)
		for _, v := range fields {
			text, _ := v.(string)
			return text
		}
		return ""
	}
	if match["uri"] != nil {
		s.path = value(match["uri"])
	}
	headers, _ := match["headers"].(map[string]any)
	for name, m := range headers {
		s.headers[strings.ToLower(name)] = value(m)
	}
	return s
}

// judged is a revision of a VirtualService with the answers that it has given.
type judged struct {
	evaluator *evaluate.Evaluator
	shares    map[string]*big.Rat
}

// given is the part of the sample's requests to the Service that a revision of a
// VirtualService sends to the grayscale version.
func (j *judge) given(vs *unstructured.Unstructured, s sample, service types.NamespacedName) *big.Rat {
	known := j.evaluators[vs]
	if known == nil {
		known = &judged{evaluate.New(evaluate.Input{VirtualServices: []*unstructured.Unstructured{vs}}), map[string]*big.Rat{}}
		j.evaluators[vs] = known
	}
	key := s.String() + service.String()
	if share := known.shares[key]; share != nil {
		return share
	}
	result := known.evaluator.Evaluate(request(vs, s))
	version, ours := new(big.Rat), new(big.Rat)
	for _, d := range result.Destinations {
		if d.Host != route.Host(service) || !strings.HasPrefix(d.Subset, route.Reserved) {
			continue
		}
		ours.Add(ours, d.Share)
		if strings.HasPrefix(d.Subset, route.SubsetVersion) {
			version.Add(version, d.Share)
		}
	}
	if ours.Sign() > 0 {
		version.Quo(version, ours)
	}
	known.shares[key] = version
	return version
}

// request is the sample as it reaches the VirtualService.
func request(vs *unstructured.Unstructured, s sample) evaluate.Request {
	hosts, _, _ := unstructured.NestedStringSlice(vs.Object, "spec", "hosts")
	gateways, _, _ := unstructured.NestedStringSlice(vs.Object, "spec", "gateways")
	r := evaluate.Request{Proxy: evaluate.Proxy{Namespace: vs.GetNamespace()}, Host: hosts[0], Port: 9080, Path: s.path}
	if len(gateways) > 0 && !slices.Contains(gateways, "mesh") {
		r.Gateway, r.Port = gateways[0], 80
	}
	for _, name := range sorted(s.headers) {
		r.Headers = append(r.Headers, evaluate.Header{Name: name, Value: s.headers[name]})
	}
	return r
}

func ratio(w intent.Weight) *big.Rat { return big.NewRat(int64(w), int64(intent.Full)) }

// checkShares: no request has a larger part at the grayscale version than a
// policy gives it that was asked within the propagation delay.
func (j *judge) checkShares(key string, vs *unstructured.Unstructured, service types.NamespacedName) {
	claim := j.claims[service]
	if !j.originalStands(service, claim, j.known(service)) {
		return
	}
	allowed := j.allowed(service)
	for _, s := range j.samples(vs, service) {
		most := intent.Weight(0)
		for _, share := range allowed {
			most = max(most, s.share(share))
		}
		if given := j.given(vs, s, service); given.Cmp(ratio(most)) > 0 {
			j.c.fail("%s sends %s of %s to the grayscale version, and no more than %s %% was asked", key, given.FloatString(4), s, most)
		}
	}
}

// delivered: what status calls routed is what was asked, of every request.
func (j *judge) delivered(service types.NamespacedName) {
	claim, all := plan.Make(j.c.snapshot(service), j.c.now).Status, j.asked[service] // as the plugin shows it
	if j.c.claim(service) == nil || claim == nil || len(all) == 0 || claim.Phase.Ending() || j.c.get("Deployment "+service.Namespace+"/"+claim.Original.Name) == nil {
		return
	}
	calm := !claim.Is(release.Degraded) && !claim.Is(release.Progressing)
	if calm && !claim.Is(release.Routed) {
		j.c.fail("the release of %s has nothing left to do, and is not routed: %+v", service, claim.Conditions)
	}
	if !claim.Is(release.Routed) {
		return
	}
	share := all[len(all)-1].share
	for _, vs := range j.c.list("VirtualService", "") {
		if !slices.ContainsFunc(route.References(vs), func(s types.NamespacedName) bool { return s == service }) {
			continue
		}
		if _, requests, _ := unstructured.NestedSlice(vs.Object, "spec", "http"); !requests {
			j.connections(vs, service, share)
			continue
		}
		for _, s := range j.samples(vs, service) {
			if given := j.given(vs, s, service); given.Cmp(ratio(s.share(share))) != 0 && !j.elsewhere(vs, s, service) {
				j.c.fail("%s is routed, says the status, and %s sends %s of %s to the grayscale version", service, keyOf(vs), given.FloatString(4), s)
			}
		}
	}
	for _, live := range j.live(service) {
		if live.Mirror != share.Mirror {
			j.c.fail("%s is routed, says the status, and mirrors %s %% instead of %s %%", service, live.Mirror, share.Mirror)
		}
	}
}

// connections holds the routes of a VirtualService that leads no requests against
// what is asked, which can't be more than a weight where all others are like it.
func (j *judge) connections(vs *unstructured.Unstructured, service types.NamespacedName, share intent.Share) {
	for _, live := range route.Read(vs) {
		if live.Service == service && (live.Min != share.Weight || live.Max != share.Weight) {
			j.c.fail("%s is routed, says the status, and %s sends %s to %s of its connections to the grayscale version", service, keyOf(vs), live.Min, live.Max)
		}
	}
}

// elsewhere says whether a request goes to another version, or not to the Service.
func (j *judge) elsewhere(vs *unstructured.Unstructured, s sample, service types.NamespacedName) bool {
	result := j.evaluators[vs].evaluator.Evaluate(request(vs, s))
	return !slices.ContainsFunc(result.Destinations, func(d evaluate.Destination) bool {
		variants, _ := j.subset(service, d.Subset)
		claim := j.claims[service]
		return d.Host == route.Host(service) && slices.ContainsFunc(variants, func(v variant) bool {
			version, says := v.selector["version"]
			return !says || version == claim.Original.Version || version == claim.Grayscale.Version
		})
	})
}

// live reads what the routes say of the Service.
func (j *judge) live(service types.NamespacedName) (out []route.Live) {
	for _, vs := range j.c.list("VirtualService", "") {
		for _, l := range route.Read(vs) {
			if l.Service == service {
				out = append(out, l)
			}
		}
	}
	return out
}
