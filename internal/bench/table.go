package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// percentile gives the smallest of the times that p percent of them don't exceed.
func percentile(times []time.Duration, p float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// table shows both percentiles of each kind without the product and with it, and
// how many times as long the latter takes.
func table(times map[cell][]time.Duration) string {
	var b strings.Builder
	b.WriteString("A create (dry run):\n")
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', tabwriter.AlignRight)
	// A strings.Builder takes everything.
	_, _ = fmt.Fprintln(w, "\ttimes\twithout p50\tp99\twith p50\tp99\tadded p50\tp99\tratio p50\tp99\t")
	for _, k := range kinds {
		without, with := times[cell{k, false}], times[cell{k, true}]
		columns := []string{string(k), strconv.Itoa(len(with))}
		var added, ratio []string
		for _, list := range [][]time.Duration{without, with} {
			columns = append(columns, milliseconds(percentile(list, 50)), milliseconds(percentile(list, 99)))
		}
		for _, p := range []float64{50, 99} {
			before, after := percentile(without, p), percentile(with, p)
			added = append(added, milliseconds(after-before))
			ratio = append(ratio, fmt.Sprintf("%.2f", float64(after)/float64(max(before, 1))))
		}
		_, _ = fmt.Fprintln(w, strings.Join(slices.Concat(columns, added, ratio), "\t")+"\t")
	}
	_ = w.Flush()
	return b.String()
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
