package judge

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/schema/gvk"
	"istio.io/istio/pkg/config/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

const host = "reviews.shop.svc.cluster.local"

// input is the form of the route room's testdata/rules/*.in.yaml.
type input struct {
	Service         string
	Versions        release.Versions
	Rules           []map[string]any
	VirtualServices []map[string]any
	RootNamespace   string
}

// callers are workloads whose view of the rules is compared: namespace and labels.
var callers = []struct {
	namespace string
	labels    map[string]string
}{
	{"shop", map[string]string{"app": "productpage"}},
	{"shop", map[string]string{"app": "details"}},
	{"web", map[string]string{"app": "web"}},
	{"web", map[string]string{"app": "batch"}},
	{"other", map[string]string{"app": "other"}},
	{"istio-system", map[string]string{"istio": "ingressgateway"}},
	{"mesh-root", map[string]string{"istio": "ingressgateway"}},
}

// needed are refusals for what istiod would do; the others are the contract's.
var needed = []string{"private", "private-both", "private-and-public", "caller-wildcard", "caller-selector-private", "root-private", "root-two", "root-wildcard-two",
	"root-selector-private", "home-selector-root-wildcard", "home-wildcards-torn"}

// Where Rules refuses nothing, every caller gets every subset of ours, each with
// the policy of what it stands for, and nothing of the user's changes. Where it
// refuses for istiod's sake, some caller would not.
func TestRulesAsIstiodSeesThem(t *testing.T) {
	inputs, err := filepath.Glob("../testdata/rules/*.in.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	accepted := 0
	for _, path := range inputs {
		name := strings.TrimSuffix(filepath.Base(path), ".in.yaml")
		if name == "malformed" {
			continue // no API server would hold it
		}
		t.Run(name, func(t *testing.T) {
			in := read(t, path)
			result, faults := route.Rules(in)
			switch {
			case len(faults) == 0:
				accepted++
				for _, wrong := range judged(t, in, result) {
					t.Error(wrong)
				}
			case slices.Contains(needed, name) && len(judged(t, in, result)) == 0:
				t.Errorf("refused without need: %v", faults)
			}
		})
	}
	if accepted < 10 {
		t.Errorf("only %d of %d inputs were accepted", accepted, len(inputs))
	}
}

// judged says what is wrong for any caller when our rules stand beside the
// user's.
func judged(t *testing.T, in route.RulesInput, result route.RulesResult) (wrong []string) {
	t.Helper()
	user := configs(t, in.Rules...)
	ours := configs(t, result.Want...)
	before := istiod(t, in, user)
	// Ours are younger in the first, older in the second.
	for _, all := range [][]config.Config{slices.Concat(user, ours), slices.Concat(aged(ours), user)} {
		after := istiod(t, in, all)
		for _, caller := range callers {
			name := fmt.Sprintf("%s/%s", caller.namespace, caller.labels)
			proxy := workload(after, caller.namespace, caller.labels)
			wrong = append(wrong, compare(name, result,
				clusters(before, workload(before, caller.namespace, caller.labels)), clusters(after, proxy))...)
			if in.Versions.Grayscale == "v2" { // the pods' version
				wrong = append(wrong, prefers(name, result, endpoints(after, proxy))...)
			}
		}
	}
	return wrong
}

func read(t *testing.T, path string) route.RulesInput {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in := input{Versions: release.Versions{
		Label: "version", Original: "v1", Grayscale: "v2",
		OriginalLabels: map[string]string{"app": "reviews", "version": "v1"},
		VersionLabels:  []string{"version"},
	}}
	if err := yaml.UnmarshalStrict(data, &in); err != nil {
		t.Fatal(err)
	}
	namespace, name, _ := strings.Cut(in.Service, "/")
	return route.RulesInput{
		Service: types.NamespacedName{Namespace: namespace, Name: name}, Versions: in.Versions,
		Rules: objects("DestinationRule", in.Rules), VirtualServices: objects("VirtualService", in.VirtualServices),
		RootNamespace: in.RootNamespace,
	}
}

func objects(kind string, in []map[string]any) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, item := range in {
		item["apiVersion"], item["kind"] = "networking.istio.io/v1", kind
		out = append(out, &unstructured.Unstructured{Object: item})
	}
	return out
}

// configs reads objects as istiod does and puts them before its validation.
func configs(t *testing.T, objects ...*unstructured.Unstructured) []config.Config {
	t.Helper()
	var out []config.Config
	for _, obj := range objects {
		read, err := parse(obj)
		if err != nil {
			t.Errorf("Istio refuses %s %s/%s: %v: %v", obj.GetKind(), obj.GetNamespace(), obj.GetName(), err, obj.Object["spec"])
			continue
		}
		out = append(out, read)
	}
	return out
}

// parse reads an object as istiod does, with its validation.
func parse(obj *unstructured.Unstructured) (config.Config, error) {
	data, err := yaml.Marshal(obj.Object)
	if err != nil {
		return config.Config{}, err
	}
	read, rest, err := crd.ParseInputs(string(data))
	if err != nil {
		return config.Config{}, err
	}
	if len(read) != 1 || len(rest) > 0 {
		return config.Config{}, fmt.Errorf("istiod reads %d objects, and leaves out %v", len(read), rest)
	}
	validate := validation.ValidateDestinationRule
	if read[0].GroupVersionKind == gvk.VirtualService {
		validate = validation.ValidateVirtualService
	}
	if _, err := validate(read[0]); err != nil {
		return config.Config{}, err
	}
	read[0].Domain = "cluster.local"
	return read[0], nil
}

// aged makes the rules older than all others.
func aged(in []config.Config) []config.Config {
	out := slices.Clone(in)
	for i := range out {
		out[i].CreationTimestamp = out[i].CreationTimestamp.AddDate(-1, 0, 0)
	}
	return out
}

// istiod makes one with the Service's endpoints and these rules.
func istiod(t *testing.T, in route.RulesInput, rules []config.Config) *xds.FakeDiscoveryServer {
	t.Helper()
	m := mesh.DefaultMeshConfig()
	if in.RootNamespace != "" {
		m.RootNamespace = in.RootNamespace
	}
	return xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		Configs: rules, MeshConfig: m, KubernetesObjectString: service,
	})
}

// workload sets a caller up: the one with the label istio is a gateway.
func workload(s *xds.FakeDiscoveryServer, namespace string, labels map[string]string) *model.Proxy {
	kind := model.SidecarProxy
	if labels["istio"] != "" {
		kind = model.Router
	}
	return s.SetupProxy(&model.Proxy{
		Type: kind, ConfigNamespace: namespace, Labels: labels, IPAddresses: []string{"10.1.1.1"},
		Metadata: &model.NodeMetadata{Namespace: namespace, Labels: labels, ClusterID: "Kubernetes"},
	})
}

// clusters gives the Service's, by subset.
func clusters(s *xds.FakeDiscoveryServer, proxy *model.Proxy) map[string]*cluster.Cluster {
	out := map[string]*cluster.Cluster{}
	for _, c := range s.Clusters(proxy) {
		if _, subset, name, _ := model.ParseSubsetKey(c.Name); string(name) == host {
			out[subset] = c
		}
	}
	return out
}
