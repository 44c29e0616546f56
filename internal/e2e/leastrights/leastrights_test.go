package leastrights

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

var usesPath = flag.String("uses", "", "absolute path of the file that testbed run --uses has filled")

func TestMain(m *testing.M) {
	flag.Parse()
	if *usesPath == "" {
		fmt.Fprintln(os.Stderr, "this compares what all tests in testbeds have used (run: make e2e rights): -uses is missing")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestTheControllerHasTheLeastRights: it used nothing that its roles do not
// grant, and what they grant beyond that has a reason.
func TestTheControllerHasTheLeastRights(t *testing.T) {
	grants, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	uses, err := usesOf(*usesPath)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/unused.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var why reasons
	if err := yaml.UnmarshalStrict(text, &why); err != nil {
		t.Fatal(err)
	}
	unused, wrong := compared(grants, uses, why)
	for _, w := range wrong {
		t.Error(w)
	}
	// Seen with the test's success, too.
	if _, err := fmt.Printf("The controller used %d of its %d rights. Unused, and why:\n  %s\n",
		len(grants)-len(unused), len(grants), strings.Join(unused, "\n  ")); err != nil {
		t.Error(err)
	}
}

// usesOf reads what testbeds have collected.
func usesOf(path string) (all []right, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the rights that were used: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	lines := json.NewDecoder(file)
	lines.DisallowUnknownFields()
	for {
		var r right
		switch err := lines.Decode(&r); {
		case errors.Is(err, io.EOF) && len(all) > 0:
			return all, nil
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%s says that nothing was used: that is no run of the tests", path)
		case err != nil:
			return nil, fmt.Errorf("reading the rights that were used, %s: %w", path, err)
		}
		all = append(all, r)
	}
}

func objectsOf(t *testing.T, text string) (all []*unstructured.Unstructured) {
	t.Helper()
	for document := range strings.SplitSeq(text, "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &u.Object); err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	return all
}
