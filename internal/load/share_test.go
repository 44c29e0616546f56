package load

import (
	"math"
	"testing"
)

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		share float64
		n, k  int
		want  bool
	}{
		{0.5, 10000, 5000, true},
		{0.5, 10000, 5250, true},  // 5 deviations of 50
		{0.5, 10000, 5251, false}, // just above
		{0.1, 10000, 850, true},
		{0.1, 10000, 849, false},
		{0, 10000, 0, true},
		{0, 10000, 1, false},
		{1, 10000, 10000, true},
		{1, 10000, 9999, false},
	} {
		if got := Within(c.share, c.n, c.k, 5); got != c.want {
			t.Errorf("%d of %d at share %g: %t, want %t", c.k, c.n, c.share, got, c.want)
		}
	}
}

func TestInterval(t *testing.T) {
	for _, c := range []struct {
		n, k      int
		low, high float64
	}{
		{0, 0, 0, 1},
		{100, 50, 0.4038, 0.5962}, // the textbook's 95 % of 50 in 100
		{100, 0, 0, 0.0370},
		{100, 100, 0.9630, 1},
	} {
		low, high := Interval(c.n, c.k, 1.96)
		if math.Abs(low-c.low) > 1e-4 || math.Abs(high-c.high) > 1e-4 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", c.k, c.n, low, high, c.low, c.high)
		}
	}
}
