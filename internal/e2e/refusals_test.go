package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// refusal is something by which a release could not be kept safe: admission
// names it and says why.
type refusal struct {
	name      string
	documents string   // what stands there meanwhile, beside the app
	original  string   // the Deployment that is annotated; empty: reviews-v1
	pairs     []string // beside release and image
	words     []string // that the answer must have
	risk      string   // with which it is admitted; empty: none is enough
}

// routed is a VirtualService for callers in the mesh, with these HTTP routes.
func routed(routes string) string {
	return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: more}
spec: {hosts: [reviews], http: [` + routes + `]}
`
}

// ruled is a DestinationRule with this spec.
func ruled(name, spec string) string {
	return "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {" + name + "}\nspec: {" + spec + "}\n"
}

// manyMatches and manyRules are each harmless, and together 1,280 matches.
var (
	manyMatches = "{name: many, match: [" + strings.Repeat("{uri: {prefix: /a}}, ", 79) + "{uri: {prefix: /b}}], route: [{destination: {host: reviews}}]}"
	manyRules   = "match=[" + strings.Repeat("{headers: {x-a: {exact: a}, x-b: {exact: b}}}, ", 15) + "{headers: {x-c: {exact: c}}}]"
)

var refusals = []refusal{
	{name: "a sibling Service", documents: makeService("sibling", "reviews"), words: []string{"Service $NS/sibling", "both versions", "unrouted"}, risk: "unrouted"},
	{
		name: "a headless sibling", risk: "unrouted", words: []string{"Service $NS/headless", "both versions"},
		documents: strings.Replace(makeService("headless", "reviews"), "spec:", "spec:\n  clusterIP: None", 1),
	},
	{
		name: "an Ingress", risk: "unrouted", words: []string{"Ingress $NS/front", "reviews"},
		documents: "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: front}\nspec: {defaultBackend: {service: {name: reviews, port: {number: 9080}}}}\n",
	},
	{
		name: "a ServiceEntry", risk: "unrouted", words: []string{"ServiceEntry $NS/alias", "both versions"},
		documents: "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: alias}\nspec: {hosts: [alias.example], location: MESH_INTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], workloadSelector: {labels: {app: reviews}}}\n",
	},
	{
		name: "a WorkloadEntry", words: []string{"WorkloadEntry $NS/vm", "has no label version"},
		documents: "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: vm}\nspec: {address: 192.0.2.1, labels: {app: reviews}}\n",
	},
	{
		name: "a WorkloadEntry of the grayscale version", words: []string{"WorkloadEntry $NS/vm", "v2"},
		documents: "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: vm}\nspec: {address: 192.0.2.1, labels: {app: reviews, version: v2}}\n",
	},
	{
		name: "an address without a pod", words: []string{"address 192.0.2.1 of EndpointSlice $NS/vm"},
		documents: "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: vm, labels: {kubernetes.io/service-name: reviews}}\naddressType: IPv4\nendpoints: [{addresses: [192.0.2.1]}]\n",
	},
	{name: "another Deployment of the original's version", documents: makeDeployment("spot").YAML(), words: []string{"Deployment $NS/spot", "a finish would leave it behind"}},
	{name: "a wildcard", documents: strings.Replace(routed("{route: [{destination: {host: reviews}}]}"), "[reviews]", `["*.$NS.svc.cluster.local"]`, 1), words: []string{"VirtualService $NS/more", "wildcard", "*.$NS.svc.cluster.local"}},
	{
		name: "TCP by destinationSubnets", words: []string{"VirtualService $NS/more", "tcp[0]", "destinationSubnets"},
		documents: "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: more}\nspec: {hosts: [reviews], tcp: [{match: [{destinationSubnets: [10.0.0.0/8]}], route: [{destination: {host: reviews}}]}]}\n",
	},
	{name: "a private rule", documents: ruled("name: private", `host: reviews, exportTo: ["."]`), words: []string{"DestinationRule $NS/private", "exportTo"}},
	{name: "a caller's rule", documents: ruled("name: $NS, namespace: default", `host: "*.$NS.svc.cluster.local", exportTo: ["."], trafficPolicy: {connectionPool: {tcp: {maxConnections: 900}}}`), words: []string{"DestinationRule default/$NS"}},
	{name: "our subsets' names in a rule", documents: ruled("name: mine", "host: reviews, subsets: [{name: grayscale-mine, labels: {version: v1}}]"), words: []string{"DestinationRule $NS/mine", "grayscale-"}},
	{name: "our rule's name", documents: ruled("name: grayscale-reviews", "host: reviews"), words: []string{"DestinationRule $NS/grayscale-reviews"}},
	{name: "the clone's name is taken", documents: makeDeployment("reviews-v2").App("another").YAML(), words: []string{"grayscale.dev/name", "reviews-v2"}},
	{name: "a name that is none", pairs: []string{"name=Reviews_2"}, words: []string{"grayscale.dev/name", "Reviews_2"}},
	{name: "a long name", documents: makeDeployment(long).YAML(), original: long, words: []string{"Deployment $NS/" + long, "64 characters", "63"}},
	{name: "a headless Service", pairs: []string{"service=silent"}, words: []string{"Service $NS/silent", "headless"}, documents: strings.Replace(makeService("silent", "reviews"), "spec:", "spec:\n  clusterIP: None", 1)},
	{name: "an ExternalName", pairs: []string{"service=outside"}, words: []string{"Service $NS/outside", "ExternalName"}, documents: strings.Replace(makeService("outside", "reviews"), "spec:", "spec:\n  type: ExternalName\n  externalName: shop.example", 1)},
	{name: "a port over UDP", documents: strings.Replace(makeService("reviews", "reviews"), "9080}", "9080}, {name: quic, port: 9443, protocol: UDP}", 1), words: []string{"Service $NS/reviews port 9443", "UDP"}, risk: "unrouted"},
	{name: "a port of every node", documents: strings.Replace(makeService("reviews", "reviews"), "spec:", "spec:\n  type: NodePort", 1), words: []string{"Service $NS/reviews", "NodePort"}, risk: "unrouted"},
	{
		name: "a rule that a route can't say", pairs: []string{`match=[{query: {beta: {regex: "a+"}}}]`},
		documents: routed(`{name: betas, match: [{queryParams: {beta: {regex: "b+"}}}], route: [{destination: {host: reviews}}]}`),
		words:     []string{"grayscale.dev/match", "VirtualService $NS/more", "betas", "beta"},
	},
	{name: "weights beyond Istio's", pairs: []string{"weight=0.01"}, words: []string{"VirtualService $NS/more", "heavy", "2000000011"}, documents: routed("{name: heavy, route: [{destination: {host: reviews}, weight: 2000000011}, {destination: {host: elsewhere.example}, weight: 3}]}")},
	{name: "too many matches", pairs: []string{manyRules}, documents: routed(manyMatches), words: []string{"VirtualService $NS/more", "many", "1000"}},
	{
		name: "a delegate whose copies the root drops", pairs: []string{"match=[{headers: {x-a: {exact: a}}}]"},
		documents: partAndRoot,
		words:     []string{"$NS/part", "some", "$NS/root", "rest"},
	},
}

const partAndRoot = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: part}
spec: {http: [{name: some, route: [{destination: {host: reviews}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root}
spec:
  hosts: [reviews]
  http: [{name: rest, match: [{uri: {prefix: /a}, ignoreUriCase: true}], delegate: {name: part}}]
`

var long = "reviews-" + strings.Repeat("x", 64-len("reviews-"))

// refusedByName: each is refused with the object and the reason, and most can't
// be accepted; once all are gone a release starts, and one that comes up in the
// middle is told by the status.
func refusedByName(t *testing.T) {
	w := newWorld(t)
	w.apply(makeService("reviews", "reviews"), makeDeployment("reviews-v1").YAML())
	for _, r := range refusals {
		w.refuses(r)
	}
	w.rolledOut("reviews-v1")
	w.annotate("reviews-v1", "release=first", "image=v2", "service=reviews")
	w.untilPhase(release.Ready)
	w.apply(makeService("sibling", "reviews"))
	s := w.until("a word of the sibling", func(s *release.Status) bool { return degradedFor(s, release.ReasonUnrouted) })
	if m := s.Condition(release.Degraded).Message; !strings.Contains(m, "sibling") {
		t.Errorf("the status does not name the sibling: %s", m)
	}
	w.annotate("reviews-v1", "accept=unrouted")
	w.until("the risk accepted", func(s *release.Status) bool { return !s.Is(release.Degraded) })
	w.annotate("reviews-v1", "end=cancel")
	w.untilEnded("reviews", "first", release.Cancelled)
	w.clean()
}

// refuses asks for one, with its objects there, by a dry run: the webhook judges
// that like any other write.
func (w *world) refuses(r refusal) {
	w.t.Helper()
	if r.documents != "" {
		w.stand(r.documents)
		defer w.restore(r.documents)
	}
	original := r.original
	if original == "" {
		original = "reviews-v1"
	}
	ask := func(pairs ...string) (string, error) {
		pairs = append([]string{"release=first", "image=v2", "service=reviews"}, append(r.pairs, pairs...)...)
		return w.dryRun(original, annotations(last(pairs)))
	}
	answer, err := ask()
	if err == nil {
		w.t.Errorf("%s: admitted", r.name)
	}
	for _, word := range r.words {
		if word = w.here(word); !strings.Contains(answer, word) {
			w.t.Errorf("%s: the answer lacks %q: %s", r.name, word, answer)
		}
	}
	answer, err = ask("accept=unrouted,undersized,managed,unprotected")
	if (err == nil) != (r.risk != "") {
		w.t.Errorf("%s: with all risks accepted: %v, want only risk %q to be one: %s", r.name, err, r.risk, answer)
	}
}

// dryRun annotates a Deployment without effect, and gives what was answered.
func (w *world) dryRun(deployment string, pairs []string) (string, error) {
	w.t.Helper()
	asked := map[string]string{}
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		asked[key] = value
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": asked}})
	if err != nil {
		w.t.Fatal(err)
	}
	u := w.get(deployments, deployment)
	for until := time.Now().Add(soon); ; { // the webhook of a busy machine may be late
		err := cluster.Patch(w.ctx, u, client.RawPatch(types.MergePatchType, patch), client.DryRunAll)
		if err == nil || !apierrors.IsInternalError(err) || time.Now().After(until) {
			return fmt.Sprint(err), err
		}
	}
}

// objects are those that documents hold, in their namespaces.
func (w *world) objects(documents string) (out []*unstructured.Unstructured) {
	w.t.Helper()
	for _, document := range strings.Split(w.here(documents), "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &u.Object); err != nil {
			w.t.Fatal(err)
		}
		if u.GetNamespace() == "" {
			u.SetNamespace(w.namespace)
		}
		out = append(out, u)
	}
	return out
}

// last leaves of several pairs with one key the last.
func last(pairs []string) (out []string) {
	at := map[string]int{}
	for _, pair := range pairs {
		key, _, _ := strings.Cut(pair, "=")
		if n, ok := at[key]; ok {
			out[n] = pair
			continue
		}
		at[key] = len(out)
		out = append(out, pair)
	}
	return out
}

// stand makes the objects of documents; the app's Service is changed.
func (w *world) stand(documents string) {
	w.t.Helper()
	for _, u := range w.objects(documents) {
		if u.GetKind() == "Service" && u.GetName() == "reviews" {
			w.apply(documents)
		} else if err := cluster.Create(w.ctx, u); err != nil {
			w.t.Fatalf("making %s %s: %v", u.GetKind(), u.GetName(), err)
		}
	}
}

// restore takes them away again; the Service becomes what it was.
func (w *world) restore(documents string) {
	w.t.Helper()
	for _, u := range w.objects(documents) {
		if err := cluster.Delete(w.ctx, u); err != nil {
			w.t.Fatalf("deleting %s %s: %v", u.GetKind(), u.GetName(), err)
		}
		if u.GetKind() == "Service" && u.GetName() == "reviews" {
			w.apply(makeService("reviews", "reviews"))
		}
	}
}
