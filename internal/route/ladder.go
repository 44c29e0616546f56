package route

import (
	"iter"
	"reflect"
	"slices"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// Ladder gives splits again and again, each time with less for [Apply] to say:
// first as they are, then without their rules and copies, then as pins. A doubtful
// request belongs to the original, and no pin is lost for a rule. What has no
// traffic but the grayscale version's stays so: there is nothing else that its
// requests could go to.
func Ladder(splits []Split) iter.Seq[[]Split] {
	return func(yield func([]Split) bool) {
		var last []Split
		for rung := range 3 {
			less := slices.Clone(splits)
			for n := range less {
				if rung > 0 && less[n].Weight < intent.Full {
					less[n].Match, less[n].Mirror = nil, 0
				}
				if rung > 1 && less[n].Weight < intent.Full {
					less[n].Weight = 0
				}
			}
			if rung > 0 && reflect.DeepEqual(less, last) {
				continue
			}
			if last = less; !yield(less) {
				return
			}
		}
	}
}
