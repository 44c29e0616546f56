package route

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// visibility is what exportTo says: in which namespaces' proxies an object
// counts.
type visibility struct {
	all bool
	in  map[string]bool // when not all
}

// visible reads exportTo. Absent means everywhere: the mesh's own default can
// say otherwise, but is not in the API.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#DestinationRule-export_to
func visible(obj *unstructured.Unstructured) visibility {
	namespace, _ := metadata(obj)
	names := texts(list(spec(obj), "exportTo"))
	v := visibility{all: len(names) == 0, in: map[string]bool{}}
	for _, name := range names {
		switch name {
		case "*":
			v.all = true
		case ".":
			v.in[namespace] = true
		case "~":
		default:
			v.in[name] = true
		}
	}
	return v
}

// VisibleIn says whether the object counts for callers in a namespace.
func VisibleIn(obj *unstructured.Unstructured, namespace string) bool {
	return visible(obj).has(namespace)
}

func (v visibility) has(namespace string) bool { return v.all || v.in[namespace] }

// add makes v hold what other holds, too.
func (v *visibility) add(other visibility) {
	if v.in == nil {
		v.in = map[string]bool{}
	}
	v.all = v.all || other.all
	maps.Copy(v.in, other.in)
}

// without gives what v holds and other does not; all stays all unless other is.
func (v visibility) without(other visibility) visibility {
	if other.all {
		return visibility{}
	}
	out := visibility{all: v.all, in: map[string]bool{}}
	for namespace := range v.in {
		if !other.in[namespace] {
			out.in[namespace] = true
		}
	}
	return out
}

func (v visibility) empty() bool { return !v.all && len(v.in) == 0 }

// String names the namespaces, for messages.
func (v visibility) String() string {
	if v.all {
		return "all namespaces"
	}
	return "namespace " + strings.Join(slices.Sorted(maps.Keys(v.in)), ", ")
}
