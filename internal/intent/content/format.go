package content

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Format gives the annotation for rules, in one canonical form that Parse reads
// back; empty for no rules.
func Format(rules []Rule) string {
	if len(rules) == 0 {
		return ""
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, rule := range rules {
		list.Content = append(list.Content, rule.node())
	}
	out, err := yaml.Marshal(list)
	if err != nil { // of a tree of our own: strings in lists and mappings
		panic(fmt.Sprintf("writing rules as YAML: %v", err))
	}
	return string(out)
}

// MarshalJSON writes the annotation's own structure. What embeds it in HTML
// escapes <, > and & itself: the annotations on a Service have no room for that.
func (r Rule) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(plain(r.node()))
	return bytes.TrimSpace(out.Bytes()), err
}

// UnmarshalJSON reads the annotation's own structure, and checks it.
func (r *Rule) UnmarshalJSON(b []byte) error {
	var value any
	if err := json.Unmarshal(b, &value); err != nil {
		return err
	}
	rule, faults := read(nodeOf(value))
	if err := joined(faults); err != nil {
		return fmt.Errorf("a rule of request content: %w", err)
	}
	*r = rule
	return nil
}

// node is the rule as YAML, its keys in the order of the documentation.
func (r Rule) node() *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode}
	if r.Cookie != nil {
		cookie := r.Cookie.Match.node()
		if r.Cookie.Name != "" {
			cookie.Content = append([]*yaml.Node{str("name"), str(r.Cookie.Name)}, cookie.Content...)
		}
		put(out, "cookie", cookie)
	}
	byName := func(key string, matches map[string]Match) {
		if len(matches) == 0 {
			return
		}
		all := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		for _, name := range slices.Sorted(maps.Keys(matches)) {
			put(all, name, matches[name].node())
		}
		put(out, key, all)
	}
	byName("headers", r.Headers)
	byName("query", r.Query)
	list := func(key string, values []string) {
		if len(values) == 0 {
			return
		}
		all := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, value := range values {
			all.Content = append(all.Content, str(value))
		}
		put(out, key, all)
	}
	list("os", r.OS)
	list("browser", r.Browser)
	return out
}

func (m Match) node() *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	if m.Kind == Present {
		put(out, string(Present), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
		return out
	}
	put(out, string(m.Kind), str(m.Value))
	return out
}

func put(mapping *yaml.Node, key string, value *yaml.Node) {
	mapping.Content = append(mapping.Content, str(key), value)
}

// word is what needs no quotation marks.
var word = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_. -]*[A-Za-z0-9]$`)

func str(s string) *yaml.Node {
	out := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	bare := yaml.Node{Kind: yaml.ScalarNode, Value: s}
	if !word.MatchString(s) || oldBoolean(s) || bare.ShortTag() != "!!str" {
		out.Style = yaml.DoubleQuotedStyle
	}
	return out
}

// plain is a tree of YAML as encoding/json writes it.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			out[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, item := range n.Content {
			out[i] = plain(item)
		}
		return out
	}
	if n.Tag == "!!bool" {
		return n.Value == "true"
	}
	return n.Value
}

// nodeOf is the reverse of plain, for anything that encoding/json reads.
func nodeOf(value any) *yaml.Node {
	switch v := value.(type) {
	case map[string]any:
		out := &yaml.Node{Kind: yaml.MappingNode}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out.Content = append(out.Content, str(key), nodeOf(v[key]))
		}
		return out
	case []any:
		out := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range v {
			out.Content = append(out.Content, nodeOf(item))
		}
		return out
	case string:
		out := str(v)
		out.Style = yaml.DoubleQuotedStyle
		return out
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v)}
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: fmt.Sprint(v)}
	}
}
