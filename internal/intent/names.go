package intent

import (
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

var task = regexp.MustCompile(`^[a-z][a-z0-9-]{2,61}[a-z0-9]$`)

// IsTask says whether s is a legal task name: 4 to 63 characters, a-z 0-9 -,
// starting with a letter, ending with a letter or digit.
func IsTask(s string) bool { return task.MatchString(s) }

func (p *parser) release() string {
	value, ok := p.in[KeyRelease]
	switch {
	case !ok:
		p.fault(Required, KeyRelease, "", "is missing", "write the task's name")
	case !IsTask(value):
		p.emptyOr(KeyRelease, value, "is not a task name", "write 4 to 63 characters a-z 0-9 -, starting with a letter and ending with a letter or digit")
	}
	return value
}

// dns reads an object's name (RFC 1123 subdomain, which all names of
// Deployments are; a Service's name is a label, and then simply not found).
func (p *parser) dns(key, what string) string {
	value, ok := p.in[key]
	if !ok {
		return ""
	}
	if faults := validation.IsDNS1123Subdomain(value); len(faults) > 0 {
		p.emptyOr(key, value, "can't be "+what, "write a DNS name (a-z 0-9 - ., starting and ending with a letter or digit)")
	}
	return value
}

func (p *parser) version() string {
	value, ok := p.in[KeyVersion]
	if !ok {
		return ""
	}
	if faults := validation.IsValidLabelValue(value); len(faults) > 0 || value == "" {
		p.emptyOr(KeyVersion, value, "is not a label value", "write at most 63 characters A-Z a-z 0-9 - _ ., starting and ending with a letter or digit")
	}
	return value
}

// LabelValue makes a legal, non-empty label value of an image's tag: cut to 63
// characters, without leading or trailing - _ and dots. Empty when nothing is left.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
func LabelValue(tag string) string {
	if len(tag) > validation.LabelValueMaxLength {
		tag = tag[:validation.LabelValueMaxLength]
	}
	return strings.Trim(tag, "-_.")
}

var notDNS = regexp.MustCompile(`[^a-z0-9-]+`)

// DNSLabel makes an RFC 1123 label of a version: "1.2.0_rc1" is "1-2-0-rc1".
func DNSLabel(version string) string {
	return strings.Trim(notDNS.ReplaceAllString(strings.ToLower(version), "-"), "-")
}
