package leastrights

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// reasons are why grants are not used, by the words of right.String: never by a
// run of the tests, or sometimes.
type reasons struct {
	Never     map[string]string `json:"never"`
	Sometimes map[string]string `json:"sometimes"`
}

// compared says what is wrong: rights that were used and are not granted, grants
// that nothing used and nobody gives a reason for, and reasons that are none any
// more. Unused are the grants with a reason.
func compared(grants, uses []right, why reasons) (unused, wrong []string) {
	used, known := map[right]bool{}, map[string]bool{}
	for _, use := range uses {
		covered := false
		for _, grant := range grants {
			if !use.Denied && grant.covers(use) {
				used[grant], covered = true, true
			}
		}
		switch {
		case use.Denied:
			wrong = append(wrong, fmt.Sprintf("%s: was denied", use))
		case !covered:
			wrong = append(wrong, fmt.Sprintf("%s: was used, and no rule of the manifests grants it", use))
		}
	}
	for _, grant := range grants {
		name := grant.String()
		never, given := why.Never[name]
		reason := cmp.Or(strings.TrimSpace(never), strings.TrimSpace(why.Sometimes[name]))
		known[name] = true
		switch {
		case used[grant] && given:
			wrong = append(wrong, fmt.Sprintf("%s: was used, so a reason why it never is, is none: %s", name, reason))
		case used[grant]:
		case reason == "":
			wrong = append(wrong, fmt.Sprintf("%s: is granted, was not used, and has no reason", name))
		default:
			unused = append(unused, name+": "+reason)
		}
	}
	for _, list := range []map[string]string{why.Never, why.Sometimes} {
		for name := range list {
			if !known[name] {
				wrong = append(wrong, name+": has a reason, and is not granted")
			}
		}
	}
	slices.Sort(wrong)
	return unused, wrong
}

func TestComparison(t *testing.T) {
	getSecret := right{Verb: "get", Resource: "secrets", Namespace: "home", Name: "ours"}
	listPods := right{Verb: "list", Resource: "pods"}
	scale := right{Verb: "patch", Group: "apps", Resource: "deployments", Subresource: "scale"}
	grants := []right{getSecret, listPods, scale}
	for name, c := range map[string]struct {
		uses   []right
		why    reasons
		unused []string
		wrong  string
	}{
		"all is used": {uses: []right{getSecret, scale, {Verb: "list", Resource: "pods", Namespace: "home"}}},
		"another Secret": {
			uses:  []right{getSecret, listPods, scale, {Verb: "get", Resource: "secrets", Namespace: "home", Name: "theirs"}},
			wrong: "get secrets theirs in home: was used, and no rule of the manifests grants it",
		},
		"the Secret in another namespace": {
			uses: []right{getSecret, listPods, scale, {Verb: "get", Resource: "secrets"}}, wrong: "get secrets: was used, and no rule of the manifests grants it",
		},
		"the resource for its subresource": {
			uses:  []right{getSecret, listPods, scale, {Verb: "patch", Group: "apps", Resource: "deployments"}},
			wrong: "patch deployments.apps: was used, and no rule of the manifests grants it",
		},
		"denied": {
			uses: []right{getSecret, listPods, scale, {Verb: "list", Resource: "pods", Denied: true}}, wrong: "list pods: was denied",
		},
		"unused": {uses: []right{getSecret, listPods}, wrong: "patch deployments.apps/scale: is granted, was not used, and has no reason"},
		"unused, with a reason": {
			uses: []right{getSecret, listPods}, why: reasons{Never: map[string]string{"patch deployments.apps/scale": "rare"}},
			unused: []string{"patch deployments.apps/scale: rare"},
		},
		"used this time": {uses: grants, why: reasons{Sometimes: map[string]string{"list pods": "rare"}}},
		"not used this time": {
			uses: []right{getSecret, scale}, why: reasons{Sometimes: map[string]string{"list pods": "rare"}}, unused: []string{"list pods: rare"},
		},
		"an empty reason": {
			uses: []right{getSecret, listPods}, why: reasons{Never: map[string]string{"patch deployments.apps/scale": " "}},
			wrong: "patch deployments.apps/scale: is granted, was not used, and has no reason",
		},
		"a reason for what is used": {
			uses: grants, why: reasons{Never: map[string]string{"list pods": "rare"}}, wrong: "list pods: was used, so a reason why it never is, is none: rare",
		},
		"a reason for what is not granted": {
			uses: grants, why: reasons{Never: map[string]string{"list nodes": "rare"}}, wrong: "list nodes: has a reason, and is not granted",
		},
	} {
		t.Run(name, func(t *testing.T) {
			unused, wrong := compared(grants, c.uses, c.why)
			if got := strings.Join(wrong, "\n"); got != c.wrong {
				t.Errorf("says\n%s\nwant\n%s", got, c.wrong)
			}
			if !slices.Equal(unused, c.unused) {
				t.Errorf("unused are %q, want %q", unused, c.unused)
			}
		})
	}
}

// TestWildcardsAreRefused: of a rule with a wildcard nobody could say what of it
// is used.
func TestWildcardsAreRefused(t *testing.T) {
	objects := objectsOf(t, `
kind: ClusterRole
metadata: {name: all}
rules: [{apiGroups: [apps], resources: ["*"], verbs: [get]}]
---
kind: ClusterRoleBinding
metadata: {name: all}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: all}
subjects: [{kind: ServiceAccount, name: we, namespace: home}]
`)
	if _, err := granted(objects, "we", "home"); err == nil || !strings.Contains(err.Error(), `ClusterRole all: grants "get *.apps"`) {
		t.Errorf("a wildcard: %v", err)
	}
	if rights, err := granted(objects, "they", "home"); err != nil || len(rights) > 0 {
		t.Errorf("somebody else has %v, %v", rights, err)
	}
}
