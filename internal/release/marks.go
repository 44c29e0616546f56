package release

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// Marks stand for names of which a Service's annotations must remember many.
type Marks []string

// markSize is the length of a mark in bytes: 36 bits, so that among 1,100 of them a
// fresh name is taken for one of theirs once in 60 million times.
const markSize = 6

// MarshalText writes them without anything between.
func (m Marks) MarshalText() ([]byte, error) { return []byte(strings.Join(m, "")), nil }

// UnmarshalText reads them back.
func (m *Marks) UnmarshalText(text []byte) error {
	if len(text)%markSize != 0 {
		return fmt.Errorf("marks of %d bytes, which are no multiple of %d", len(text), markSize)
	}
	*m = nil
	for mark := range slices.Chunk(text, markSize) {
		*m = append(*m, string(mark))
	}
	return nil
}

func mark(name string) string {
	sum := sha256.Sum256([]byte(name))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:markSize]
}

// MostReach is how many VirtualServices of other namespaces a release can move.
const MostReach = 170

// Reach gives the marks of as many VirtualServices, by namespace/name, as the
// status has room for, in their order.
func Reach(names []string) (marks Marks) {
	for _, name := range clipped(names, MostReach) {
		marks = append(marks, mark(name))
	}
	return marks
}

// Reaches says whether the VirtualService of that namespace/name is one of them.
func (m Marks) Reaches(name string) bool { return slices.Contains(m, mark(name)) }
