package plan

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// oursOf is an object of ours with that spec, whom the controller wrote last.
func oursOf(t *testing.T, kind, spec string) *unstructured.Unstructured {
	t.Helper()
	fields := map[string]any{}
	if err := yaml.Unmarshal([]byte(spec), &fields); err != nil {
		t.Fatal(err)
	}
	u := fought(kind, "grayscale-reviews", fields)
	u.SetLabels(map[string]string{intent.LabelService: "reviews", intent.LabelNamespace: "shop"})
	u.SetManagedFields([]metav1.ManagedFieldsEntry{by(FieldManager, 9, metav1.ManagedFieldsOperationUpdate, "")})
	return u
}

const (
	wantedRule  = `{host: reviews, subsets: [{name: grayscale-version, trafficPolicy: {loadBalancer: {localityLbSetting: {failoverPriority: [version=v2]}}}}, {name: grayscale-original, labels: {version: v1}}]}`
	wantedRoute = `{hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: grayscale-original}}]}]}`
)

// TestAdmitted: what admission adds to ours stays where it is harmless; what
// changes whom an object is for, or where its requests go, does not.
func TestAdmitted(t *testing.T) {
	for name, test := range map[string]struct {
		kind, there string
		harmful     string // the field; empty: there is none
	}{
		"nothing, in another order":        {"DestinationRule", `{host: reviews, subsets: [{name: grayscale-original, labels: {version: v1}}, {name: grayscale-version, trafficPolicy: {loadBalancer: {localityLbSetting: {failoverPriority: [version=v2]}}}}]}`, ""},
		"a timeout of connections":         {"DestinationRule", strings.Replace(wantedRule, "{host: reviews", "{trafficPolicy: {connectionPool: {tcp: {connectTimeout: 3s}}}, host: reviews", 1), ""},
		"the same in a subset":             {"DestinationRule", strings.Replace(wantedRule, "trafficPolicy: {", "trafficPolicy: {connectionPool: {tcp: {connectTimeout: 3s}}, ", 1), ""},
		"for everybody":                    {"DestinationRule", strings.Replace(wantedRule, "{host: reviews", "{exportTo: ['*'], host: reviews", 1), ""},
		"for its own namespace":            {"DestinationRule", strings.Replace(wantedRule, "{host: reviews", "{exportTo: ['.'], host: reviews", 1), "spec.exportTo"},
		"another host":                     {"DestinationRule", strings.Replace(wantedRule, "host: reviews", "host: reviews.shop", 1), "spec.host"},
		"a label of a subset":              {"DestinationRule", strings.Replace(wantedRule, "version: v1", "version: v1, tier: web", 1), "spec.subsets.grayscale-original.labels.tier"},
		"labels of a subset without":       {"DestinationRule", strings.Replace(wantedRule, "grayscale-version,", "grayscale-version, labels: {tier: web},", 1), "spec.subsets.grayscale-version.labels"},
		"one subset more":                  {"DestinationRule", strings.Replace(wantedRule, "subsets: [", "subsets: [{name: all}, ", 1), "spec.subsets"},
		"another failover":                 {"DestinationRule", strings.Replace(wantedRule, "{failoverPriority", "{distribute: [], failoverPriority", 1), "spec.subsets.grayscale-version.trafficPolicy.loadBalancer.localityLbSetting.distribute"},
		"settings of a port":               {"DestinationRule", strings.Replace(wantedRule, "{host: reviews", "{trafficPolicy: {portLevelSettings: [{port: {number: 80}}]}, host: reviews", 1), "spec.trafficPolicy"},
		"a balancer past the subsets":      {"DestinationRule", strings.Replace(wantedRule, "loadBalancer: {", "loadBalancer: {simple: PASSTHROUGH, ", 1), "spec.subsets.grayscale-version.trafficPolicy.loadBalancer.simple"},
		"its own priority":                 {"DestinationRule", strings.Replace(wantedRule, "version=v2", "version=v3", 1), "spec.subsets.grayscale-version.trafficPolicy.loadBalancer.localityLbSetting.failoverPriority.0"},
		"a time-out of routes":             {"VirtualService", strings.Replace(wantedRoute, "[{route", "[{timeout: 9s, route", 1), ""},
		"a route for everybody":            {"VirtualService", strings.Replace(wantedRoute, "{hosts", "{exportTo: ['*'], hosts", 1), ""},
		"headers of a destination":         {"VirtualService", strings.Replace(wantedRoute, "[{destination", "[{headers: {}, destination", 1), ""},
		"another port":                     {"VirtualService", strings.Replace(wantedRoute, "{host:", "{port: {number: 80}, host:", 1), "spec.http.0.route.0.destination.port"},
		"a match":                          {"VirtualService", strings.Replace(wantedRoute, "[{route", "[{match: [{port: 80}], route", 1), "spec.http.0.match"},
		"a gateway":                        {"VirtualService", strings.Replace(wantedRoute, "{hosts", "{gateways: [edge], hosts", 1), "spec.gateways"},
		"a mirror of all that comes there": {"VirtualService", strings.Replace(wantedRoute, "[{route", "[{mirror: {host: audit}, route", 1), "spec.http.0.mirror"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := wantedRule
			if test.kind == "VirtualService" {
				spec = wantedRoute
			}
			want, there := oursOf(t, test.kind, spec), oursOf(t, test.kind, test.there)
			if got := admitted(there, want); got != (test.harmful == "") {
				t.Errorf("stays: %t", got)
			}
			s := Snapshot{DestinationRules: []*unstructured.Unstructured{there}, VirtualServices: []*unstructured.Unstructured{there}}
			message := s.changedByAdmission(Written{Kind: test.kind, Key: keyOf(there)}, update(want))
			if test.harmful == "" && message != "" || !strings.Contains(message, test.harmful) {
				t.Errorf("the message is %q, want %q in it", message, test.harmful)
			}
			there.SetManagedFields(append(there.GetManagedFields(), by("kubectl-edit", 9, metav1.ManagedFieldsOperationUpdate, "")))
			if admitted(there, want) || s.changedByAdmission(Written{Kind: test.kind, Key: keyOf(there)}, update(want)) != "" {
				t.Error("somebody may have written after us")
			}
		})
	}
}

// TestFoughtByAdmission: what admission makes of our writes is nobody's fight, and
// is refused by the name of the field; it is written more and more rarely all the
// same.
func TestFoughtByAdmission(t *testing.T) {
	want := oursOf(t, "DestinationRule", wantedRule)
	there := oursOf(t, "DestinationRule", strings.Replace(wantedRule, "version: v1", "version: v1, tier: web", 1))
	s := Snapshot{DestinationRules: []*unstructured.Unstructured{there}}
	for n := range 3 {
		s.Written = Remember(s.Written, Plan{Changes: []Change{{Action: Update, Before: there, Object: want}}}, start.Add(time.Duration(n)*time.Second))
	}
	p := Plan{Changes: []Change{{Action: Update, Before: there, Object: want}}}
	if who := s.slower(&p, start.Add(3*time.Second)); who != "" || len(p.Changes) != 0 {
		t.Errorf("fought by %q, %d writes", who, len(p.Changes))
	}
	if got := strings.Join(p.Refused, "; "); !strings.Contains(got, "DestinationRule shop/grayscale-reviews (spec.subsets.grayscale-original.labels.tier)") {
		t.Errorf("refused: %q", got)
	}
}
