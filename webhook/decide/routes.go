package decide

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// Operation is one step of a JSON patch (RFC 6902).
type Operation struct {
	Op    string
	Path  string
	Value any
}

// PutBack gives the patch that puts our routes back into a VirtualService that
// somebody writes, so that the policy of splits goes on. Only the lists of routes
// and our own note beside them are touched; empty where all is right already.
// Where the routes that are written can't say the whole policy, as much of it as
// they can say is put back, and the error says what is not.
func PutBack(after *unstructured.Unstructured, splits []route.Split) ([]Operation, error) {
	right, unsaid := apply(after, splits)
	if right == nil {
		return nil, unsaid
	}
	var out []Operation
	for _, kind := range []string{"http", "tcp", "tls"} {
		is, was, err := routes(after, kind)
		if err != nil {
			return nil, err
		}
		want, stays, err := routes(right, kind)
		switch {
		case err != nil:
			return nil, err
		case equality.Semantic.DeepEqual(is, want):
		case was && stays:
			out = append(out, Operation{Op: "replace", Path: "/spec/" + kind, Value: want})
		case stays:
			out = append(out, Operation{Op: "add", Path: "/spec/" + kind, Value: want})
		default:
			out = append(out, Operation{Op: "remove", Path: "/spec/" + kind})
		}
	}
	return append(out, note(after, right)...), unsaid
}

// apply gives the most of the splits that routes can say: without their rules, or
// as pins. What has no traffic but the grayscale version's stays so.
func apply(vs *unstructured.Unstructured, splits []route.Split) (right *unstructured.Unstructured, unsaid error) {
	for less := range route.Ladder(splits) {
		right, err := route.Apply(vs, less)
		if err == nil {
			return right, unsaid
		}
		if unsaid == nil {
			unsaid = fmt.Errorf("putting routes back: %w", err)
		}
	}
	return nil, unsaid
}

func routes(vs *unstructured.Unstructured, kind string) (list any, ok bool, err error) {
	list, ok, err = unstructured.NestedFieldNoCopy(vs.Object, "spec", kind)
	if err != nil {
		return nil, false, fmt.Errorf("VirtualService %s/%s: %w", vs.GetNamespace(), vs.GetName(), err)
	}
	return list, ok, nil
}

// note puts back the rules that stand beside our routes by content.
func note(after, right *unstructured.Unstructured) []Operation {
	is, had := after.GetAnnotations()[intent.AnnotationRules]
	want, has := right.GetAnnotations()[intent.AnnotationRules]
	path := "/metadata/annotations/" + strings.ReplaceAll(intent.AnnotationRules, "/", "~1")
	switch {
	case is == want && had == has:
		return nil
	case !has:
		return []Operation{{Op: "remove", Path: path}}
	case len(after.GetAnnotations()) == 0:
		return []Operation{{Op: "add", Path: "/metadata/annotations", Value: map[string]any{intent.AnnotationRules: want}}}
	default:
		return []Operation{{Op: "add", Path: path, Value: want}}
	}
}
