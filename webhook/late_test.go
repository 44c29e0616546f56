package webhook

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// TestAJudgementThatHangsSaysSo before the API server gives up waiting, and has the
// client ask again; also where what hangs would be no reason to refuse, and where a write
// waited for its turn before.
func TestAJudgementThatHangsSaysSo(t *testing.T) {
	hangs := func(ctx context.Context, _ client.ObjectList) error { <-ctx.Done(); return ctx.Err() }
	swallows := func(ctx context.Context, _ client.ObjectList) error { <-ctx.Done(); return nil }
	for name, c := range map[string]struct {
		kind   string
		read   func(context.Context, client.ObjectList) error
		waits  bool
		reason string
	}{
		"the Services hang":            {kind: "Service", read: hangs, reason: "took longer than 1.7s: listing Services of namespace shop: "},
		"the VirtualServices hang":     {kind: "VirtualService", read: hangs, reason: "took longer than 1.7s: "},
		"nobody says that they hang":   {kind: "Service", read: swallows, reason: "took longer than 1.7s; "},
		"after it waited for its turn": {kind: "Service", read: hangs, waits: true, reason: "took longer than 1.7s: "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := deciding(t, &permits{allowed: []string{newPods, front, newRule, newVS}})
				h.read.live = listing{snapshot.Files(documents(t, shop)), map[string]func(context.Context, client.ObjectList) error{c.kind: c.read}}
				h.mesh.live = h.read.live
				if c.waits {
					for range mostOfOne {
						leave := entering(t, &h.gate)("jane")
						time.AfterFunc(turnTime/2, leave)
					}
				}
				began := time.Now()
				answer := h.Handle(t.Context(), request(fmt.Sprintf(original, asks), fmt.Sprintf(original, "{}")))
				if took := time.Since(began); took != judgeTime {
					t.Errorf("an answer after %s, want %s", took, judgeTime)
				}
				if answer.Allowed || answer.Result.Code != http.StatusTooManyRequests || answer.Result.Reason != metav1.StatusReasonTooManyRequests || answer.Result.Details.RetryAfterSeconds == 0 {
					t.Fatalf("%+v", answer.Result)
				}
				for _, part := range []string{"Deployment shop/reviews-v1 is not judged now: reading the cluster ", c.reason, "; try again"} {
					if !strings.Contains(answer.Result.Message, part) {
						t.Errorf("does not say %q: %s", part, answer.Result.Message)
					}
				}
			})
		})
	}
}
