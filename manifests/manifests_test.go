package manifests

import (
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook"
)

func build(t *testing.T, o Options) []*unstructured.Unstructured {
	t.Helper()
	objects, err := Build(o)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// typed gives all objects of a kind, strictly: no field may be unknown.
func typed[T any](t *testing.T, objects []*unstructured.Unstructured, kind string) []T {
	t.Helper()
	var out []T
	for _, u := range objects {
		if u.GetKind() != kind {
			continue
		}
		var value T
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, &value, true); err != nil {
			t.Fatalf("%s %s: %v", kind, u.GetName(), err)
		}
		out = append(out, value)
	}
	if len(out) == 0 {
		t.Fatalf("no %s", kind)
	}
	return out
}

func TestLabelsAndOrder(t *testing.T) {
	objects := build(t, Options{})
	last := -1
	for _, u := range objects {
		for key, value := range Selector {
			if u.GetLabels()[key] != value {
				t.Errorf("%s %s lacks label %s=%s, by which uninstall finds it", u.GetKind(), u.GetName(), key, value)
			}
		}
		if rank(u) < last {
			t.Errorf("%s %s is applied too early or of an unknown kind", u.GetKind(), u.GetName())
		}
		last = rank(u)
		if !slices.ContainsFunc(Removal(), func(r Removable) bool {
			return r.Kind == u.GetKind() && r.APIVersion == u.GetAPIVersion() && r.Namespaced == (u.GetNamespace() != "")
		}) {
			t.Errorf("%s %s: uninstall does not know the kind", u.GetKind(), u.GetName())
		}
	}
}

func TestWebhooksReachTheController(t *testing.T) {
	objects := build(t, Options{})
	var clients []admissionv1.WebhookClientConfig
	for _, c := range typed[admissionv1.MutatingWebhookConfiguration](t, objects, "MutatingWebhookConfiguration") {
		for _, w := range c.Webhooks {
			clients = append(clients, w.ClientConfig)
		}
	}
	for _, c := range typed[admissionv1.ValidatingWebhookConfiguration](t, objects, "ValidatingWebhookConfiguration") {
		for _, w := range c.Webhooks {
			clients = append(clients, w.ClientConfig)
		}
	}
	service := typed[corev1.Service](t, objects, "Service")[0]
	served := []string{webhook.PathMutateDeployment, webhook.PathValidateDeployment, webhook.PathMutateVirtualService, webhook.PathGuardDeployment}
	for _, c := range clients {
		to := c.Service
		if to == nil || to.Name != service.Name || to.Namespace != service.Namespace || to.Path == nil || !slices.Contains(served, *to.Path) {
			t.Errorf("a webhook calls %+v, which nobody serves", to)
		}
	}
	pod := typed[appsv1.Deployment](t, objects, "Deployment")[0].Spec.Template
	for key, value := range service.Spec.Selector {
		if pod.Labels[key] != value {
			t.Errorf("the Service selects %s=%s, and the pods have %q", key, value, pod.Labels[key])
		}
	}
	ports := pod.Spec.Containers[0].Ports
	if !slices.ContainsFunc(ports, func(p corev1.ContainerPort) bool { return p.Name == service.Spec.Ports[0].TargetPort.StrVal }) {
		t.Errorf("the Service leads to port %s, which the pods lack", service.Spec.Ports[0].TargetPort.StrVal)
	}
}

// TestRights holds that the controller may do to each kind what it does, and
// nothing else: list and watch what is cached, get what is looked at once more, and
// list alone what is read live when a release starts or ends.
func TestRights(t *testing.T) {
	roles := typed[rbacv1.ClusterRole](t, build(t, Options{}), "ClusterRole")
	cached, live := []string{"get", "list", "watch"}, []string{"list"}
	whole := []string{"create", "delete", "update", "list", "watch"}
	budgets := schema.GroupVersionKind{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"}
	authorization := schema.GroupVersionKind{Group: "security.istio.io", Version: "v1", Kind: "AuthorizationPolicy"}
	networks := schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"}
	sidecars := schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "Sidecar"}
	monitors := schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: "PodMonitor"}
	does := map[schema.GroupVersionKind][]string{
		snapshot.Deployments: append([]string{"patch", "get"}, whole...), snapshot.VirtualServices: whole, snapshot.DestinationRules: whole,
		snapshot.Services: append([]string{"patch"}, cached...), snapshot.EndpointSlices: {"list", "watch"},
		snapshot.ReplicaSets: append([]string{"patch"}, live...), snapshot.Pods: live, snapshot.Ingresses: live,
		snapshot.ServiceEntries: live, snapshot.WorkloadEntries: live, snapshot.Autoscalers: live, snapshot.ScaledObjects: live, budgets: live,
		authorization: live, networks: live, sidecars: live, monitors: live,
	}
	for _, kind := range snapshot.Routes {
		does[kind.WithVersion(kind.Versions[0])] = live
	}
	virtual := map[string]string{"grayscale.dev services/claim": "update", "authorization.k8s.io subjectaccessreviews": "create", " namespaces": "get"}
	for what, verb := range virtual {
		group, resource, _ := strings.Cut(what, " ")
		if !slices.ContainsFunc(roles[0].Rules, func(rule rbacv1.PolicyRule) bool {
			return slices.Equal(rule.APIGroups, []string{group}) && slices.Equal(rule.Resources, []string{resource}) && slices.Equal(rule.Verbs, []string{verb})
		}) {
			t.Errorf("the controller may not %s %s.%s", verb, resource, group)
		}
	}
	for kind, verbs := range does {
		resource, _ := meta.UnsafeGuessKindToResource(kind)
		var may []string
		for _, rule := range roles[0].Rules {
			if slices.Contains(rule.APIGroups, kind.Group) && slices.Contains(rule.Resources, resource.Resource) && len(rule.ResourceNames) == 0 {
				may = append(may, rule.Verbs...)
			}
		}
		if !sets.New(may...).Equal(sets.New(verbs...)) {
			t.Errorf("the controller may %v %s, and does %v", may, resource.GroupResource(), verbs)
		}
	}
	for _, rule := range roles[0].Rules {
		if slices.Contains(rule.Verbs, "*") || slices.Contains(rule.Resources, "*") || slices.Contains(rule.Resources, "secrets") {
			t.Errorf("a right that is too wide: %+v", rule)
		}
	}
}

// TestSecrets: of all Secrets the controller reads its own alone; a list and a
// watch, too, are bound to the name.
func TestSecrets(t *testing.T) {
	objects := build(t, Options{})
	mine := typed[corev1.Secret](t, objects, "Secret")[0].Name
	for _, role := range typed[rbacv1.Role](t, objects, "Role") {
		for _, rule := range role.Rules {
			if slices.Contains(rule.Resources, "secrets") && !slices.Equal(rule.ResourceNames, []string{mine}) {
				t.Errorf("Role %s: %v of Secrets %q, want of %s alone", role.Name, rule.Verbs, rule.ResourceNames, mine)
			}
		}
	}
}

// TestReplicas: two by default, of which a drain takes one at a time, on as many
// nodes as there are; the budget and the network policy select their pods.
func TestReplicas(t *testing.T) {
	objects := build(t, Options{})
	d := typed[appsv1.Deployment](t, objects, "Deployment")[0]
	budget := typed[policyv1.PodDisruptionBudget](t, objects, "PodDisruptionBudget")[0]
	network := typed[networkingv1.NetworkPolicy](t, objects, "NetworkPolicy")[0]
	spread := d.Spec.Template.Spec.TopologySpreadConstraints
	if *d.Spec.Replicas != 2 || budget.Spec.MaxUnavailable.IntValue() != 1 || len(spread) != 1 || spread[0].MaxSkew != 1 ||
		spread[0].TopologyKey != corev1.LabelHostname || spread[0].WhenUnsatisfiable != corev1.ScheduleAnyway {
		t.Errorf("%d replicas, budget %+v, spread %+v", *d.Spec.Replicas, budget.Spec, spread)
	}
	for what, selector := range map[string]*metav1.LabelSelector{
		"the Deployment": d.Spec.Selector, "the budget": budget.Spec.Selector, "the spread": spread[0].LabelSelector, "the network policy": &network.Spec.PodSelector,
	} {
		s, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil || s.Empty() || !s.Matches(labels.Set(d.Spec.Template.Labels)) {
			t.Errorf("%s selects %v (%v), and the pods have %v", what, s, err, d.Spec.Template.Labels)
		}
	}
	open := map[string]bool{}
	for _, rule := range network.Spec.Ingress {
		for _, port := range rule.Ports {
			open[port.Port.StrVal] = true
		}
	}
	for _, port := range d.Spec.Template.Spec.Containers[0].Ports {
		if !open[port.Name] {
			t.Errorf("port %s is served, and closed by the network policy", port.Name)
		}
	}
}

func TestOptions(t *testing.T) {
	second, none := time.Second, time.Duration(0)
	o := Options{Namespace: "canaries", Image: "example.com:5000/controller@sha256:0123", Replicas: 3, Propagation: &second, Drain: &none, Hold: &second, VersionLabel: "track",
		RootNamespace: "mesh", Arguments: []string{"--log-level=debug", "--webhook-port=1"}}
	objects := build(t, o)
	d := typed[appsv1.Deployment](t, objects, "Deployment")[0]
	c := d.Spec.Template.Spec.Containers[0]
	if *d.Spec.Replicas != 3 || c.Image != o.Image {
		t.Errorf("%d replicas of %s", *d.Spec.Replicas, c.Image)
	}
	for _, arg := range []string{"--propagation-delay=1s", "--drain=0s", "--readiness-hold=1s", "--version-label=track", "--root-namespace=mesh", "--log-level=debug", "--webhook-port=9443"} {
		if !slices.Contains(c.Args, arg) {
			t.Errorf("%s is not among %v", arg, c.Args)
		}
	}
	if slices.Contains(c.Args, "--webhook-port=1") {
		t.Errorf("an argument stands there twice: %v", c.Args)
	}
	for _, u := range objects {
		text, err := u.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), Namespace) {
			t.Errorf("%s %s still names %s: %s", u.GetKind(), u.GetName(), Namespace, text)
		}
	}
	for _, u := range objects {
		if u.GetKind() != "Deployment" {
			continue
		}
		had := Installed(u)
		if had.Namespace != o.Namespace || had.Image != o.Image || had.Replicas != 3 || *had.Propagation != second || *had.Drain != none ||
			*had.Hold != second || had.VersionLabel != "track" || had.RootNamespace != "mesh" {
			t.Errorf("read back: %+v", had)
		}
		had.Namespace = o.Namespace
		again := typed[appsv1.Deployment](t, build(t, had), "Deployment")[0].Spec.Template.Spec.Containers[0]
		if !sets.New(again.Args...).Equal(sets.New(c.Args...)) || len(again.Args) != len(c.Args) {
			t.Errorf("an upgrade makes %v of %v", again.Args, c.Args)
		}
	}
}

// TestByHand: arguments that somebody has set by hand are read back, also where
// flag and value are two.
func TestByHand(t *testing.T) {
	objects := build(t, Options{})
	for _, u := range objects {
		if u.GetKind() != "Deployment" {
			continue
		}
		container := map[string]any{"name": Container, "args": []any{"--root-namespace", "mesh", "--leader-elect", "--readiness-hold", "4s", "--log-level", "debug"}}
		if err := unstructured.SetNestedSlice(u.Object, []any{container}, path...); err != nil {
			t.Fatal(err)
		}
		had := Installed(u)
		if had.RootNamespace != "mesh" || had.Hold == nil || *had.Hold != 4*time.Second || !slices.Equal(had.Arguments, []string{"--leader-elect", "--log-level=debug"}) {
			t.Errorf("read back: %+v", had)
		}
	}
}

// TestRestricted holds what the restricted Pod Security Standard asks for.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
func TestRestricted(t *testing.T) {
	spec := typed[appsv1.Deployment](t, build(t, Options{}), "Deployment")[0].Spec.Template.Spec
	pod, c := spec.SecurityContext, spec.Containers[0].SecurityContext
	if !*pod.RunAsNonRoot || pod.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault || *c.AllowPrivilegeEscalation ||
		!*c.ReadOnlyRootFilesystem || !slices.Equal(c.Capabilities.Drop, []corev1.Capability{"ALL"}) {
		t.Errorf("the controller's pod may more than it needs: %+v %+v", pod, c)
	}
}

// TestMemory: Go's runtime collects harder before the kernel kills the process, and
// has most of the limit to work with.
func TestMemory(t *testing.T) {
	c := typed[appsv1.Deployment](t, build(t, Options{}), "Deployment")[0].Spec.Template.Spec.Containers[0]
	at := slices.IndexFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == "GOMEMLIMIT" })
	if at < 0 {
		t.Fatal("GOMEMLIMIT is not set")
	}
	soft, err := resource.ParseQuantity(strings.TrimSuffix(c.Env[at].Value, "B")) // Go writes MiB where Kubernetes writes Mi
	if err != nil {
		t.Fatal(err)
	}
	if hard := c.Resources.Limits.Memory().Value(); soft.Value() < hard*8/10 || soft.Value() > hard*9/10 {
		t.Errorf("GOMEMLIMIT is %s of a limit of %s", c.Env[at].Value, c.Resources.Limits.Memory())
	}
}
