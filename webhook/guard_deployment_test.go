package webhook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// elsewhere leads all that is for another Service to its grayscale version.
const elsewhere = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings, namespace: shop}
spec: {hosts: [ratings], http: [{route: [{destination: {host: ratings, subset: grayscale-version}}]}]}
`

// A Scale of two pods, and one of none.
const (
	scale = `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"reviews-v1"},"spec":{"replicas":2}}`
	no    = `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"reviews-v1"},"spec":{}}`
)

// guarding is the guard of a release of Deployment reviews-v1, which has all traffic
// yet.
func guarding(t *testing.T) (*guardDeployment, []*unstructured.Unstructured) {
	t.Helper()
	objects := documents(t, shop+"---"+elsewhere+"---\n"+fmt.Sprintf(original, asks))
	status := release.Status{
		Schema: release.Schema, Task: "reviews-v2", Form: intent.Canary, Phase: release.Starting, Finish: intent.Replace,
		Service: release.Ref{Name: "reviews", UID: "s"}, Clone: "reviews-v2", Label: "version",
		Original: release.Version{Name: "reviews-v1", UID: "u", Version: "v1"}, Grayscale: release.Version{Name: "reviews-v2", Version: "v2"},
	}
	objects[0].SetAnnotations(map[string]string{intent.AnnotationStatus: status.Annotation()})
	all := snapshot.Files(objects)
	return &guardDeployment{live: all, cached: all, decoder: admission.NewDecoder(runtime.NewScheme()), controller: controller,
		events: recorder{events.NewFakeRecorder(10)}}, objects
}

func deletion(user string) admission.Request {
	req := request("", fmt.Sprintf(original, asks))
	req.Operation, req.UserInfo.Username = admissionv1.Delete, user
	return req
}

// TestTheGuardStopsUsersAlone: those of the cluster who delete what is to go anyway, and
// the controller, pass the guard also where a configuration asks about their writes.
func TestTheGuardStopsUsersAlone(t *testing.T) {
	h, _ := guarding(t)
	for user, passes := range map[string]bool{
		"jane": false, "system:serviceaccount:shop:generic-garbage-collector": false,
		controller: true,
		"system:serviceaccount:kube-system:generic-garbage-collector": true,
		"system:serviceaccount:kube-system:namespace-controller":      true,
	} {
		if answer := h.Handle(t.Context(), deletion(user)); answer.Allowed != passes {
			t.Errorf("a deletion by %s: %+v", user, answer.Result)
		}
	}
}

// TestTheGuardFailsOpenByItself: what can't be read keeps nobody, and neither does what
// is not read in the time for which the API server waits; the answer says so.
func TestTheGuardFailsOpenByItself(t *testing.T) {
	for name, c := range map[string]struct {
		read func(context.Context, client.ObjectList) error
		took time.Duration
	}{
		"fails": {func(context.Context, client.ObjectList) error { return errors.New("gone") }, 0},
		"hangs": {func(ctx context.Context, _ client.ObjectList) error { <-ctx.Done(); return ctx.Err() }, guardTime},
	} {
		for _, kind := range []string{"Service", "VirtualService"} {
			synctest.Test(t, func(t *testing.T) {
				h, objects := guarding(t)
				h.cached = listing{snapshot.Files(objects), map[string]func(context.Context, client.ObjectList) error{kind: c.read}}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began := time.Now()
				answer := h.Handle(ctx, deletion("jane"))
				said := strings.Join(answer.Warnings, "\n")
				if !answer.Allowed || !strings.Contains(said, "Deployment shop/reviews-v1: nobody knows whether it carries traffic of a release") {
					t.Errorf("the list of %ss %s: %+v, warnings %q", kind, name, answer.Result, said)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("the list of %ss %s: an answer after %s, want %s", kind, name, took, c.took)
				}
			})
		}
	}
}

// TestTheGuardSaysWhatItCanNotRead: beside a claim that nobody can read, what has a word
// of ours may be a version of it, and goes with a warning; what has none goes without.
func TestTheGuardSaysWhatItCanNotRead(t *testing.T) {
	_, objects := guarding(t)
	objects[0].SetAnnotations(map[string]string{intent.AnnotationStatus: `{"schema":7}`})
	clone := strings.Replace(fmt.Sprintf(original, "{}"), `"uid":"u",`, `"uid":"u","labels":{"grayscale.dev/task":"reviews-v2"},`, 1)
	for name, c := range map[string]struct {
		deployment string
		warns      bool
	}{
		"an original": {fmt.Sprintf(original, asks), true},
		"a clone":     {clone, true},
		"neither":     {fmt.Sprintf(original, "{}"), false},
	} {
		all := snapshot.Files(append(documents(t, c.deployment), objects[0]))
		h := &guardDeployment{live: all, cached: all, decoder: admission.NewDecoder(runtime.NewScheme()), controller: controller}
		deleted := request("", c.deployment)
		deleted.Operation = admissionv1.Delete
		scaled := request(no, scale)
		scaled.Operation, scaled.SubResource = admissionv1.Update, "scale"
		for how, req := range map[string]admission.Request{"deleted": deleted, "scaled": scaled} {
			answer := h.Handle(t.Context(), req)
			said := strings.Join(answer.Warnings, "\n")
			if !answer.Allowed || (said != "") != c.warns {
				t.Errorf("%s is %s: %+v, warnings %q", name, how, answer.Result, said)
			}
			const why = "nobody knows whether it carries traffic of a release: Service shop/reviews is held by a release that can't be read ("
			if c.warns && !strings.Contains(said, why) {
				t.Errorf("%s is %s: says %q, want %q", name, how, said, why)
			}
		}
	}
}

// TestTheGuardKnowsTheWays in which a Deployment loses its pods, as the API server tells
// of them, and what is none.
func TestTheGuardKnowsTheWays(t *testing.T) {
	h, _ := guarding(t)
	with := func(part, other string) string {
		was := fmt.Sprintf(original, asks)
		is := strings.Replace(was, part, other, 1)
		if is == was {
			t.Fatalf("%s is not there", part)
		}
		return is
	}
	const (
		ones     = `"replicas":1,`
		uid      = `"uid":"u",`
		owned    = uid + `"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"a","uid":"a"}],`
		another  = uid + `"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"a","uid":"b"}],`
		renamed  = uid + `"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"b","uid":"a"}],`
		rekinded = uid + `"ownerReferences":[{"apiVersion":"v1","kind":"Secret","name":"a","uid":"a"}],`
		regroup  = uid + `"ownerReferences":[{"apiVersion":"v2","kind":"ConfigMap","name":"a","uid":"a"}],`
		blocking = uid + `"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"a","uid":"a","blockOwnerDeletion":true}],`
		accepted = `"grayscale.dev/accept":"unprotected",`
		keys     = `"annotations":{`
	)
	plain := fmt.Sprintf(original, asks)
	for name, c := range map[string]struct {
		was, is, sub string
		passes       bool
	}{
		"scaled":                              {was: plain, is: with(ones, `"replicas":0,`)},
		"scaled from the default":             {was: with(ones, ""), is: with(ones, `"replicas":0,`)},
		"scaled to the default":               {was: plain, is: with(ones, ""), passes: true},
		"scaled, which was so already":        {was: with(ones, `"replicas":0,`), is: with(ones, `"replicas":0,`), passes: true},
		"scaled, and the risk accepted":       {was: plain, is: strings.Replace(with(ones, `"replicas":0,`), keys, keys+accepted, 1), passes: true},
		"scaled, and the risk so no more":     {was: with(keys, keys+accepted), is: with(ones, `"replicas":0,`)},
		"scaled by the subresource":           {was: scale, is: no, sub: "scale"},
		"scaled up by the subresource":        {was: no, is: scale, sub: "scale", passes: true},
		"given an owner":                      {was: plain, is: with(uid, owned)},
		"given an owner by its status":        {was: plain, is: with(uid, owned), sub: "status"},
		"so, which was accepted with it":      {was: plain, is: strings.Replace(with(uid, owned), keys, keys+accepted, 1), sub: "status", passes: true},
		"a status, of one by default":         {was: plain, is: with(ones, ""), sub: "status", passes: true},
		"given another owner":                 {was: with(uid, owned), is: with(uid, another)},
		"with its owner's name changed":       {was: with(uid, owned), is: with(uid, renamed)},
		"with its owner's kind changed":       {was: with(uid, owned), is: with(uid, rekinded)},
		"with its owner's apiVersion changed": {was: with(uid, owned), is: with(uid, regroup)},
		"with its owner kept longer":          {was: with(uid, owned), is: with(uid, blocking), passes: true},
		"with the owner that it had":          {was: with(uid, owned), is: with(uid, owned), passes: true},
		"freed of its owner":                  {was: with(uid, owned), is: plain, passes: true},
		"given an owner, which was accepted":  {was: plain, is: strings.Replace(with(uid, owned), keys, keys+accepted, 1), passes: true},
	} {
		req := request(c.is, c.was)
		req.Operation, req.SubResource = admissionv1.Update, c.sub
		if answer := h.Handle(t.Context(), req); answer.Allowed != c.passes {
			t.Errorf("%s: %+v", name, answer.Result)
		}
	}
}
