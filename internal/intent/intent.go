// Package intent turns the annotations on a Deployment into values, and says
// what is wrong with them. It is pure: it reads no object, clock or cluster.
package intent

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// Form is the kind of release.
type Form string

// The forms.
const (
	Canary    Form = "canary"
	BlueGreen Form = "blue-green"
)

// Finish says how a release ends when the grayscale version stays.
type Finish string

// The ways to finish.
const (
	InPlace Finish = "in-place" // the original takes the new template
	Replace Finish = "replace"  // the original is deleted, the clone stays
)

// Traffic says which version the release's policy is overridden with.
type Traffic string

// The values of traffic.
const (
	TrafficPolicy    Traffic = "policy"
	TrafficGrayscale Traffic = "grayscale"
	TrafficOriginal  Traffic = "original"
)

// End asks for the end of a release.
type End string

// The ends; empty while the release goes on.
const (
	EndNone   End = ""
	EndFinish End = "finish"
	EndCancel End = "cancel"
)

// Risk is what a user can accept.
type Risk string

// The risks.
const (
	Unrouted    Risk = "unrouted"
	Undersized  Risk = "undersized"
	Managed     Risk = "managed"
	Unprotected Risk = "unprotected"
)

// Intent is a release as it was asked for. Fields that were not written hold
// their default, or are empty where the default needs the objects.
type Intent struct {
	Release  string
	Form     Form
	Service  string // empty: the one Service that selects the workload
	Version  string // empty: the tag of the one image that changes
	Image    string // as written; see Images
	Name     string // empty: made from the original's name and the version
	Replicas int32  // 0: auto
	Patch    string // as written, YAML; empty: only images change
	Weight   Weight
	Match    []content.Rule
	Mirror   Weight
	Traffic  Traffic
	End      End
	Accept   []Risk
	By       string
	Finish   Finish // empty: chosen at the start
}

// Accepts says whether the user accepted the risk.
func (i Intent) Accepts(r Risk) bool { return slices.Contains(i.Accept, r) }

// Of gives only our own annotations, without the ones that are not the intent
// of a Deployment: what Parse reads.
func Of(annotations map[string]string) map[string]string {
	ours := map[string]string{}
	for key, value := range annotations {
		if strings.HasPrefix(key, Prefix) {
			ours[key] = value
		}
	}
	return ours
}

// Starts says whether the annotations ask for a release.
func Starts(annotations map[string]string) bool {
	_, ok := annotations[KeyRelease]
	return ok
}

// Parse reads the intent. All faults are reported at once, in the order of
// Keys, unknown keys first; the Intent is then only as good as what was right.
func Parse(annotations map[string]string) (Intent, Faults) {
	p := parser{in: Of(annotations)}
	for _, key := range slices.Sorted(maps.Keys(p.in)) {
		if !slices.Contains(Keys, key) {
			p.fault(Invalid, key, p.in[key], "is not a key of ours", "use one of "+strings.Join(short(Keys), ", "))
		}
	}
	i := Intent{
		Release:  p.release(),
		Form:     one(&p, KeyForm, Canary, Canary, BlueGreen),
		Service:  p.dns(KeyService, "the name of a Service"),
		Version:  p.version(),
		Image:    p.in[KeyImage],
		Name:     p.dns(KeyName, "the name of the clone"),
		Replicas: p.replicas(),
		Patch:    p.patch(),
		Weight:   p.weight(KeyWeight),
		Match:    p.match(),
		Mirror:   p.weight(KeyMirror),
		Traffic:  one(&p, KeyTraffic, TrafficPolicy, TrafficPolicy, TrafficGrayscale, TrafficOriginal),
		End:      one(&p, KeyEnd, EndNone, EndFinish, EndCancel),
		Accept:   p.accept(),
		By:       p.in[KeyBy],
		Finish:   one(&p, KeyFinish, "", InPlace, Replace),
	}
	p.image()
	p.together(i)
	slices.SortStableFunc(p.faults, func(a, b Fault) int { return slices.Index(Keys, a.At) - slices.Index(Keys, b.At) })
	return i, p.faults
}

type parser struct {
	in     map[string]string
	faults Faults
}

func (p *parser) fault(kind Kind, key, value, why, right string) {
	p.faults = append(p.faults, Fault{Kind: kind, At: key, Value: value, Why: why, Right: right})
}

// one reads a value of a fixed list; empty counts as not written.
func one[T ~string](p *parser, key string, byDefault T, legal ...T) T {
	value, ok := p.in[key]
	if !ok {
		return byDefault
	}
	if slices.Contains(legal, T(value)) {
		return T(value)
	}
	names := make([]string, len(legal))
	for n, l := range legal {
		names[n] = string(l)
	}
	p.emptyOr(key, value, "is not a legal value", "write "+strings.Join(names, " or "))
	return byDefault
}

func (p *parser) emptyOr(key, value, why, right string) {
	if value == "" {
		why = "is empty"
		right += ", or remove the key"
	}
	p.fault(Invalid, key, value, why, right)
}

func (p *parser) replicas() int32 {
	value, ok := p.in[KeyReplicas]
	if !ok || value == "auto" {
		return 0
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 1 || !digits(value) {
		p.emptyOr(KeyReplicas, value, "is not a number of replicas", "write auto or a whole number from 1")
		return 0
	}
	return int32(n)
}

func (p *parser) weight(key string) Weight {
	value, ok := p.in[key]
	if !ok {
		return 0
	}
	w, err := ParseWeight(value)
	if err != nil {
		p.fault(Invalid, key, value, err.Error(), "")
	}
	return w
}

func (p *parser) accept() []Risk {
	value, ok := p.in[KeyAccept]
	if !ok {
		return nil
	}
	var risks []Risk
	for _, word := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }) {
		r := Risk(word)
		switch {
		case !slices.Contains([]Risk{Unrouted, Undersized, Managed, Unprotected}, r):
			p.fault(Invalid, KeyAccept, word, "is not a risk", "write a list of unrouted, undersized, managed, unprotected")
		case !slices.Contains(risks, r):
			risks = append(risks, r)
		}
	}
	return risks
}

func short(keys []string) []string {
	out := make([]string, len(keys))
	for n, key := range keys {
		out[n] = strings.TrimPrefix(key, Prefix)
	}
	return out
}

// together refuses what is right alone and wrong beside another key.
func (p *parser) together(i Intent) {
	if i.Form == BlueGreen {
		for _, key := range []string{KeyWeight, KeyMatch, KeyMirror} {
			if _, ok := p.in[key]; ok {
				p.fault(Forbidden, key, p.in[key], "is a partial policy, which form: blue-green does not have", "remove it, and write "+KeyTraffic+": grayscale or original")
			}
		}
	}
	if i.Mirror > 0 && i.Weight > 0 {
		p.fault(Forbidden, KeyMirror, p.in[KeyMirror], "needs weight 0: a version that answers a share itself can't be a mirror too", "write "+KeyWeight+": \"0\", or remove one of them")
	}
}
