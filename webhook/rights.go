package webhook

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
)

// reviewer asks the API server who may do what.
type reviewer interface {
	Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error
}

// authority says what a requester may do: nobody gains a right through an
// annotation that he lacks without it.
type authority struct{ reviews reviewer }

// atOnce is how many questions of one request are on their way together.
const atOnce = 8

// may asks for one right, of all that the API server knows of the user.
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
func (a authority) may(ctx context.Context, user authenticationv1.UserInfo, r plan.Right) (bool, string, error) {
	extra := make(map[string]authorizationv1.ExtraValue, len(user.Extra))
	for key, values := range user.Extra {
		extra[key] = authorizationv1.ExtraValue(values)
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: r.Verb, Group: r.Group, Resource: r.Resource, Namespace: r.Namespace, Name: r.Name,
		},
	}}
	if err := a.reviews.Create(ctx, review); err != nil {
		return false, "", fmt.Errorf("asking whether user %q may %s: %w", user.Username, r, err)
	}
	return review.Status.Allowed, review.Status.EvaluationError, nil
}

// lacks says which of the rights a user lacks, in their order.
func (a authority) lacks(ctx context.Context, user authenticationv1.UserInfo, rights []plan.Right, instead plan.Right) (intent.Faults, error) {
	found := make([]*intent.Fault, len(rights))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for n, r := range rights {
		group.Go(func() error {
			ok, failed, err := a.may(ctx, user, r)
			if ok || err != nil {
				return err
			}
			found[n] = &intent.Fault{
				Kind: intent.Forbidden, At: "User", Value: user.Username,
				Why:   fmt.Sprintf("may not %s, which the release would do in that name%s", r, because(failed)),
				Right: fmt.Sprintf("have an admin grant that, or %s in its place", instead),
			}
			return nil
		})
	}
	err := group.Wait()
	var faults intent.Faults
	for _, f := range found {
		if f != nil {
			faults = append(faults, *f)
		}
	}
	return faults, err
}

// because adds what an authorizer could not evaluate: perhaps it would have said
// yes.
func because(failed string) string {
	if failed == "" {
		return ""
	}
	return " (" + failed + ")"
}
