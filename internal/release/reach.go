package release

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
)

// Reach stands for VirtualServices of which a status must remember many: a digest
// of each one's namespace/name, without anything between.
type Reach string

// digestSize is a digest's length in bytes. Nobody finds two names of one digest
// among its 96 bits: with the one, that its owner may change, the other would be
// moved, too.
const digestSize = 16

// MostReach is how many VirtualServices of other namespaces a release can move.
const MostReach = 96

// ReachOf gives the Reach of as many names, as namespace/name, as the status has
// room for, in their order.
func ReachOf(names []string) Reach {
	var out strings.Builder
	for _, name := range clipped(names, MostReach) {
		out.WriteString(digest(name))
	}
	return Reach(out.String())
}

// Has says whether the VirtualService of that namespace/name is one of them.
func (r Reach) Has(name string) bool {
	sum := digest(name)
	for one := range slices.Chunk([]byte(r), digestSize) {
		if string(one) == sum {
			return true
		}
	}
	return false
}

func digest(name string) string {
	sum := sha256.Sum256([]byte(name))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:digestSize]
}
