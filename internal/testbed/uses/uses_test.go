package uses

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const log = `{"verb":"patch","user":{"username":"we"},"objectRef":{"resource":"services","namespace":"shop","name":"reviews","apiVersion":"v1"},"annotations":{"authorization.k8s.io/decision":"allow"}}
{"verb":"patch","user":{"username":"we"},"objectRef":{"resource":"services","namespace":"other","name":"ratings","apiVersion":"v1"},"responseStatus":{"code":403},"annotations":{"authorization.k8s.io/decision":"allow"}}
{"verb":"get","user":{"username":"we"},"objectRef":{"resource":"secrets","namespace":"home","name":"ours","apiVersion":"v1"},"annotations":{"authorization.k8s.io/decision":"allow"}}
{"verb":"get","user":{"username":"we"},"objectRef":{"resource":"secrets","namespace":"shop","name":"theirs","apiVersion":"v1"},"annotations":{"authorization.k8s.io/decision":"forbid"}}
{"verb":"create","user":{"username":"we"},"objectRef":{"resource":"leases","namespace":"home","name":"l","apiGroup":"coordination.k8s.io"},"annotations":{"authorization.k8s.io/decision":"allow"}}
{"verb":"delete","user":{"username":"somebody"},"objectRef":{"resource":"pods","namespace":"home","name":"we"}}
{"verb":"get","user":{"username":"we"},"requestURI":"/version"}
{"verb":"delete","user":{"username":"we"},"objectRef":{"resource":"po`

func TestReadTellsWhatOneUserUsed(t *testing.T) {
	got, err := Read(strings.NewReader(log), "we", "home")
	if err != nil {
		t.Fatal(err)
	}
	want := []Use{
		{Verb: "create", Group: "coordination.k8s.io", Resource: "leases", Namespace: "home"},
		{Verb: "get", Resource: "secrets", Denied: true},
		{Verb: "get", Resource: "secrets", Namespace: "home", Name: "ours"},
		{Verb: "patch", Resource: "services"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestReadRefusesABrokenLog(t *testing.T) {
	if _, err := Read(strings.NewReader("we, half a li\n"), "we", "home"); err == nil {
		t.Error("no error for a line that is no event")
	}
}

func TestAddMergesWhatManyWriteAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "uses")
	var all sync.WaitGroup
	for _, verb := range []string{"get", "list", "watch", "patch", "get", "list"} {
		all.Go(func() {
			if err := Add(path, []Use{{Verb: verb, Resource: "services"}, {Verb: "list", Group: "apps", Resource: "deployments"}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"verb":"get","group":"","resource":"services"}
{"verb":"list","group":"","resource":"services"}
{"verb":"list","group":"apps","resource":"deployments"}
{"verb":"patch","group":"","resource":"services"}
{"verb":"watch","group":"","resource":"services"}
`
	if string(text) != want {
		t.Errorf("the file holds\n%swant\n%s", text, want)
	}
	if err := os.WriteFile(path, []byte("not ours\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Add(path, nil); err == nil {
		t.Error("no error for a file that is none of ours")
	}
}
