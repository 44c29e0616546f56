package plan

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// Right is a permission, as a SubjectAccessReview asks for it.
type Right struct {
	Verb, Group, Resource string
	Namespace             string
	// Name is empty for create, as it is when the API server authorizes one: no
	// rule that names objects allows that.
	// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
	Name string
}

// String names it as in "update virtualservices.networking.istio.io edge/front".
func (r Right) String() string {
	resource := r.Resource
	if r.Group != "" {
		resource += "." + r.Group
	}
	if r.Name == "" {
		return r.Verb + " " + resource + " in namespace " + r.Namespace
	}
	return r.Verb + " " + resource + " " + r.Namespace + "/" + r.Name
}

// ReleaseRight is the virtual permission to release a Service: who has it needs
// none of those that [Rights] gives.
func ReleaseRight(service types.NamespacedName) Right {
	return Right{Verb: "release", Group: strings.TrimSuffix(intent.Prefix, "/"), Resource: "services", Namespace: service.Namespace, Name: service.Name}
}

// CloneRight is the one that every release needs: to make the clone.
func CloneRight(namespace string) Right {
	return Right{Verb: "create", Group: deployments.Group, Resource: deployments.Resource, Namespace: namespace}
}

// Rights are what a release does in its requester's name, from now to its end: it
// makes the clone, changes the VirtualServices that take part, makes or changes
// ours and, where the intent asks for the end, deletes or changes the original and
// moves the user's routes and subsets. To take things back needs no right. They
// are in order, each once; none where no release would run. spec is of the release
// that would start; nil for the one that holds the Service. The snapshot has the
// original as it is written.
func Rights(s Snapshot, i intent.Intent, spec *release.Spec) []Right {
	claim, ok := s.wouldBe(i, spec)
	if !ok {
		return nil
	}
	v := look(s, claim, time.Time{})
	out := rights{CloneRight(s.Key.Namespace)}
	v.routeRights(&out)
	v.ruleRights(&out)
	if i.End == intent.EndFinish {
		v.endRights(&out)
	}
	slices.SortFunc(out, Right.compare)
	return slices.Compact(out)
}

func (r Right) compare(o Right) int {
	return cmp.Or(cmp.Compare(r.Namespace, o.Namespace), cmp.Compare(r.Group, o.Group), cmp.Compare(r.Resource, o.Resource),
		cmp.Compare(r.Name, o.Name), cmp.Compare(r.Verb, o.Verb))
}

// routeRights are for the VirtualServices that take part, and for ours.
func (v view) routeRights(out *rights) {
	for _, r := range v.routes {
		if r.own || hasTargets(r.vs, v) {
			out.add("update", virtualServices, r.vs)
		}
	}
	if v.needOwn() && v.own() == nil {
		*out = append(*out, Right{Verb: "create", Group: virtualServices.Group, Resource: virtualServices.Resource, Namespace: v.Key.Namespace})
	}
}

// ruleRights are for our DestinationRules.
func (v view) ruleRights(out *rights) {
	for _, want := range v.rules.Want {
		if there := v.rule(want); there != nil {
			out.add("update", destinationRules, there)
		} else {
			*out = append(*out, Right{Verb: "create", Group: destinationRules.Group, Resource: destinationRules.Resource, Namespace: want.GetNamespace()})
		}
	}
}

// endRights are for what a finish takes away from the user, or moves.
func (v view) endRights(out *rights) {
	switch {
	case v.original == nil:
	case v.claim.Finish == intent.Replace:
		out.add("delete", deployments, v.original)
	case workload.Manager(v.original) == "": // else the new template comes from there
		out.add("update", deployments, v.original)
	}
	moves, rules := v.successors()
	for _, r := range v.routes {
		if v.moved(r, moves) {
			out.add("update", virtualServices, r.vs)
		}
	}
	for rule := range rules {
		out.add("update", destinationRules, rule)
	}
}

type rights []Right

func (rs *rights) add(verb string, of Right, u *unstructured.Unstructured) {
	of.Verb, of.Namespace, of.Name = verb, u.GetNamespace(), u.GetName()
	*rs = append(*rs, of)
}

// The resources of the rights.
var (
	deployments      = Right{Group: "apps", Resource: "deployments"}
	virtualServices  = Right{Group: "networking.istio.io", Resource: "virtualservices"}
	destinationRules = Right{Group: "networking.istio.io", Resource: "destinationrules"}
)
