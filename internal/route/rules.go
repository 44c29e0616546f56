package route

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// RulesInput is what [Rules] decides from.
type RulesInput struct {
	// Service is the Service under release, Versions tells its versions apart.
	Service  types.NamespacedName
	Versions release.Versions
	// Ports are the Service's. Without them, only the host's lack of a
	// VirtualService makes one of ours needed, no port's of a route.
	Ports []release.Port
	// Rules are all DestinationRules whose host is the Service's or covers it, of
	// all namespaces; ours among them or not.
	Rules []*unstructured.Unstructured
	// VirtualServices are all that stand for the Service's host or send requests
	// to it, of all namespaces.
	VirtualServices []*unstructured.Unstructured
	// PublishesUnready: the Service has pods that are not ready among its endpoints,
	// and Envoy takes them for healthy.
	PublishesUnready bool
	// Mirror: requests are, or will be, copied to the grayscale version, for which
	// there is a subset of its own.
	Mirror bool
	// LetGo: the original is being rolled out to another version while its release
	// is cancelled. The original's subset prefers the version that it is of, and
	// holds the others, too, so that no request is left without a pod.
	LetGo bool
	// Prefer are further labels of the grayscale version's pods that requests go
	// to before all others of it; empty for none.
	Prefer map[string]string
	// RootNamespace is the mesh's, whose rules hold everywhere; empty means
	// istio-system.
	RootNamespace string
}

// RulesResult is what [Rules] decides.
type RulesResult struct {
	// Want are our DestinationRules as they should be, ordered by namespace and
	// name; every other rule of ours for the Service is to be deleted.
	Want []*unstructured.Unstructured
	// Subsets says what the user's subsets mean, for a [Split].
	Subsets Subsets
	// Strict: the grayscale version's subset holds its pods alone, so that Envoy
	// does not go to the original by itself when the last of them leaves.
	// StrictWhy is the reason, a clause for status.
	Strict    bool
	StrictWhy string
}

// Rules says which DestinationRules of ours must stand, so that every caller that
// reaches the Service by a VirtualService has our subsets, with the policy that
// the user gave the subsets that they stand for. The faults are why a release
// must be refused; each names its object.
//
// It follows what istiod does with several rules for one host
// (pilot/pkg/model/destination_rule.go and push_context.go): look-up in the
// caller's namespace, the Service's, the root's, in each the most specific host;
// rules for one host merge when exportTo and workloadSelector are the same.
func Rules(in RulesInput) (RulesResult, intent.Faults) {
	in.RootNamespace = cmp.Or(in.RootNamespace, "istio-system")
	sites, faults := survey(in)
	used := usedSubsets(in)
	for _, s := range sites {
		faults = append(faults, s.reserved()...)
		faults = append(faults, s.passthrough()...)
	}
	faults = append(faults, uncovered(in, sites)...)
	meanings, more := meaningsOf(in, sites, used)
	faults = append(faults, more...)

	result := RulesResult{}
	result.StrictWhy = strictWhy(in, sites, meanings)
	result.Strict = result.StrictWhy != ""
	places := place(in, sites)
	w := wanting{versions: in.Versions, sites: sites, strict: result.Strict, mirror: in.Mirror, letGo: in.LetGo, prefer: in.Prefer}
	named := nameSubsets(w, meanings, standing(places))
	result.Subsets = named.targets
	result.Want = named.rules(in.Service, places)
	faults = append(faults, taken(in, result.Want)...)
	return result, faults
}

// taken finds rules of the user's that have a name which we need.
func taken(in RulesInput, want []*unstructured.Unstructured) (faults intent.Faults) {
	for _, rule := range userRules(in.Rules) {
		namespace, name := metadata(rule)
		if slices.ContainsFunc(want, func(ours *unstructured.Unstructured) bool {
			return ours.GetNamespace() == namespace && ours.GetName() == name
		}) {
			faults = append(faults, intent.Fault{
				Kind: intent.Conflict, At: "DestinationRule " + namespace + "/" + name,
				Why:   "has the name that the release of " + in.Service.String() + " needs for a rule of its own",
				Right: "rename it",
			})
		}
	}
	return faults
}

// userRules leaves out ours, and orders as istiod does: by age, then name.
func userRules(rules []*unstructured.Unstructured) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, rule := range rules {
		if rule != nil && !Ours(rule) {
			out = append(out, rule)
		}
	}
	slices.SortStableFunc(out, func(a, b *unstructured.Unstructured) int {
		aNamespace, aName := metadata(a)
		bNamespace, bName := metadata(b)
		return cmp.Or(cmp.Compare(born(a), born(b)), cmp.Compare(aName, bName), cmp.Compare(aNamespace, bNamespace))
	})
	return out
}

// born is the creation time as it stands in the object (RFC 3339 in UTC sorts as
// text).
func born(obj *unstructured.Unstructured) string {
	at, _ := text(object(obj.Object, "metadata"), "creationTimestamp")
	return at
}
