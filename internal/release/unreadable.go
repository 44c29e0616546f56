package release

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// Unreadable is a claim that this version can't read, for another one wrote it,
// or a hand: an error, with what can be told of the release all the same. It runs
// on, and who can't read its claim touches nothing of it. What can't be told is
// empty.
type Unreadable struct {
	Schema   string // a number, as written
	Task     string
	Clone    string
	Service  Ref
	Original Ref
	Why      error
}

func (u *Unreadable) Error() string { return u.Why.Error() }

// Unwrap gives what is wrong with the annotation.
func (u *Unreadable) Unwrap() error { return u.Why }

// Sentence says how such a release stands.
func (u *Unreadable) Sentence() string {
	what := "schema " + u.Schema
	if u.Damaged() {
		what = "its status is damaged"
	}
	return fmt.Sprintf("running, not readable by this version (%s)", what)
}

// Damaged says whether no version of the controller can read the claim.
func (u *Unreadable) Damaged() bool { return u.Schema == "" || u.Schema == strconv.Itoa(Schema) }

// UnreadableOf gives the claim that an error of Claim's is about; nil for none.
func UnreadableOf(err error) *Unreadable {
	var u *Unreadable
	if errors.As(err, &u) {
		return u
	}
	return nil
}

// unreadable reads what it can of a status, each field by itself: one of another
// type leaves the rest.
func unreadable(value string, why error) *Unreadable {
	u := &Unreadable{Why: why, Schema: schemaOf(value)}
	fields := lenient[map[string]json.RawMessage]([]byte(value))
	u.Task, u.Clone = lenient[string](fields["task"]), lenient[string](fields["clone"])
	u.Service, u.Original = lenient[Ref](fields["service"]), lenient[Ref](fields["original"])
	return u
}

// schemaOf gives the schema of a status, as the number that is written; empty where
// none is.
func schemaOf(value string) string {
	return lenient[json.Number](lenient[map[string]json.RawMessage]([]byte(value))["schema"]).String()
}

// lenient reads a value; one of another type is none.
func lenient[T any](raw []byte) (value T) {
	if json.Unmarshal(raw, &value) != nil {
		return *new(T)
	}
	return value
}

// Among gives the claim with what the labels of its grayscale version say, where
// it says nothing itself: among Deployments of its namespace, the one that it
// names or, where it names none, the one whose pods the Service selects.
func (u *Unreadable) Among(workloads []Workload, service Service) *Unreadable {
	out := *u
	for _, w := range workloads {
		task, clone := w.Labels[intent.LabelTask]
		if !clone || w.Namespace != service.Namespace || !u.Holds(w, service) {
			continue
		}
		out.Task, out.Clone = cmp.Or(u.Task, task), cmp.Or(u.Clone, w.Name)
		out.Original.Name = cmp.Or(u.Original.Name, w.Labels[intent.LabelOf])
		if w.Name == u.Clone {
			break
		}
	}
	return &out
}

// Holds says whether a clone may be the grayscale version of the release, as far
// as can be told: one that the claim names, or whose pods the Service selects.
func (u *Unreadable) Holds(clone Workload, service Service) bool {
	return clone.Name == u.Clone || service.Selects(clone.Template)
}
