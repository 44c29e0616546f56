package docs

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/e2e/inside"
)

// cluster is the testbed's API server, with all rights.
var cluster client.Client

func TestMain(m *testing.M) {
	var err error
	if cluster, err = inside.Connect(variables, programs); err != nil {
		fmt.Fprintln(os.Stderr, "these tests run inside the testbed, with the product installed (bin/testbed run -- go test ./internal/e2e/docs):", err)
		os.Exit(1)
	}
	// The examples wait more than they work, and all send requests through the
	// same two proxies. The command line may still say otherwise.
	if err := flag.Set("test.parallel", "6"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// What the testbed must have set up.
var (
	variables = []string{"GATEWAY_URL", "MESH_PROXY", "ENVOY_GATEWAY_ADMIN", "ENVOY_SIDECAR_ADMIN"}
	programs  = []string{"kubectl", "kubectl-grayscale", "bash"}
)

// TestExamples tries each block of each section by itself: what it says must
// come to what is expected of its section, and no request may fail.
func TestExamples(t *testing.T) {
	unseen := map[string]bool{}
	for name := range expectations {
		unseen[name] = true
	}
	for _, s := range allSections(t) {
		if !s.tried() {
			continue
		}
		want, ok := expectations[s.name()]
		if !ok {
			t.Errorf("%s has examples, and nothing is expected of them", s.name())
			continue
		}
		delete(unseen, s.name())
		for _, info := range []string{byPlugin, byAnnotation} {
			if n := len(s.of(info)); n != 1 {
				t.Errorf("%s has %d blocks %q, want one", s.name(), n, info)
				continue
			}
			t.Run(s.name()+", "+info, func(t *testing.T) {
				t.Parallel()
				try(t, s, info, want)
			})
		}
	}
	for name := range unseen {
		t.Errorf("no page has a section %q", name)
	}
}

// try runs one block from where its section begins, and judges what it came to.
func try(t *testing.T, s section, info string, want expectation) {
	w := newWorld(t, want.original)
	w.begin(want.from)
	w.clients.begin("example", want.onTheWay())
	text := s.of(info)[0]
	var said string
	if info == byPlugin {
		said = w.shell(text, s.files())
	} else {
		w.annotate(text)
	}
	if want.then != nil {
		want.then(w, said)
	}
	w.wait(want.task, want.until)
	w.clients.settle(want)
	if want.check != nil {
		want.check(w)
	}
	w.clients.judge()
}
