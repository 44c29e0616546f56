package plan_test

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/util/json"
)

// TestCrash lets the controller die after every few writes of each scenario in turn,
// and after every one: the end is the same, and nothing happens on the way that
// may not.
func TestCrash(t *testing.T) {
	var tried sync.Map
	for which, s := range all() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			whole := s.run(t, nil)
			want := whole.state()
			step := every * 4
			if which >= len(scenarios) {
				step = every * 9 // which are many, and differ in little but the policy
			}
			for n := 1 + which%step; n <= whole.writes; n += step {
				if _, again := tried.LoadOrStore(strings.Join(append(s.world, whole.upTo(n)), "\n"), true); again {
					continue // another scenario began in the same way
				}
				c := s.run(t, func(c *cluster) { c.crashAt = n })
				same(t, c, want, fmt.Sprintf("dead after write %d", n))
			}
			same(t, s.run(t, func(c *cluster) { c.oneByOne = true }), want, "dead after every write")
		})
	}
}

func same(t *testing.T, c *cluster, want map[string]any, how string) {
	t.Helper()
	if got := c.state(); !reflect.DeepEqual(got, want) {
		c.fail("%s: the end is\n%s\nwant\n%s", how, readable(t, got), readable(t, want))
	}
}

func readable(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
