package release

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/clip"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// How long, in bytes, the annotations on a Service may become: they share 256 KiB
// with everybody else's. The status leaves room for all spent pairs, so that
// nothing of either must ever give way to the other; entries of the history do.
const (
	MostBytes  = 16 << 10 // of status and history together
	MostStatus = MostBytes - (MostSpent+MostStanding)*pairSize - len(`{"schema":1,"spent":""}`)

	mostSentence  = 2048 // of a condition's message where there is room
	leastSentence = 128  // where there is none
	mostName      = 192  // of what is said in a few words, or is a user's name
)

// encode writes JSON as it is: the annotation stands in no HTML, and <, > and &
// in rules and patches would each take six bytes.
func encode(value any) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(err) // every field is plain data
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// Annotation is the status as its annotation holds it: live rules that are those
// asked for are not written twice, and where it would be longer than MostStatus
// its sentences are cut.
func (s *Status) Annotation() string {
	for most := mostSentence; ; most /= 2 {
		if text := encode(s.brief(most)); len(text) <= MostStatus || most <= leastSentence {
			return text
		}
	}
}

func (s *Status) brief(most int) Status {
	c := *s
	if s.Live != nil && len(s.Live.Match) > 0 && reflect.DeepEqual(s.Live.Match, s.Policy.Match) {
		live := *s.Live
		live.Match, live.AsAsked = nil, true
		c.Live = &live
	}
	c.Conditions = slices.Clone(s.Conditions)
	for n := range c.Conditions {
		c.Conditions[n].Message = short(c.Conditions[n].Message, most)
	}
	c.Message, c.By = short(s.Message, mostName), short(s.By, mostName)
	return c
}

// short cuts a text to as much as takes that many bytes in JSON.
func short(s string, most int) string {
	for n := most; len(encode(s)) > most+len(`""`); n -= n/8 + 1 {
		s = clip.Text(s, n)
	}
	return s
}

// Strictly notes why Envoy can't fail over by itself.
func (s *Status) Strictly(why string) { s.Strict = short(why, mostName) }

// SeeLive notes what the VirtualServices say. Live rules that are too long beside
// those that are asked for are left out: it is a moment until they are the same.
func (s *Status) SeeLive(live *Live) {
	s.Live = live
	if live == nil || reflect.DeepEqual(live.Match, s.Policy.Match) {
		return
	}
	if s.over()+len(encode(live.Match)) > 0 {
		live.Match = nil
	}
}

// over says by how many bytes the status is too long at the worst moment of its
// release, with its sentences cut; what fits has 0 or less. Live rules are those
// asked for.
func (s *Status) over() int {
	const most, share = math.MaxInt32, intent.Weight(9999)
	long, at := strings.Repeat("x", leastSentence), time.Date(2026, 11, 23, 12, 0, 0, 123e6, time.UTC)
	name, id, sum := strings.Repeat("x", mostName), types.UID(strings.Repeat("x", 36)), hash(nil)
	c := *s
	c.Phase = Cancelling
	c.Original.Ready, c.Original.Replicas, c.Original.Template, c.Peak = most, most, sum, most
	c.Grayscale.Ready, c.Grayscale.Replicas, c.Grayscale.Template, c.Grayscale.UID = most, most, sum, id
	c.Policy = Policy{Weight: share, Match: s.Policy.Match, Mirror: share, Traffic: intent.TrafficGrayscale, End: intent.EndFinish, Replicas: most}
	c.Live = &Live{Weight: share, Most: share, Routes: most, Content: most, AsAsked: true, Mirror: share}
	c.Intent, c.Reach, c.Strict, c.By = sum, Reach(strings.Repeat("x", MostReach*digestSize)), name, name
	c.Steps, c.Started = Steps{}, at
	for phase := range sentences {
		if !phase.Ended() { // then there is no status any more
			c.Steps[Step(phase)] = at
		}
	}
	for _, step := range []Step{StepPinned, StepDrain, StepGone, StepYield, StepStripped, StepTooLate} {
		c.Steps[step] = at
	}
	c.Conditions = nil
	for _, kind := range []string{Progressing, PodsReady, Routed, Degraded, OriginalChanged} {
		c.Conditions = append(c.Conditions, metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: ReasonOriginalEmpty, Message: long, LastTransitionTime: metav1.NewTime(at)})
	}
	return len(encode(c)) - MostStatus
}

// TooLong says what is wrong with rules that have no room in the status of the
// release that runs; what else an intent says is short, or fixed.
func (s *Status) TooLong(i intent.Intent) intent.Faults {
	c := *s
	c.Policy.Match = i.Match
	if over := c.over(); over > 0 && len(i.Match) > 0 {
		return intent.Faults{noRoom(intent.KeyMatch, i.Match, over, fewerRules)}
	}
	return nil
}

const fewerRules = "write fewer or shorter rules"

// size refuses a release whose status could not be written; it names the longest
// of what stands there.
func (r *resolver) size() {
	s := Begin(r.spec, time.Time{})
	over := s.over()
	if over <= 0 {
		return
	}
	parts := []intent.Fault{
		noRoom(intent.KeyMatch, s.Policy.Match, over, fewerRules),
		noRoom(intent.KeyPatch, s.Grayscale.Patch, over, "put large settings into a ConfigMap and patch its name"),
		noRoom(intent.KeyImage, s.Grayscale.Images, over, "change fewer images at once"),
		noRoom("Deployment "+r.spec.Original.Key(), s.Original.Images, over, "release it with shorter names of images, or with fewer containers"),
	}
	r.faults = append(r.faults, slices.MaxFunc(parts, func(a, b intent.Fault) int { return cmp.Compare(len(a.Value), len(b.Value)) }))
}

func noRoom(at string, value any, over int, right string) intent.Fault {
	text := encode(value)
	f := intent.Fault{
		Kind: intent.Invalid, At: at, Value: text, Right: right,
		Why: fmt.Sprintf("takes %d bytes of the release's status, and %d are left for it", len(text), max(0, len(text)-over)),
	}
	if s, ok := value.(string); ok {
		f.Value = s
	}
	return f
}
