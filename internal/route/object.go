package route

import (
	"encoding/json"
	"math"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// clone copies an object deeply. Unlike [unstructured.Unstructured.DeepCopy] it
// does not panic on values that the JSON decoder would not have made.
func clone(u *unstructured.Unstructured) *unstructured.Unstructured {
	if u == nil {
		return nil
	}
	out := &unstructured.Unstructured{}
	if u.Object != nil {
		out.Object = copied(u.Object).(map[string]any)
	}
	return out
}

// copied copies maps and lists deeply and passes anything else on: scalars are
// immutable.
func copied(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if v == nil {
			return v
		}
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = copied(item)
		}
		return out
	case []any:
		if v == nil {
			return v
		}
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = copied(item)
		}
		return out
	}
	return value
}

// object gives a field that is an object, else nil.
func object(parent map[string]any, key string) map[string]any {
	m, _ := parent[key].(map[string]any)
	return m
}

// list gives a field that is a list, else nil.
func list(parent map[string]any, key string) []any {
	l, _ := parent[key].([]any)
	return l
}

// text gives a field that is a string. ok is false when it is something else;
// an absent or null field is the empty string.
func text(parent map[string]any, key string) (value string, ok bool) {
	v, found := parent[key]
	if !found || v == nil {
		return "", true
	}
	value, ok = v.(string)
	return value, ok
}

// texts gives the strings of a list, leaving out whatever else is in it.
func texts(items []any) []string {
	var out []string
	for _, item := range items {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// labels gives a map of strings, leaving out whatever else is in it.
func labels(parent map[string]any, key string) map[string]string {
	out := map[string]string{}
	for name, value := range object(parent, key) {
		if s, ok := value.(string); ok {
			out[name] = s
		}
	}
	return out
}

// anyMap is the other way round.
func anyMap(labels map[string]string) map[string]any {
	out := make(map[string]any, len(labels))
	for key, value := range labels {
		out[key] = value
	}
	return out
}

// integer reads a whole number from 0 to the highest int32, in any form that a
// JSON or YAML decoder gives; an absent or null one is 0. ok is false for
// everything else.
func integer(value any) (n int64, ok bool) {
	switch v := value.(type) {
	case nil:
		return 0, true
	case int64:
		n = v
	case int:
		n = int64(v)
	case int32:
		n = int64(v)
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
			return 0, false
		}
		n = int64(v)
	case json.Number:
		parsed, err := v.Int64()
		if err != nil {
			return 0, false
		}
		n = parsed
	default:
		return 0, false
	}
	return n, n >= 0 && n <= math.MaxInt32
}

// float reads any number, 0 where there is none.
func float(value any) float64 {
	switch v := value.(type) {
	case int64:
		return float64(v)
	case int:
		return float64(v)
	case int32:
		return float64(v)
	case float64:
		return v
	case json.Number:
		f, err := v.Float64()
		if err == nil {
			return f
		}
	}
	return 0
}

// metadata gives name and namespace without trusting that they are strings.
func metadata(u *unstructured.Unstructured) (namespace, name string) {
	if u == nil {
		return "", ""
	}
	meta := object(u.Object, "metadata")
	namespace, _ = text(meta, "namespace")
	name, _ = text(meta, "name")
	return namespace, name
}

// spec gives the object's spec, nil when there is none.
func spec(u *unstructured.Unstructured) map[string]any {
	if u == nil {
		return nil
	}
	return object(u.Object, "spec")
}
