package release

import "github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"

// PolicyOf is what of an intent moves a running release: all that is not fixed
// at its start.
func PolicyOf(i intent.Intent) Policy {
	return Policy{Weight: i.Weight, Match: i.Match, Mirror: i.Mirror, Traffic: i.Traffic, End: i.End, Replicas: i.Replicas}
}
