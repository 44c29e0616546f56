package intent

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// match reads the rules of request content.
func (p *parser) match() []content.Rule {
	value, ok := p.in[KeyMatch]
	if !ok {
		return nil
	}
	rules, faults := content.Parse(value)
	for _, f := range faults {
		p.fault(Invalid, KeyMatch, f.Value, join(f.At, f.Why), f.Right)
	}
	return rules
}

// oneLine is what a YAML reader says, in the form of a clause.
func oneLine(err error) string {
	return strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")), " ")
}

// join puts a place before what is wrong there.
func join(at, why string) string {
	if at == "" {
		return why
	}
	return "at " + at + " " + why
}

// MostPatch is the longest patch, in bytes: it stands in the claim, which shares
// the annotation with everything else that a release is. Beside long rules or many
// images there is less room; see release.Resolve.
const MostPatch = 5 << 10

// patch checks as much of the patch as can be checked without the template; see
// workload.Patched for the rest.
func (p *parser) patch() string {
	value, ok := p.in[KeyPatch]
	if !ok {
		return ""
	}
	const right = "write a YAML strategic merge patch of the pod template, such as spec: {containers: [{name: app, env: [{name: A, value: b}]}]}"
	if len(value) > MostPatch {
		p.fault(Invalid, KeyPatch, value, fmt.Sprintf("has %d bytes, and the most is %d", len(value), MostPatch), "put large settings into a ConfigMap and patch its name")
		return ""
	}
	var fields map[string]any
	if err := yaml.UnmarshalStrict([]byte(value), &fields); err != nil {
		p.fault(Invalid, KeyPatch, value, "is not a YAML object: "+oneLine(err), right)
		return ""
	}
	if len(fields) == 0 {
		p.emptyOr(KeyPatch, value, "changes nothing", right)
		return ""
	}
	metadata, _ := fields["metadata"].(map[string]any)
	if _, ok := metadata["labels"]; ok {
		p.fault(Forbidden, KeyPatch, value, "changes the pods' labels, by which Services and subsets select them", "leave metadata.labels out: the grayscale version's are set for you")
	}
	for key := range fields {
		if key != "metadata" && key != "spec" {
			p.fault(Invalid, KeyPatch, key, "is not a field of a pod template", right)
		}
	}
	return value
}
