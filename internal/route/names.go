package route

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// Reserved is the prefix of our subsets. A destination with such a subset is
	// what makes a route ours.
	Reserved = "grayscale-"
	// SubsetOriginal is the subset of the original version; a further one that
	// stands for a distinct subset of the user's has a hyphen and a hash behind.
	SubsetOriginal = Reserved + "original"
	// SubsetVersion is that of the grayscale version, likewise.
	SubsetVersion = Reserved + "version"
	// SubsetMirror is the grayscale version's alone, likewise: a copied request
	// must never be served by the original a second time.
	SubsetMirror = Reserved + "mirror"

	hashLength = 8
)

// isOriginal and isVersion tell our subsets apart.
func isOriginal(subset string) bool { return isOrHashed(subset, SubsetOriginal) }
func isVersion(subset string) bool  { return isOrHashed(subset, SubsetVersion) }
func isMirror(subset string) bool   { return isOrHashed(subset, SubsetMirror) }

// isOrHashed says whether a name is the base or the base with a hash behind.
func isOrHashed(name, base string) bool {
	rest, ok := strings.CutPrefix(name, base)
	if !ok || rest == "" {
		return ok
	}
	hash, ok := strings.CutPrefix(rest, "-")
	return ok && len(hash) == hashLength && strings.Trim(hash, "0123456789abcdef") == ""
}

// hashed is the base with a hash of the parts behind.
func hashed(base string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base + "-" + hex.EncodeToString(sum[:])[:hashLength]
}

// ourName is the name of our VirtualService, and of our first DestinationRule,
// for a Service.
func ourName(service types.NamespacedName) string { return Reserved + service.Name }

// Ours says whether an object is ours as a whole. Both the labels and the name
// must say so: labels alone get copied from one object to another.
func Ours(obj *unstructured.Unstructured) bool {
	_, ok := OursFor(obj)
	return ok
}

// OursFor gives the Service that an object of ours is for. A VirtualService of ours
// stands beside its Service: who may write in another namespace makes none for it.
func OursFor(obj *unstructured.Unstructured) (service types.NamespacedName, ok bool) {
	if obj == nil {
		return service, false
	}
	marks := labels(object(obj.Object, "metadata"), "labels")
	service = types.NamespacedName{Namespace: marks[intent.LabelNamespace], Name: marks[intent.LabelService]}
	namespace, name := metadata(obj)
	away := obj.GetKind() == kindVirtualService && namespace != service.Namespace
	if service.Name == "" || service.Namespace == "" || !isOrHashed(name, ourName(service)) || away {
		return types.NamespacedName{}, false
	}
	return service, true
}

// ourMetadata is the metadata of an object of ours.
func ourMetadata(service types.NamespacedName, namespace, name string) map[string]any {
	return map[string]any{
		"name":      name,
		"namespace": namespace,
		"labels": map[string]any{
			intent.LabelService:   service.Name,
			intent.LabelNamespace: service.Namespace,
		},
	}
}
