package route

import (
	"encoding/json"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// InPlace changes one Service's part of our copies where they stand, those of
// other releases staying as they are: what is left to do where [Apply] fails
// whatever is asked, because the user's routes have outgrown a bound. names gives,
// for each subset of ours, the one that is named instead; "" is none. A mirror of
// ours goes. A copy that then names no subset of ours is taken away: the user's
// route behind it says the same. No route gets a pin by it that has none.
func InPlace(vs *unstructured.Unstructured, service types.NamespacedName, names map[string]string) *unstructured.Unstructured {
	namespace, _ := metadata(vs)
	out := clone(vs)
	for _, kind := range kinds {
		var kept []any
		changed := false
		for _, route := range list(spec(out), kind) {
			if isOurs(route) && rename(route, namespace, service, names) {
				changed = true
				if !isOurs(route) {
					continue
				}
			}
			kept = append(kept, route)
		}
		switch {
		case !changed:
		case len(kept) == 0 && kind != "http":
			delete(spec(out), kind)
		default:
			spec(out)[kind] = append([]any{}, kept...)
		}
	}
	forgetRules(out, service)
	return out
}

// rename does that in one copy, and says whether the Service had a part in it.
func rename(route any, namespace string, service types.NamespacedName, names map[string]string) (had bool) {
	fields, _ := route.(map[string]any)
	mine := func(entry any) (to map[string]any, subset string) {
		item, _ := entry.(map[string]any)
		to = object(item, "destination")
		host, _ := text(to, "host")
		subset, _ = text(to, "subset")
		if named, inside := ServiceOf(host, namespace); !inside || named != service || !strings.HasPrefix(subset, Reserved) {
			return nil, ""
		}
		return to, subset
	}
	point := func(to map[string]any, subset string) {
		had = true
		if to["subset"] = names[subset]; names[subset] == "" {
			delete(to, "subset")
		}
	}
	for _, entry := range list(fields, "route") {
		if to, subset := mine(entry); to != nil {
			point(to, subset)
		}
	}
	var mirrors []any
	for _, entry := range list(fields, "mirrors") {
		to, subset := mine(entry)
		if isMirror(subset) {
			had = true
			continue
		}
		if to != nil {
			point(to, subset)
		}
		mirrors = append(mirrors, entry)
	}
	switch {
	case !had:
		return false
	case len(mirrors) > 0:
		fields["mirrors"] = mirrors
	default:
		delete(fields, "mirrors")
	}
	fields["route"] = joined(list(fields, "route"))
	return true
}

// joined makes one of destinations in a row that differ in their weights alone.
func joined(entries []any) []any {
	out := []any{}
	for _, entry := range entries {
		if n := len(out) - 1; n >= 0 && reflect.DeepEqual(weightless(out[n]), weightless(entry)) {
			last := out[n].(map[string]any)
			a, _ := integer(last["weight"])
			b, _ := integer(entry.(map[string]any)["weight"])
			last["weight"] = a + b
			continue
		}
		out = append(out, entry)
	}
	return out
}

func weightless(entry any) any {
	fields, ok := entry.(map[string]any)
	if !ok {
		return nil
	}
	out := copied(fields).(map[string]any)
	delete(out, "weight")
	return out
}

// forgetRules takes a Service's rules from the note beside the copies.
func forgetRules(vs *unstructured.Unstructured, service types.NamespacedName) {
	byService := noted(vs)
	if _, has := byService[service]; !has {
		return
	}
	byName := map[string]any{}
	for other, rules := range byService {
		if other != service {
			byName[other.String()] = rules
		}
	}
	value, err := json.Marshal(byName)
	if err != nil || len(byName) == 0 {
		unnote(vs)
		return
	}
	object(object(vs.Object, "metadata"), "annotations")[intent.AnnotationRules] = string(value)
}
