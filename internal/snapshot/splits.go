package snapshot

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// Splits gives the splits that a VirtualService's live routes hold, so that the
// same policy can be put into another version of it. What the routes alone say
// is made whole from the claims, for the other version may have routes to
// subsets that this one has not. cached must have the indexes of this package.
func Splits(ctx context.Context, cached client.Reader, vs *unstructured.Unstructured, settings plan.Settings) ([]route.Split, error) {
	src := Source{Reader: cached, Indexed: true}
	splits := route.Recover(vs)
	for n, split := range splits {
		s, err := src.base(ctx, split.Service, settings)
		if err != nil {
			return nil, err
		}
		if subsets := plan.Subsets(s); len(subsets) > 0 {
			splits[n].Subsets = subsets
		}
	}
	return splits, nil
}
