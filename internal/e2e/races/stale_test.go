package races

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// TestAfterTheLeaseWasLost: the leader stands still in the midst of it, while it
// claims the Service, until another leads and has claimed it, then goes on as if it
// had never stood.
func TestAfterTheLeaseWasLost(t *testing.T) {
	s := newShop(t)
	s.replicas(2)
	h := s.held(s.leader(), s.unstructured("", "Service", "reviews"), "services", "")
	st := newStorm(s, witnessed(s))
	ended := make(chan error, 1)
	go func() { ended <- st.rages() }()
	h.overtaken(func() (bool, string) {
		claim, _ := s.claim()
		return claim != nil && claim.Phase != release.Pending, fmt.Sprintf("%+v", claim)
	})
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	st.over(st.settled())
}

// TestPutBackAfterTheLeaseWasLost: somebody takes the clone's labels, or its count of
// pods, and the leader stands still while it puts them back, until another leader
// has done so. What the first one wrote then comes too late.
func TestPutBackAfterTheLeaseWasLost(t *testing.T) {
	for name, c := range map[string]struct {
		sub, meddle string
		right       func(clone *unstructured.Unstructured) bool
	}{
		"labels": {
			meddle: `{"metadata":{"labels":{"` + intent.LabelTask + `":null}}}`,
			right:  func(clone *unstructured.Unstructured) bool { return clone.GetLabels()[intent.LabelTask] == "first" },
		},
		"scale": {
			sub: "scale", meddle: `{"spec":{"replicas":5}}`,
			right: func(clone *unstructured.Unstructured) bool {
				count, _, err := unstructured.NestedInt64(clone.Object, "spec", "replicas")
				return err == nil && count != 5
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.replicas(2)
			clone := s.released("reviews-v0", "first")
			h := s.held(s.leader(), clone, "deployments", c.sub)
			past := pastTheGuard(s)
			if err := past.Patch(t.Context(), clone.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(c.meddle))); err != nil {
				t.Fatalf("%s of Deployment %s: %v", name, clone.GetName(), err)
			}
			h.overtaken(func() (bool, string) {
				now := clone.DeepCopy()
				if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(now), now); err != nil {
					t.Fatal(err)
				}
				return c.right(now), fmt.Sprint(now.GetLabels(), now.Object["spec"])
			})
		})
	}
}

// overtaken stops the pod while a write of its waits, until another leads and
// something is done. Then the write is decided on, and the pod goes on. It was too
// late, and is refused.
func (h *hold) overtaken(done func() (bool, string)) {
	h.Helper()
	h.eventually("a write of the leader that waits", h.reached)
	pid := h.signalled(h.pod, syscall.SIGSTOP)
	h.eventually("another leader", func() (bool, string) { now := h.leader(); return now != "" && now != h.pod, now })
	h.eventually("what the new leader does", done)
	h.letGo()
	h.eventually("the answer to "+h.what(), func() (bool, string) {
		writes := h.writes(h.pod, h.begun)
		return slices.ContainsFunc(writes, func(w string) bool { return strings.HasPrefix(w, h.what()) }), fmt.Sprint(writes)
	})
	h.signalled(h.pod, syscall.SIGCONT)
	h.eventually("the end of who lost the lease", func() (bool, string) { now := process(h.pod); return now != pid, fmt.Sprintf("process %d runs", now) })
	writes := h.writes(h.pod, h.begun)
	if want := h.what() + ": 409"; !slices.Contains(writes, want) {
		h.Errorf("%s wrote %q, want %q among it", h.pod, writes, want)
	}
}

// released starts a release of an original and gives its clone.
func (s shop) released(original, task string) *unstructured.Unstructured {
	s.Helper()
	if err := s.annotated(s.Context(), cluster, original, map[string]string{intent.KeyRelease: task, intent.KeyImage: "next"}); err != nil {
		s.Fatalf("starting release %s: %v", task, err)
	}
	var claim *release.Status
	s.eventually("release "+task, func() (bool, string) {
		claim, _ = s.claim()
		return claim != nil && claim.Phase == release.Ready, fmt.Sprintf("%+v", claim)
	})
	return s.unstructured("apps", "Deployment", claim.Clone)
}

func (s shop) unstructured(group, kind, name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: "v1", Kind: kind})
	u.SetNamespace(s.namespace)
	u.SetName(name)
	return u
}

// pastTheGuard is a client that writes as one of the cluster's own controllers,
// whom the webhooks let pass.
func pastTheGuard(s shop) client.Client {
	s.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		s.Fatal(err)
	}
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:kube-system:generic-garbage-collector"}
	c, err := client.New(config, client.Options{})
	if err != nil {
		s.Fatal(err)
	}
	return c
}
