package decide

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// Operation is one step of a JSON patch (RFC 6902).
type Operation struct {
	Op    string
	Path  string
	Value any
}

// PutBack gives the patch that puts our routes back into a VirtualService that
// somebody writes, so that the policy of splits goes on. Only the list of HTTP
// routes is touched; nil where it is right already.
func PutBack(after *unstructured.Unstructured, splits []route.Split) (*Operation, error) {
	right, err := route.Apply(after, splits)
	if err != nil {
		return nil, fmt.Errorf("putting routes back: %w", err)
	}
	is, was, err := routes(after)
	if err != nil {
		return nil, err
	}
	want, _, err := routes(right)
	if err != nil || !was || equality.Semantic.DeepEqual(is, want) {
		return nil, err // without a list there is nothing to copy
	}
	return &Operation{Op: "replace", Path: "/spec/http", Value: want}, nil
}

func routes(vs *unstructured.Unstructured) (list any, ok bool, err error) {
	list, ok, err = unstructured.NestedFieldNoCopy(vs.Object, "spec", "http")
	if err != nil {
		return nil, false, fmt.Errorf("VirtualService %s/%s: %w", vs.GetNamespace(), vs.GetName(), err)
	}
	return list, ok, nil
}
