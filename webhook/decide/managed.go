package decide

import (
	"fmt"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// managed judges a finish by replace of an original that somebody, named by
// who, would bring back: with end: finish it is refused unless the user accepts
// it; before that it is a warning, for a cancel is possible all the same.
func managed(i intent.Intent, finish intent.Finish, who string) (v Verdict) {
	if who == "" || finish != intent.Replace || i.Accepts(intent.Managed) {
		return v
	}
	why := fmt.Sprintf("by replace deletes the original, which %s manages and would bring back", who)
	if i.End == intent.EndFinish {
		v.refuse(intent.Fault{
			Kind: intent.Forbidden, At: intent.KeyEnd, Value: string(i.End), Why: why,
			Right: fmt.Sprintf("take the original out of %s's hands first, or cancel the release", who), Risk: intent.Managed,
		})
		return v
	}
	v.warn(fmt.Sprintf("%s: to finish %s, so %s: %s will be refused", intent.KeyFinish, why, intent.KeyEnd, intent.EndFinish))
	return v
}
