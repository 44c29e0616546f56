package release

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// How much of the past is kept. The last hundred spent pairs are, come what may;
// an older one only as long as its Deployment still asks for that very release,
// for then it would start by itself. Of those there are at most MostStanding.
const (
	MostEntries  = 10
	MostSpent    = 100
	MostStanding = 1000
)

// History is the annotation grayscale.dev/history of a Service.
type History struct {
	Schema  int     `json:"schema"`
	Entries []Entry `json:"entries,omitempty"` // newest first
	Spent   Pairs   `json:"spent,omitempty"`   // newest first
}

// Pairs are marks of task names that Deployments have used up; see Pair.
type Pairs []string

// pairSize is the length of a mark: 36 bits, so that among 1,100 of them a fresh
// name is taken for a spent one once in 60 million times, which its user is told,
// and takes another.
const pairSize = 6

// MarshalText writes them without anything between: there may be many.
func (p Pairs) MarshalText() ([]byte, error) { return []byte(strings.Join(p, "")), nil }

// UnmarshalText reads them back.
func (p *Pairs) UnmarshalText(text []byte) error {
	if len(text)%pairSize != 0 {
		return fmt.Errorf("spent pairs of %d bytes, which are no multiple of %d", len(text), pairSize)
	}
	*p = nil
	for pair := range slices.Chunk(text, pairSize) {
		*p = append(*p, string(pair))
	}
	return nil
}

// Entry is a release that ended.
type Entry struct {
	Task     string            `json:"task"`
	Form     intent.Form       `json:"form,omitempty"` // empty where nobody wrote it down
	Phase    Phase             `json:"phase"`
	Original string            `json:"original"` // Deployment
	Clone    string            `json:"clone,omitempty"`
	From     string            `json:"from,omitempty"` // version
	To       string            `json:"to,omitempty"`   // version
	Images   map[string]string `json:"images,omitempty"`
	By       string            `json:"by,omitempty"`
	Started  time.Time         `json:"started"`
	Ended    time.Time         `json:"ended"`
	Message  string            `json:"message,omitempty"`
}

// ParseHistory reads the annotation; an empty one is an empty history.
func ParseHistory(value string) (History, error) {
	h := History{Schema: Schema}
	if value == "" {
		return h, nil
	}
	if err := json.Unmarshal([]byte(value), &h); err != nil {
		return h, fmt.Errorf("annotation %s is not readable: %w", intent.AnnotationHistory, err)
	}
	return h, nil
}

// Pair is the mark of a task name that a Deployment has used up.
func Pair(task string, deployment types.UID) string {
	sum := sha256.Sum256([]byte(task + "\x00" + string(deployment)))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:pairSize]
}

// IsSpent says whether the task has ended or was rejected for that Deployment.
func (h History) IsSpent(task string, deployment types.UID) bool {
	return slices.Contains(h.Spent, Pair(task, deployment))
}

// With gives the history with one more entry, its pair spent. standing are the
// pairs of Deployments that ask for a release at this moment, spent or not.
func (h History) With(e Entry, deployment types.UID, standing map[string]bool) History {
	h.Schema = Schema
	h.Entries = clipped(append([]Entry{e}, h.Entries...), MostEntries)
	pair, spent := Pair(e.Task, deployment), Pairs{}
	for _, old := range h.Spent {
		if old != pair && (len(spent)+1 < MostSpent || standing[old]) {
			spent = append(spent, old)
		}
	}
	h.Spent = clipped(append(Pairs{pair}, spent...), MostSpent+MostStanding)
	return h
}

// Room says how many more Deployments may ask for what is spent: beyond that
// there is no way to remember them all.
func (h History) Room(standing map[string]bool) int {
	room := MostStanding
	for _, pair := range h.Spent {
		if standing[pair] {
			room--
		}
	}
	return room
}

// String is the annotation's value, with as many entries as fit beside a
// status of that many bytes: the oldest go first. The spent pairs always stay, for
// a release that starts by itself is worse than one that nobody can look up.
func (h History) String(status int) string {
	for {
		text := encode(h)
		if len(text)+status <= MostBytes || len(h.Entries) == 0 {
			return text
		}
		h.Entries = h.Entries[:len(h.Entries)-1]
	}
}

// Find gives the newest entry of that task.
func (h History) Find(task string) (Entry, bool) {
	for _, e := range h.Entries {
		if e.Task == task {
			return e, true
		}
	}
	return Entry{}, false
}

// Entry is what the history keeps of a release that ended as it stands.
func (s *Status) Entry() Entry {
	e := Entry{
		Task: s.Task, Form: s.Form, Phase: s.Phase, Original: s.Original.Name, Clone: s.Clone,
		From: s.Original.Version, To: s.Grayscale.Version, Images: s.Grayscale.Images,
		By: s.By, Started: s.Started, Message: s.Message,
	}
	if s.Ended != nil {
		e.Ended = *s.Ended
	}
	return e
}

func clipped[T any](list []T, most int) []T {
	if len(list) > most {
		return list[:most]
	}
	return list
}
