package release_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// TestALongNameTakesNoRoom: a user's name, which an authenticator may make of any
// length, is cut in the status, and all else of it stays.
func TestALongNameTakesNoRoom(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := release.Status{Schema: release.Schema, Task: "reviews-v2", Phase: release.Routing, Service: release.Ref{Name: "reviews", UID: "uid"}, Started: at}
	short := len(s.Annotation())
	s.By = strings.Repeat(`"é`, release.MostStatus)
	text := s.Annotation()
	if len(text) > short+256 {
		t.Errorf("the status has %d bytes with a long name, and %d without", len(text), short)
	}
	got, err := release.ParseStatus(text)
	if err != nil || !strings.HasPrefix(got.By, `"é"é`) || got.Task != s.Task || !got.Started.Equal(at) {
		t.Errorf("read back: %+v, %v", got, err)
	}
}
