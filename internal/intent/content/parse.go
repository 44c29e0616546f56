package content

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Parse reads the annotation `grayscale.dev/match`: a YAML list of rules. All
// that is wrong is reported at once; the rules are only good without faults.
//
//   - cookie: {name: User, exact: Internal}
//     os: [iOS, Android]
//   - query: {beta: {exact: "1"}}
func Parse(text string) ([]Rule, []Fault) {
	if len(text) > MaxBytes {
		return nil, []Fault{{Why: fmt.Sprintf("has %d bytes", len(text)), Right: fmt.Sprintf("write %d at most", MaxBytes)}}
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return nil, []Fault{{Why: "is no YAML: " + strings.TrimPrefix(err.Error(), "yaml: "), Right: "write a list of rules"}}
	}
	if severalDocuments(text) {
		return nil, []Fault{{Why: "is more than one YAML document", Right: "write one list of rules"}}
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 || document.Content[0].ShortTag() == "!!null" {
		return nil, []Fault{{Why: "is empty", Right: "write a list of rules, or remove the key"}}
	}
	list := document.Content[0]
	switch {
	case list.Kind != yaml.SequenceNode:
		return nil, []Fault{{Why: "is no list of rules", Right: "begin each rule with a hyphen: - cookie: {name: User, exact: Internal}"}}
	case len(list.Content) == 0:
		return nil, []Fault{{Why: "is an empty list", Right: "write a rule, or remove the key"}}
	case len(list.Content) > MaxRules:
		return nil, []Fault{{Why: fmt.Sprintf("has %d rules", len(list.Content)), Right: fmt.Sprintf("write %d at most", MaxRules)}}
	}
	var rules []Rule
	var faults []Fault
	for n, node := range list.Content {
		rule, wrong := read(node)
		rules = append(rules, rule)
		faults = append(faults, numbered(wrong, n+1)...)
	}
	return rules, faults
}

// numbered puts the rule before the paths.
func numbered(faults []Fault, rule int) []Fault {
	for n, f := range faults {
		faults[n].At = strings.TrimSuffix(fmt.Sprintf("rule %d: %s", rule, f.At), ": ")
	}
	return faults
}

// severalDocuments looks for a marker after the first content, because the
// reader ignores what follows the first document.
func severalDocuments(text string) bool {
	content := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		marker := strings.HasPrefix(line, "---") || strings.HasPrefix(line, "...")
		if marker && content {
			return true
		}
		blank := strings.TrimSpace(line)
		content = content || marker || blank != "" && !strings.HasPrefix(blank, "#") && !strings.HasPrefix(blank, "%")
	}
	return false
}

// reader collects the faults of one rule's YAML.
type reader struct{ faults []Fault }

func (r *reader) fault(at, value, why, right string) {
	r.faults = append(r.faults, Fault{At: at, Value: value, Why: why, Right: right})
}

// read reads one rule, and checks what it says where its form is right.
func read(node *yaml.Node) (Rule, []Fault) {
	r := &reader{}
	var rule Rule
	r.mapping("", node, func(key string, value *yaml.Node) {
		switch key {
		case "cookie":
			rule.Cookie = r.cookie(value)
		case "headers":
			rule.Headers = r.matches("headers", value, strings.ToLower)
		case "query":
			rule.Query = r.matches("query", value, func(s string) string { return s })
		case "os":
			rule.OS = inOrder(r.strings("os", value), OSes)
		case "browser":
			rule.Browser = inOrder(r.strings("browser", value), Browsers)
		default:
			r.fault("", key, "is not a key of a rule", "use any of cookie, headers, query, os, browser")
		}
	})
	if len(r.faults) > 0 {
		return rule, r.faults
	}
	return rule, rule.faults()
}

// mapping calls with each key and value of a mapping, and refuses anything else.
func (r *reader) mapping(at string, node *yaml.Node, each func(key string, value *yaml.Node)) {
	if node.Kind != yaml.MappingNode {
		r.fault(at, node.Value, "is no mapping", "write keys and values: {key: value}")
		return
	}
	if len(node.Content) == 0 && at != "" {
		r.fault(at, "", "is empty", "write something into it, or remove it")
	}
	var seen []string
	for n := 0; n+1 < len(node.Content); n += 2 {
		key, ok := r.text(at, "a key", node.Content[n])
		if !ok {
			continue
		}
		if slices.Contains(seen, key) {
			r.fault(at, key, "stands twice", "write it once")
			continue
		}
		seen = append(seen, key)
		each(key, node.Content[n+1])
	}
}

// text reads a string. Numbers, booleans (those of YAML 1.1, too, as Kubernetes
// reads them) and dates must be quoted, lest "1.10" becomes 1.1.
func (r *reader) text(at, what string, node *yaml.Node) (string, bool) {
	switch tag := node.ShortTag(); {
	case node.Kind == yaml.AliasNode || node.Anchor != "" || tag == "!!merge":
		r.fault(at, node.Value, "is a YAML alias, anchor or merge", "write it out")
	case node.Kind != yaml.ScalarNode:
		r.fault(at, "", what+" is no string", "write a string")
	case tag == "!!null":
		r.fault(at, "", what+" is missing", `write a string; "" is the empty one`)
	case tag != "!!str" || node.Style == 0 && oldBoolean(node.Value):
		r.fault(at, node.Value, "is a "+strings.TrimPrefix(kindOf(tag), "!!")+" in YAML where a string is meant", fmt.Sprintf("quote it: %q", node.Value))
	default:
		return node.Value, true
	}
	return "", false
}

// kindOf names a YAML tag; what is a string by its tag is here an old boolean.
func kindOf(tag string) string {
	switch tag {
	case "!!str", "!!bool":
		return "boolean"
	case "!!int", "!!float":
		return "number"
	case "!!timestamp":
		return "date"
	default:
		return tag
	}
}

func oldBoolean(s string) bool {
	return slices.Contains([]string{"yes", "no", "on", "off"}, strings.ToLower(s))
}

func (r *reader) strings(at string, node *yaml.Node) []string {
	if node.Kind != yaml.SequenceNode {
		r.fault(at, node.Value, "is no list", "write it in brackets: [iOS, Android]")
		return nil
	}
	if len(node.Content) == 0 {
		r.fault(at, "", "is empty", "write a value, or remove it")
	}
	var out []string
	for _, item := range node.Content {
		if s, ok := r.text(at, "a value", item); ok {
			out = append(out, s)
		}
	}
	return out
}

func (r *reader) cookie(node *yaml.Node) *Cookie {
	var c Cookie
	named := false
	rest := r.match("cookie", node, func(key string, value *yaml.Node) bool {
		if key != "name" {
			return false
		}
		c.Name, named = r.text("cookie.name", "it", value)
		return true
	})
	if named && c.Name == "" {
		r.fault("cookie.name", "", "is empty", "write the cookie's name, or leave the key out")
	}
	c.Match = rest
	return &c
}

// matches reads conditions by name; same gives the form in which names compare.
func (r *reader) matches(at string, node *yaml.Node, same func(string) string) map[string]Match {
	out := map[string]Match{}
	r.mapping(at, node, func(name string, value *yaml.Node) {
		if _, ok := out[same(name)]; ok {
			r.fault(at, name, "stands twice: names of headers are case-insensitive", "write it once")
			return
		}
		out[same(name)] = r.match(at+"."+name, value, nil)
	})
	return out
}

// match reads one StringMatch; other takes the keys that do not belong to it.
func (r *reader) match(at string, node *yaml.Node, other func(string, *yaml.Node) bool) Match {
	const right = "write one of {exact: v}, {prefix: v}, {regex: v}, {present: true}"
	if node.Kind == yaml.ScalarNode {
		r.fault(at, node.Value, "does not say how to compare", right)
		return Match{}
	}
	var out Match
	before := len(r.faults)
	r.mapping(at, node, func(key string, value *yaml.Node) {
		switch kind := Kind(key); {
		case other != nil && other(key, value):
		case !slices.Contains([]Kind{Exact, Prefix, Regex, Present}, kind):
			r.fault(at, key, "is not a key here", right)
		case out.Kind != "":
			r.fault(at, key, "stands beside "+string(out.Kind), right)
		case kind == Present:
			out.Kind = Present
			if value.ShortTag() != "!!bool" || value.Value != "true" {
				r.fault(at+".present", value.Value, "is not true", "write present: true")
			}
		default:
			out.Kind = kind
			out.Value, _ = r.text(at+"."+key, "it", value)
		}
	})
	if out.Kind == "" && len(r.faults) == before {
		r.fault(at, "", "does not say how to compare", right)
	}
	return out
}

// joined makes one error of faults; nil for none.
func joined(faults []Fault) error {
	var errs []error
	for _, f := range faults {
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}
