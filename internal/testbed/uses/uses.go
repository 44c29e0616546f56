// Package uses tells from an API server's audit log which rights somebody has
// used, and collects them in a file over many testbeds.
package uses

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Use is a right that was used, in the words of RBAC. Namespace and Name are
// those of an object in the home namespace, or of one that has no namespace:
// elsewhere no rule could name either.
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb
type Use struct {
	Verb        string `json:"verb"`
	Group       string `json:"group"`
	Resource    string `json:"resource"`
	Subresource string `json:"subresource,omitempty"`
	Namespace   string `json:"namespace,omitempty"`
	Name        string `json:"name,omitempty"`
	// Denied says that no rule granted it.
	Denied bool `json:"denied,omitempty"`
}

// event is what is read of an event of the audit log.
// https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event
type event struct {
	Verb      string
	User      struct{ Username string }
	ObjectRef *struct{ APIGroup, Resource, Subresource, Namespace, Name string }
	// Annotations hold the authorizer's decision. The status code alone does not
	// tell: admission answers 403, too.
	Annotations map[string]string
}

// decision is the annotation that tells whether a request was allowed.
const decision = "authorization.k8s.io/decision"

// Read gives what a user used of resources, sorted, each once. Home is the
// namespace whose objects are told by name. A last line without an end is one
// that is being written, and left out.
func Read(log io.Reader, user, home string) ([]Use, error) {
	seen := map[Use]bool{}
	for lines := bufio.NewReader(log); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return sorted(seen), nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		if !bytes.Contains(line, []byte(user)) {
			continue
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("reading the audit log: %.200s: %w", line, err)
		}
		if e.User.Username == user && e.ObjectRef != nil && e.ObjectRef.Resource != "" {
			seen[e.use(home)] = true
		}
	}
}

func (e event) use(home string) Use {
	o := e.ObjectRef
	u := Use{
		Verb: e.Verb, Group: o.APIGroup, Resource: o.Resource, Subresource: o.Subresource,
		Denied: e.Annotations[decision] == "forbid",
	}
	if o.Namespace == "" || o.Namespace == home {
		u.Namespace, u.Name = o.Namespace, o.Name
	}
	if u.Verb == "create" && u.Subresource == "" {
		u.Name = "" // a rule can't name what is not there yet
	}
	return u
}

func sorted(set map[Use]bool) []Use {
	var all []Use
	for u := range set {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b Use) int { return strings.Compare(a.line(), b.line()) })
	return all
}

// line is a use as the file has it.
func (u Use) line() string {
	b, err := json.Marshal(u)
	if err != nil {
		panic(err) // strings and a bool
	}
	return string(b)
}

// Add merges uses into a file, one a line as JSON, which is made when it is
// missing. Testbeds that end at the same time wait for each other.
func Add(path string, more []Use) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("adding the rights that were used: %w", err)
	}
	// Closing frees the lock.
	defer func() { err = errors.Join(err, file.Close()) }()
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		return fmt.Errorf("locking %s: %w", path, err)
	}
	all := map[Use]bool{}
	for _, u := range more {
		all[u] = true
	}
	for lines := json.NewDecoder(file); ; {
		var u Use
		err := lines.Decode(&u)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the rights that were used, %s: %w", path, err)
		}
		all[u] = true
	}
	var text strings.Builder
	for _, u := range sorted(all) {
		text.WriteString(u.line() + "\n")
	}
	// What is there is part of what is written, so the file only grows.
	if _, err := file.WriteAt([]byte(text.String()), 0); err != nil {
		return fmt.Errorf("writing the rights that were used: %w", err)
	}
	return nil
}
