package webhook

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// entering lets users in, who must not be refused.
func entering(t *testing.T, g *gate) func(user string) (leave func()) {
	return func(user string) func() {
		leave, err := g.enter(t.Context(), user)
		if err != nil {
			t.Fatalf("%s: %v", user, err)
		}
		return leave
	}
}

// TestTheGate: so many of one account, and so many of all, and who has waited for
// long is told what for.
func TestTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		enter := entering(t, &g)
		refused := func(user, why string) {
			began := time.Now()
			if _, err := g.enter(t.Context(), user); err == nil || !strings.Contains(err.Error(), why) || time.Since(began) != turnTime {
				t.Errorf("%s: %v after %s", user, err, time.Since(began))
			}
		}
		var leave []func()
		for n := range mostOfOne {
			leave = append(leave, enter(fmt.Sprintf("system:serviceaccount:mine:sa-%d", n)))
		}
		refused("system:serviceaccount:mine:another", "4 other writes of the ServiceAccounts of namespace mine")
		for range mostOfOne {
			leave = append(leave, enter("jane"))
		}
		refused("jane", `4 other writes of user "jane"`)
		refused("joe", "8 other writes are being judged")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.enter(gone, "joe"); err == nil {
			t.Error("who has gone is let in")
		}
		entered := make(chan func())
		go func() { entered <- enter("joe") }()
		synctest.Wait()
		leave[0]()
		(<-entered)()
		for _, l := range leave[1:] {
			l()
		}
		if len(g.of) != 0 || len(g.all) != 0 {
			t.Errorf("all have left, and %d queues and %d turns stay", len(g.of), len(g.all))
		}
	})
}

// TestAGateGivesTurnsBack: who waited for all others in vain has as many turns as
// before, also while another write of the same user is being judged; and a name that
// only looks like a ServiceAccount's counts for itself.
func TestAGateGivesTurnsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		enter := entering(t, &g)
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

// TestAFloodWaitsForItself: many writes of one user are judged a few at once, those
// of another one pass meanwhile, and all that wait are answered.
func TestAFloodWaitsForItself(t *testing.T) {
	var mu sync.Mutex
	var now, most int
	hold, full := make(chan struct{}), make(chan struct{}, 200)
	h := deciding(t, &permits{})
	h.authority = authority{granting(func(spec authorizationv1.SubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error) {
		if spec.User == "pat" {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			full <- struct{}{}
			<-hold
			mu.Lock()
			now--
			mu.Unlock()
		}
		return authorizationv1.SubjectAccessReviewStatus{Allowed: true}, nil
	})}
	write := func(user string) (code int32, said string) {
		req := request(fmt.Sprintf(original, asks), fmt.Sprintf(original, "{}"))
		req.UserInfo.Username = user
		answer := h.Handle(t.Context(), req)
		if answer.Allowed {
			return http.StatusOK, ""
		}
		if answer.Result.Code == http.StatusTooManyRequests && answer.Result.Details.RetryAfterSeconds == 0 {
			t.Error("does not say when to ask again")
		}
		return answer.Result.Code, answer.Result.Message
	}
	var flood sync.WaitGroup
	codes := make(chan int32, 40)
	for range cap(codes) {
		flood.Go(func() { code, _ := write("pat"); codes <- code })
	}
	for range mostOfOne {
		<-full
	}
	if code, said := write("ed"); code != http.StatusOK {
		t.Errorf("another user's write: %d %s", code, said)
	}
	if code, said := write("pat"); code != http.StatusTooManyRequests || !strings.Contains(said, `Deployment shop/reviews-v1 is not judged now: 4 other writes of user "pat"`) {
		t.Errorf("one more of the flood: %d %s", code, said)
	}
	close(hold)
	flood.Wait()
	close(codes)
	for code := range codes {
		if code != http.StatusOK && code != http.StatusTooManyRequests {
			t.Errorf("one of the flood: %d", code)
		}
	}
	if most != mostOfOne {
		t.Errorf("%d writes of one user were judged at once", most)
	}
}
