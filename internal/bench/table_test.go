package main

import (
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for n := range 100 {
		hundred = append(hundred, time.Duration(100-n))
	}
	for _, c := range []struct {
		times []time.Duration
		p     float64
		want  time.Duration
	}{
		{hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred[:1], 50, 100}, {hundred[:3], 50, 99}, {nil, 50, 0},
	} {
		if got := percentile(c.times, c.p); got != c.want {
			t.Errorf("percentile %v of %d times is %d, want %d", c.p, len(c.times), got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	of := func(ms ...int) (list []time.Duration) {
		for _, m := range ms {
			list = append(list, time.Duration(m)*time.Millisecond)
		}
		return list
	}
	got := table(map[cell][]time.Duration{
		{unrelated, false}: of(2, 3), {unrelated, true}: of(2, 3),
		{related, false}: of(2, 4), {related, true}: of(10, 30),
		{crowded, false}: of(2), {crowded, true}: of(20),
		{single, false}: of(2), {single, true}: of(100),
	})
	want := `A create (dry run):
                                             times   without p50      p99   with p50        p99   added p50       p99   ratio p50     p99
                   an unrelated Deployment       2        2.0 ms   3.0 ms     2.0 ms     3.0 ms      0.0 ms    0.0 ms        1.00    1.00
               a Deployment with an intent       2        2.0 ms   4.0 ms    10.0 ms    30.0 ms      8.0 ms   26.0 ms        5.00    7.50
   the same, 50 VirtualServices lead there       1        2.0 ms   2.0 ms    20.0 ms    20.0 ms     18.0 ms   18.0 ms       10.00   10.00
    the same, by a user with single rights       1        2.0 ms   2.0 ms   100.0 ms   100.0 ms     98.0 ms   98.0 ms       50.00   50.00
`
	if got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
}
