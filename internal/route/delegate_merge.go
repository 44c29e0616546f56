package route

import (
	"maps"
	"slices"
	"strings"
)

// conflict names the first condition by which istiod does not put a delegate's
// match within one of the root's, empty when it does. As there, names of headers
// are compared as they are written, and a regular expression fits nothing
// (hasConflict and stringMatchConflict in pilot/pkg/model/virtualservice.go). The
// gateways of a match are left out: ours has those of the user's.
func conflict(root, own map[string]any) string {
	for _, field := range []string{"uri", "scheme", "method", "authority"} {
		if outside(root[field], own[field]) {
			return field
		}
	}
	for _, field := range []string{"headers", "withoutHeaders", "queryParams"} {
		within := object(root, field)
		for _, name := range slices.Sorted(maps.Keys(object(own, field))) {
			if outside(within[name], object(own, field)[name]) {
				return field + " " + name
			}
		}
	}
	return staticConflict(root, own)
}

// staticConflict does that for conditions that are no string match.
func staticConflict(root, own map[string]any) string {
	yes := func(match map[string]any) bool { v, _ := match["ignoreUriCase"].(bool); return v }
	if yes(root) != yes(own) {
		return "ignoreUriCase"
	}
	wide, _ := integer(root["port"])
	narrow, _ := integer(own["port"])
	if wide > 0 && narrow > 0 && wide != narrow {
		return "port"
	}
	from, _ := text(root, "sourceNamespace")
	if only, _ := text(own, "sourceNamespace"); from != "" && from != only {
		return "sourceNamespace"
	}
	within := labels(root, "sourceLabels")
	for key, value := range labels(own, "sourceLabels") {
		if have, ok := within[key]; ok && have != value {
			return "sourceLabels"
		}
	}
	return ""
}

// outside says whether a delegate's string match does not fit within the root's.
func outside(root, own any) bool {
	wide, ok := root.(map[string]any)
	narrow, also := own.(map[string]any)
	if !ok || !also {
		return false
	}
	said := func(match map[string]any, kind string) string { s, _ := text(match, kind); return s }
	regex, exact, prefix := said(narrow, "regex"), said(narrow, "exact"), said(narrow, "prefix")
	switch {
	case said(wide, "regex") != "" && (regex != "" || exact != "" || prefix != ""),
		regex != "" && (said(wide, "regex") != "" || said(wide, "exact") != "" || said(wide, "prefix") != ""):
		return true
	case said(wide, "exact") != "":
		return prefix != "" || exact != said(wide, "exact")
	case said(wide, "prefix") != "" && prefix != "":
		return !strings.HasPrefix(prefix, said(wide, "prefix"))
	case said(wide, "prefix") != "" && exact != "":
		return !strings.HasPrefix(exact, said(wide, "prefix"))
	}
	return true
}

// rightFor says what helps against a conflict that a copy by content has and the
// user's own route has not.
func rightFor(field string) string {
	switch kind, name, _ := strings.Cut(field, " "); kind {
	case "headers", "withoutHeaders":
		return "write the header's name in the root in another case, " + strings.ToLower(name)
	case "queryParams":
		return "move the root's condition on this query parameter to the delegate's route"
	}
	return "write the root's " + field + " in a match of the delegate's route, too"
}

// apart writes the headers of our conditions in a delegate's copies in a way in
// which hardly a root writes any: istiod compares names as they are written, so
// the root's condition on the same header stays beside ours, and Envoy applies
// both. [DelegateFaults] finds a root that does write one so.
func apart(ours []any, user any) {
	own := matches(user)
	for _, copy := range ours {
		for i, match := range matches(copy) {
			var users map[string]any
			if len(own) > 0 {
				users = own[i%len(own)]
			}
			for _, field := range []string{"headers", "withoutHeaders"} {
				respell(object(match, field), object(users, field))
			}
		}
	}
}

// respell renames the headers that the user's own match does not have.
func respell(headers, users map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if _, theirs := users[name]; theirs {
			continue
		}
		value := headers[name]
		delete(headers, name)
		headers[oddly(name, headers)] = value
	}
}

// oddly gives a way to write a header's name, with its last letter in upper case
// and not all of them, that is not taken; the name as it is where there is none.
// Neither who types a name nor a library that prints one writes it so.
func oddly(name string, taken map[string]any) string {
	lower := strings.ToLower(name)
	last := strings.LastIndexAny(lower, "abcdefghijklmnopqrstuvwxyz")
	if last < 0 || strings.HasPrefix(name, ":") {
		return name
	}
	end := strings.ToUpper(lower[last:])
	for n := 0; ; n++ {
		begin, ok := cased(lower[:last], n)
		if !ok {
			return name
		}
		if _, has := taken[begin+end]; !has {
			return begin + end
		}
	}
}
