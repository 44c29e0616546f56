package route

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// TestInPlaceTakesOneReleaseAway: of copies that can't be planned anew one release
// goes, and neither the user's routes nor the others change by it.
func TestInPlaceTakesOneReleaseAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs, splits, applied := genApplied(t)
		if len(splits) == 0 {
			return
		}
		goes := splits[rapid.IntRange(0, len(splits)-1).Draw(t, "goes")]
		back := map[string]string{}
		for user, target := range goes.Subsets {
			back[target.Original], back[target.Version] = user, user
		}
		before := clone(applied)
		out := InPlace(applied, goes.Service, back)
		same(t, "the input", applied, before)
		same(t, "what the user wrote", Strip(out), vs)
		same(t, "InPlace twice", InPlace(out, goes.Service, back), out)
		for _, subset := range SubsetsOf(out, goes.Service) {
			if strings.HasPrefix(subset, Reserved) {
				t.Fatalf("%s is still named in %v", subset, out.Object)
			}
		}
		lives := Read(out)
		for _, was := range Read(applied) {
			at := slices.IndexFunc(lives, func(l Live) bool { return l.Service == was.Service })
			switch {
			case was.Service == goes.Service:
				if at >= 0 || len(noted(out)[was.Service]) > 0 {
					t.Fatalf("%s is still there: %+v", was.Service, lives)
				}
			case at < 0 || lives[at].Min != was.Min || lives[at].Max != was.Max || lives[at].Mirror != was.Mirror || lives[at].Content != was.Content:
				t.Fatalf("%s had %+v, and has %+v", was.Service, was, lives)
			}
		}
	})
}

// TestInPlacePins: with the original's subsets as names no request is left to the
// grayscale version.
func TestInPlacePins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs, splits, applied := genApplied(t)
		for _, split := range splits {
			pins := map[string]string{}
			for _, target := range split.Subsets {
				pins[target.Original], pins[target.Version] = target.Original, target.Original
			}
			applied = InPlace(applied, split.Service, pins)
		}
		same(t, "what the user wrote", Strip(applied), vs)
		for _, live := range Read(applied) {
			if live.Serves() {
				t.Fatalf("%+v in %v", live, applied.Object)
			}
		}
	})
}

// TestLadder: what is all the grayscale version's stays so, and what can't be said
// with less is not tried again.
func TestLadder(t *testing.T) {
	rules := rulesOfFlags("header:end-user=jason")
	rungs := func(splits ...Split) (out []Split) {
		for less := range Ladder(splits) {
			out = append(out, less[0])
		}
		return out
	}
	for name, test := range map[string]struct {
		split   Split
		weights []intent.Weight
	}{
		"a pin":              {Split{}, []intent.Weight{0}},
		"a weight":           {Split{Weight: 10}, []intent.Weight{10, 0}},
		"rules":              {Split{Match: rules}, []intent.Weight{0, 0}},
		"copies":             {Split{Mirror: 10}, []intent.Weight{0, 0}},
		"rules and a weight": {Split{Match: rules, Weight: 10}, []intent.Weight{10, 10, 0}},
		"everything":         {Split{Match: rules, Weight: intent.Full}, []intent.Weight{intent.Full}},
	} {
		got := rungs(test.split)
		var weights []intent.Weight
		for n, split := range got {
			weights = append(weights, split.Weight)
			if n > 0 && (len(split.Match) > 0 || split.Mirror > 0) {
				t.Errorf("%s: rung %d says %+v", name, n, split)
			}
		}
		if !slices.Equal(weights, test.weights) {
			t.Errorf("%s: weights %v, want %v", name, weights, test.weights)
		}
	}
}
