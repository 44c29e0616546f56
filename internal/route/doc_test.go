package route

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The package comment says of every file what is in it, and of none that is not
// there.
func TestTheCommentNamesEveryFile(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, index, _ := strings.Cut(string(text), "# Where to find what")
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".go")
		if strings.HasSuffix(name, "_test") || name == "doc" {
			continue
		}
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(index) {
			t.Errorf("doc.go says nothing of %s", file)
		}
	}
	for _, name := range regexp.MustCompile(`\b[a-z]\w*_[a-z]\w*\b`).FindAllString(index, -1) {
		if _, err := os.Stat(name + ".go"); err != nil {
			t.Errorf("doc.go speaks of %s: %v", name, err)
		}
	}
}
