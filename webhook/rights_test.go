package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// granting is an API server's authorizer.
type granting func(authorizationv1.SubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error)

// Create implements reviewer.
func (g granting) Create(_ context.Context, o client.Object, _ ...client.CreateOption) (err error) {
	review := o.(*authorizationv1.SubjectAccessReview)
	review.Status, err = g(review.Spec)
	return err
}

var anything = granting(func(authorizationv1.SubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error) {
	return authorizationv1.SubjectAccessReviewStatus{Allowed: true}, nil
})

// permits allows what right names a permission, and keeps all that was asked.
type permits struct {
	sync.Mutex
	allowed []string
	failing string
	asked   []string
	of      []authorizationv1.SubjectAccessReviewSpec
}

func (p *permits) review(spec authorizationv1.SubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error) {
	p.Lock()
	defer p.Unlock()
	a := spec.ResourceAttributes
	r := plan.Right{Verb: a.Verb, Group: a.Group, Resource: a.Resource, Namespace: a.Namespace, Name: a.Name}.String()
	p.asked, p.of = append(p.asked, r), append(p.of, spec)
	if p.failing != "" && strings.Contains(r, p.failing) {
		return authorizationv1.SubjectAccessReviewStatus{}, errors.New("the authorizer is gone")
	}
	return authorizationv1.SubjectAccessReviewStatus{Allowed: slices.Contains(p.allowed, r), EvaluationError: "no role binds"}, nil
}

const shop = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop, uid: s}
spec: {clusterIP: 10.0.0.1, selector: {app: reviews}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front, namespace: edge}
spec: {hosts: [shop.example.com], gateways: [edge/public], http: [{route: [{destination: {host: reviews.shop.svc.cluster.local}}]}]}
`

const (
	original = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"reviews-v1","namespace":"shop","uid":"u","annotations":%s},
"spec":{"replicas":1,"selector":{"matchLabels":{"app":"reviews","version":"v1"}},"template":{"metadata":{"labels":{"app":"reviews","version":"v1"}},
"spec":{"containers":[{"name":"reviews","image":"reviews:1.0"}]}}}}`
	asks    = `{"grayscale.dev/release":"reviews-v2","grayscale.dev/image":"2.0","grayscale.dev/version":"v2","grayscale.dev/finish":"replace"}`
	whole   = "release services.grayscale.dev shop/reviews"
	newPods = "create deployments.apps in namespace shop"
	front   = "update virtualservices.networking.istio.io edge/front"
	newRule = "create destinationrules.networking.istio.io in namespace shop"
	newVS   = "create virtualservices.networking.istio.io in namespace shop"
)

func deciding(t *testing.T, p *permits) *validateDeployment {
	t.Helper()
	live := snapshot.Files(documents(t, shop))
	return &validateDeployment{
		read: reader{live: live}, decoder: admission.NewDecoder(runtime.NewScheme()), controller: controller,
		mesh: mesh{live: live, cached: live, settings: plan.Defaults}, authority: authority{granting(p.review)},
	}
}

func TestWhoMayWhatIsAsked(t *testing.T) {
	all := []string{newPods, front, newRule, newVS}
	for name, c := range map[string]struct {
		allowed []string
		lacks   []string
		asked   int
	}{
		"the virtual permission is enough": {allowed: []string{whole}, asked: 1},
		"each right by itself":             {allowed: all, asked: 5},
		"all but the clone":                {allowed: all[1:], lacks: all[:1], asked: 2}, // the rest is not asked for
		"nothing":                          {lacks: all[:1], asked: 2},
		"the clone alone":                  {allowed: all[:1], lacks: all[1:], asked: 5},
		"all but the routes elsewhere":     {allowed: []string{newPods, newRule, newVS}, lacks: []string{front}, asked: 5},
	} {
		t.Run(name, func(t *testing.T) {
			p := &permits{allowed: c.allowed}
			answer := deciding(t, p).Handle(t.Context(), request(fmt.Sprintf(original, asks), fmt.Sprintf(original, "{}")))
			if answer.Allowed != (len(c.lacks) == 0) || len(p.asked) != c.asked {
				t.Fatalf("allowed: %v, asked %q: %v", answer.Allowed, p.asked, answer.Result)
			}
			if len(c.lacks) > 0 && len(answer.Result.Details.Causes) != len(c.lacks) {
				t.Errorf("%d faults, want %d:\n%s", len(answer.Result.Details.Causes), len(c.lacks), answer.Result.Message)
			}
			for _, lack := range c.lacks {
				if want := `User: "jane" may not ` + lack; !strings.Contains(answer.Result.Message, want) || !strings.Contains(answer.Result.Message, whole) {
					t.Errorf("does not say %q, or not what would be right:\n%s", want, answer.Result.Message)
				}
			}
		})
	}
}

// TestWhoMayNothingHasNothingRead: a flood of writes by somebody without a right
// costs no list of all namespaces.
func TestWhoMayNothingHasNothingRead(t *testing.T) {
	for name, allowed := range map[string][]string{"nothing": nil, "make the clone": {newPods}} {
		h := deciding(t, &permits{allowed: allowed})
		read := 0
		h.mesh.live = listing{h.mesh.live, map[string]func(context.Context, client.ObjectList) error{
			"VirtualService": func(context.Context, client.ObjectList) error { read++; return nil },
		}}
		if answer := h.Handle(t.Context(), request(fmt.Sprintf(original, asks), fmt.Sprintf(original, "{}"))); answer.Allowed || (read > 0) != (allowed != nil) {
			t.Errorf("may %s: %d lists are read: %v", name, read, answer.Result)
		}
	}
}

// TestTheWholeUserIsAsked: groups and what else an authenticator says of a user
// count as they do for the user's own requests.
func TestTheWholeUserIsAsked(t *testing.T) {
	p := &permits{allowed: []string{whole}}
	req := request(fmt.Sprintf(original, asks), "")
	req.UserInfo = authenticationv1.UserInfo{Username: "joe", UID: "7", Groups: []string{"a", "b"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}}}
	if answer := deciding(t, p).Handle(t.Context(), req); !answer.Allowed {
		t.Fatal(answer.Result)
	}
	if got := p.of[0]; got.User != "joe" || got.UID != "7" || !slices.Equal(got.Groups, []string{"a", "b"}) || !slices.Equal(got.Extra["k"], []string{"v"}) {
		t.Errorf("asked for %+v", got)
	}
}

func TestWhoMayIsAskedOnlyOfAChange(t *testing.T) {
	for name, c := range map[string]struct {
		was, is, user string
		asks          bool
	}{
		"an intent":             {was: "{}", is: asks, asks: true},
		"the same intent":       {was: asks, is: asks},
		"by alone":              {was: asks, is: strings.Replace(asks, "{", `{"grayscale.dev/by":"x",`, 1)},
		"keys without a name":   {was: "{}", is: `{"grayscale.dev/weight":"1"}`, asks: true},
		"another value of one":  {was: `{"grayscale.dev/weight":"1"}`, is: `{"grayscale.dev/weight":"2"}`, asks: true},
		"one of them removed":   {was: `{"grayscale.dev/weight":"1","grayscale.dev/image":"2.0"}`, is: `{"grayscale.dev/weight":"1"}`},
		"letting go, no name":   {was: `{"grayscale.dev/weight":"1"}`, is: `{"grayscale.dev/weight":"1","grayscale.dev/end":"cancel","grayscale.dev/traffic":"original"}`},
		"the name removed":      {was: asks, is: strings.Replace(asks, `"grayscale.dev/release":"reviews-v2",`, "", 1)},
		"the release removed":   {was: asks, is: "{}"},
		"the controller":        {was: "{}", is: asks, user: controller},
		"another name":          {was: asks, is: strings.Replace(asks, "reviews-v2", "reviews-v2b", 1), asks: true},
		"a server-side dry run": {was: "{}", is: asks, user: "dry", asks: true},
	} {
		p := &permits{allowed: []string{whole}}
		req := request(fmt.Sprintf(original, c.is), fmt.Sprintf(original, c.was))
		if c.user != "" {
			req.UserInfo.Username = c.user
		}
		dry := c.user == "dry"
		req.DryRun = &dry
		deciding(t, p).Handle(t.Context(), req)
		if (len(p.asked) > 0) != c.asks {
			t.Errorf("%s: asked %q", name, p.asked)
		}
	}
}

// TestWordsWithoutANameNeedTheRights: they start nothing, and whoever names a release
// later would take them up.
func TestWordsWithoutANameNeedTheRights(t *testing.T) {
	const words, ending = `{"grayscale.dev/accept":"unprotected","grayscale.dev/weight":"100"}`, `{"grayscale.dev/end":"finish","grayscale.dev/finish":"replace"}`
	nowhere := strings.ReplaceAll(original, `"app":"reviews"`, `"app":"none"`)
	for name, c := range map[string]struct {
		is             string
		allowed, lacks []string
	}{
		"nothing":                          {is: fmt.Sprintf(original, words), lacks: []string{newPods}},
		"the clone alone":                  {is: fmt.Sprintf(original, words), allowed: []string{newPods}, lacks: []string{front, newRule, newVS}},
		"the clone alone, and an end":      {is: fmt.Sprintf(original, ending), allowed: []string{newPods}, lacks: []string{front, newRule, newVS, "delete deployments.apps shop/reviews-v1"}},
		"each right by itself":             {is: fmt.Sprintf(original, words), allowed: []string{newPods, front, newRule, newVS}},
		"the virtual permission":           {is: fmt.Sprintf(original, words), allowed: []string{whole}},
		"nothing, no Service":              {is: fmt.Sprintf(nowhere, words), lacks: []string{newPods}},
		"the clone, no Service":            {is: fmt.Sprintf(nowhere, words), allowed: []string{newPods}},
		"all Services, and none is there":  {is: fmt.Sprintf(nowhere, words), allowed: []string{"release services.grayscale.dev in namespace shop"}},
		"another Service, and none is his": {is: fmt.Sprintf(nowhere, words), allowed: []string{whole}, lacks: []string{newPods}},
	} {
		answer := deciding(t, &permits{allowed: c.allowed}).Handle(t.Context(), request(c.is, fmt.Sprintf(original, "{}")))
		if answer.Allowed != (len(c.lacks) == 0) {
			t.Errorf("%s: allowed: %v: %v", name, answer.Allowed, answer.Result)
			continue
		}
		if len(c.lacks) > 0 && len(answer.Result.Details.Causes) != len(c.lacks) {
			t.Errorf("%s: %d faults, want %d:\n%s", name, len(answer.Result.Details.Causes), len(c.lacks), answer.Result.Message)
		}
		for _, lack := range c.lacks {
			if !strings.Contains(answer.Result.Message, "may not "+lack) {
				t.Errorf("%s: does not say %q:\n%s", name, lack, answer.Result.Message)
			}
		}
	}
}

// TestAnAuthorizerThatFailsGrantsNothing, and says that it failed.
func TestAnAuthorizerThatFailsGrantsNothing(t *testing.T) {
	for _, failing := range []string{"release", "virtualservices"} {
		p := &permits{failing: failing, allowed: []string{newPods, newRule, newVS, front}}
		answer := deciding(t, p).Handle(t.Context(), request(fmt.Sprintf(original, asks), ""))
		if answer.Allowed || answer.Result.Code != http.StatusInternalServerError || !strings.Contains(answer.Result.Message, "the authorizer is gone") {
			t.Errorf("%s: %v", failing, answer.Result)
		}
	}
}
