package webhook

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestAGateGivesTurnsBack: who waited for all others in vain has as many turns as
// before, also while another write of the same user is being judged; and a name that
// only looks like a ServiceAccount's counts for itself.
func TestAGateGivesTurnsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		enter := func(user string) func() {
			leave, err := g.enter(t.Context(), user)
			if err != nil {
				t.Fatalf("%s: %v", user, err)
			}
			return leave
		}
		joe := enter("oidc:joe")
		var others []func()
		for n := range mostAtOnce - 1 {
			others = append(others, enter(fmt.Sprintf("oidc:user-%d", n)))
		}
		for range mostOfOne {
			if _, err := g.enter(t.Context(), "oidc:joe"); err == nil {
				t.Fatal("one more than all is let in")
			}
		}
		for _, leave := range others {
			leave()
		}
		for range mostOfOne - 1 {
			defer enter("oidc:joe")()
		}
		joe()
	})
}

// TestTheControllerPassesTheGate: its own writes wait for nobody's; another's is told
// so in the API's own words.
func TestTheControllerPassesTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := deciding(t, &permits{})
		for n := range mostAtOnce {
			leave, err := h.gate.enter(t.Context(), fmt.Sprintf("user-%d", n))
			if err != nil {
				t.Fatal(err)
			}
			defer leave()
		}
		req := request(fmt.Sprintf(original, "{}"), fmt.Sprintf(original, asks))
		if answer := h.Handle(t.Context(), req); answer.Result.Code != http.StatusTooManyRequests || answer.Result.Reason != metav1.StatusReasonTooManyRequests {
			t.Errorf("jane's write: %+v", answer.Result)
		}
		req.UserInfo.Username = controller
		if answer := h.Handle(t.Context(), req); !answer.Allowed {
			t.Errorf("the controller's write: %+v", answer.Result)
		}
	})
}

// TestWhoWasJudgedLeavesTheGate, whatever the answer was: more writes than may be judged
// at once are, one after another.
func TestWhoWasJudgedLeavesTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := deciding(t, &permits{})
		for n := range 2 * mostAtOnce {
			req := request(fmt.Sprintf(original, asks), fmt.Sprintf(original, "{}"))
			if answer := h.Handle(t.Context(), req); answer.Allowed || answer.Result.Code != http.StatusForbidden {
				t.Fatalf("write %d: %+v", n, answer.Result)
			}
		}
		if answer := h.Handle(t.Context(), request("{", "")); answer.Allowed || answer.Result.Code != http.StatusBadRequest {
			t.Errorf("what can't be read: %+v", answer.Result)
		}
	})
}
