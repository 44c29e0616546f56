package webhook

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

const controller = "system:serviceaccount:grayscale-system:grayscale-controller"

func handlers(objects ...*unstructured.Unstructured) map[string]admission.Handler {
	live := snapshot.Files(objects)
	read := reader{live: live}
	decoder := admission.NewDecoder(runtime.NewScheme())
	mesh := mesh{live: live, cached: live, settings: plan.Defaults}
	return map[string]admission.Handler{
		PathMutateDeployment:     &mutateDeployment{read: read, decoder: decoder, controller: controller},
		PathValidateDeployment:   &validateDeployment{read: read, decoder: decoder, controller: controller, mesh: mesh, authority: authority{anything}},
		PathMutateVirtualService: &mutateVirtualService{decoder: decoder, mesh: mesh},
		PathGuardDeployment:      &guardDeployment{live: live, cached: live, decoder: decoder, controller: controller},
	}
}

func request(is, was string) admission.Request {
	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Namespace: "shop", Name: "reviews-v1", UserInfo: authenticationv1.UserInfo{Username: "jane"},
		Object: runtime.RawExtension{Raw: []byte(is)}, OldObject: runtime.RawExtension{Raw: []byte(was)},
	}}
}

// head is a Deployment's JSON up to its metadata's annotations.
const head = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"reviews-v1","namespace":"shop","annotations":`

func TestAnyInputGetsABoundedAnswer(t *testing.T) {
	huge := strings.Repeat("ü\u0000", 100_000)
	many := map[string]string{}
	for n := range 2000 {
		many[fmt.Sprintf("%sunknown-%d", intent.Prefix, n)] = huge[:100]
	}
	one := map[string]string{}
	for _, key := range intent.Keys {
		one[key] = huge
	}
	inputs := map[string]string{
		"nothing": "", "no object": "[]", "null": "null", "not JSON": "{", "no kind": "{}",
		"annotations are a number": head + `7}}`,
		"a value is a number":      head + `{"grayscale.dev/release":7}}}`,
		"spec is a list":           head + `{"grayscale.dev/release":"abcd"}},"spec":[]}`,
		"labels are a list":        `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":["grayscale.dev/task"]}}`,
		"a clone with nothing":     `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"grayscale.dev/task":""}}}`,
		"invalid UTF-8":            head + "{\"grayscale.dev/release\":\"a\xff\xfe\"}}}",
		"many keys":                head + text(t, many) + `}}`,
		"huge values":              head + text(t, one) + `}}`,
		"a weird VirtualService":   `{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"x"},"spec":{"http":[7,{"route":{"destination":[]}}]}}`,
	}
	for name, input := range inputs {
		for path, handler := range handlers() {
			for _, was := range []string{"", head + `null}}`, input} {
				answer := handler.Handle(t.Context(), request(input, was))
				bytes, err := json.Marshal(answer)
				if err != nil || len(bytes) > 64<<10 {
					t.Errorf("%s, %s: an answer of %d bytes, %v", name, path, len(bytes), err)
				}
				if answer.Result != nil && !utf8.ValidString(answer.Result.Message) {
					t.Errorf("%s, %s: the answer is not UTF-8", name, path)
				}
			}
		}
	}
}

func text(t *testing.T, m map[string]string) string {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPatchesTouchOnlyOurOwnKey(t *testing.T) {
	for _, c := range []struct{ name, annotations, op, value string }{
		{name: "set", annotations: `{"a":"b","grayscale.dev/release":"abcd"}`, op: "add", value: "jane"},
		{name: "overwritten", annotations: `{"grayscale.dev/release":"abcd","grayscale.dev/by":"joe"}`, op: "add", value: "jane"},
		{name: "right already", annotations: `{"grayscale.dev/release":"abcd","grayscale.dev/by":"jane"}`},
		{name: "without a release", annotations: `{"grayscale.dev/weight":"1","grayscale.dev/by":"joe"}`, op: "remove"},
		{name: "nothing of ours", annotations: `{"a":"b"}`},
	} {
		answer := handlers()[PathMutateDeployment].Handle(t.Context(), request(head+c.annotations+`}}`, ""))
		if !answer.Allowed {
			t.Errorf("%s: refused: %v", c.name, answer.Result)
		}
		if c.op == "" && len(answer.Patches) == 0 {
			continue
		}
		if len(answer.Patches) != 1 || answer.Patches[0].Operation != c.op || answer.Patches[0].Path != pathBy ||
			c.value != "" && answer.Patches[0].Value != c.value {
			t.Errorf("%s: got %v, want one %q of %s", c.name, answer.Patches, c.op, pathBy)
		}
	}
}

// failing is an API server that does not answer.
type failing struct{ client.Reader }

var errDown = errors.New("the API server is gone")

func (failing) List(context.Context, client.ObjectList, ...client.ListOption) error { return errDown }

func TestWhatCannotBeDecidedIsRefused(t *testing.T) {
	h := &validateDeployment{read: reader{live: failing{}}, decoder: admission.NewDecoder(runtime.NewScheme()), controller: controller}
	for _, object := range []string{
		head + `{"grayscale.dev/release":"abcd"}}}`,
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"grayscale.dev/task":"abcd"}}}`,
	} {
		answer := h.Handle(t.Context(), request(object, ""))
		if answer.Allowed || answer.Result.Code != http.StatusInternalServerError || !strings.Contains(answer.Result.Message, "shop/reviews-v1") {
			t.Errorf("got %v, want a failure that names the Deployment", answer.Result)
		}
	}
}

func TestAnswersAreCut(t *testing.T) {
	var v decide.Verdict
	for range 100 {
		v.Faults = append(v.Faults, intent.Fault{At: "x", Why: "is\nwrong " + strings.Repeat("y", 5000)})
		v.Warnings = append(v.Warnings, "w\x00\xff")
	}
	a := answer("Deployment a/b", v)
	lines := strings.Split(a.Result.Message, "\n")
	if len(lines) != mostLines+2 || lines[len(lines)-1] != "and 76 more" || len(a.Warnings) != mostLines {
		t.Errorf("got %d lines, %d warnings, the last line %q", len(lines), len(a.Warnings), lines[len(lines)-1])
	}
	if len(lines[1]) > mostRunes+3 || a.Warnings[0] != "w \uFFFD" {
		t.Errorf("a line of %d bytes, a warning %q", len(lines[1]), a.Warnings[0])
	}
}

func TestTheWrittenObjectIsInTheLists(t *testing.T) {
	make := func(namespace, name string) *unstructured.Unstructured {
		u := snapshot.Object(snapshot.Deployments)
		u.SetNamespace(namespace)
		u.SetName(name)
		return u
	}
	stored := snapshot.Files([]*unstructured.Unstructured{make("shop", "a"), make("shop", "b"), make("other", "a")})
	written := make("shop", "b")
	written.SetAnnotations(map[string]string{"new": "yes"})
	count := func(r client.Reader, kind string, opts ...client.ListOption) (all, fresh int) {
		var l unstructured.UnstructuredList
		l.SetAPIVersion("apps/v1")
		l.SetKind(kind)
		if err := r.List(t.Context(), &l, opts...); err != nil {
			t.Fatal(err)
		}
		for _, u := range l.Items {
			if u.GetAnnotations()["new"] == "yes" {
				fresh++
			}
		}
		return len(l.Items), fresh
	}
	for _, c := range []struct {
		name       string
		written    *unstructured.Unstructured
		kind       string
		namespace  string
		all, fresh int
	}{
		{"replaced", written, "DeploymentList", "shop", 2, 1},
		{"elsewhere", written, "DeploymentList", "other", 1, 0},
		{"everywhere", written, "DeploymentList", "", 3, 1},
		{"another kind", written, "ReplicaSetList", "shop", 0, 0},
	} {
		if all, fresh := count(after{stored, c.written}, c.kind, client.InNamespace(c.namespace)); all != c.all || fresh != c.fresh {
			t.Errorf("%s: got %d, %d of them new, want %d, %d", c.name, all, fresh, c.all, c.fresh)
		}
	}
	created := make("shop", "c")
	if all, _ := count(after{stored, created}, "DeploymentList", client.InNamespace("shop")); all != 3 {
		t.Errorf("created: got %d, want 3", all)
	}
}

func TestABrokenCertificateLeavesTheLastOne(t *testing.T) {
	p := &keyPair{dir: t.TempDir(), loaded: make(chan struct{})}
	var c tls.Config
	p.serve(&c)
	for _, data := range []map[string][]byte{nil, {corev1.TLSCertKey: []byte("x"), corev1.TLSPrivateKeyKey: []byte("y")}} {
		p.take(t.Context(), &corev1.Secret{Data: data})
		if _, err := c.GetCertificate(nil); err == nil {
			t.Error("serves a certificate that is none")
		}
	}
}

// TestTheConfigurationsNameThePathsThatAreServed, and ask both webhooks for
// Deployments about the same writes: CEL can't be shared between two objects.
func TestTheConfigurationsNameThePathsThatAreServed(t *testing.T) {
	file, err := os.ReadFile("../manifests/base/webhooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	conditions := map[string]any{}
	for document := range strings.SplitSeq(string(file), "\n---\n") {
		var u unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(document), &u.Object); err != nil {
			t.Fatal(err)
		}
		hooks, _, _ := unstructured.NestedSlice(u.Object, "webhooks")
		for _, hook := range hooks {
			path, _, _ := unstructured.NestedString(hook.(map[string]any), "clientConfig", "service", "path")
			conditions[path] = hook.(map[string]any)["matchConditions"]
		}
	}
	served := handlers()
	if len(served) != len(conditions) {
		t.Errorf("%d webhooks are configured, %d served", len(conditions), len(served))
	}
	for path := range conditions {
		if served[path] == nil {
			t.Errorf("%s is configured and not served", path)
		}
	}
	if !reflect.DeepEqual(conditions[PathMutateDeployment], conditions[PathValidateDeployment]) {
		t.Error("the two webhooks for Deployments have different conditions")
	}
}

// documents reads YAML objects.
func documents(t *testing.T, text string) (out []*unstructured.Unstructured) {
	t.Helper()
	for document := range strings.SplitSeq(text, "\n---\n") {
		data, err := yaml.YAMLToJSON([]byte(document))
		u := &unstructured.Unstructured{}
		if err == nil {
			err = u.UnmarshalJSON(data)
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, u)
	}
	return out
}
