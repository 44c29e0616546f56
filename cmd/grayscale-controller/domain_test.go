package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKnownDomain(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"nameserver 10.96.0.10\nsearch grayscale-system.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n": "",
		"search grayscale-system.svc.Cluster.Local. svc.Cluster.Local. Cluster.Local.\n":                                      "",
		"search example.com lan\n":                       "", // no pod, or the node's own resolver
		"search svc.\n":                                  "",
		"# search svc.corp.example\nnameserver 10.0.0.1": "",
		"search grayscale-system.svc.corp.example svc.corp.example corp.example":  "the domain corp.example",
		"search svc.cluster.local\nsearch\tx.svc.k8s svc.k8s k8s\n":               "the domain k8s",
		"search svc.corp.example corp.example\nsearch svc.cluster.local the.node": "",
	} {
		file := filepath.Join(t.TempDir(), "resolv.conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		switch err := knownDomain(file); {
		case want == "" && err != nil:
			t.Errorf("%q is refused: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: got %v, want an error that says %q", text, err, want)
		}
	}
	if err := knownDomain(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Errorf("without a file: %v", err)
	}
}
