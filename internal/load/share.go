package load

import "math"

// Within says whether k of n requests are as many as a share (0 to 1) lets
// expect: at most so many standard deviations of the binomial distribution
// away. A share of 0 or 1 has none, so that a single wrong request is too many.
func Within(share float64, n, k int, sigmas float64) bool {
	mean := share * float64(n)
	deviation := math.Sqrt(mean * (1 - share))
	return math.Abs(float64(k)-mean) <= sigmas*deviation
}

// Interval gives the shares (0 to 1) that k of n requests are compatible with,
// at that many standard deviations: Wilson's score interval, which holds near
// 0 and 1 too. Without any request it is everything.
// https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval
func Interval(n, k int, sigmas float64) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	total, seen, square := float64(n), float64(k)/float64(n), sigmas*sigmas
	scale := 1 + square/total
	center := (seen + square/(2*total)) / scale
	half := sigmas / scale * math.Sqrt(seen*(1-seen)/total+square/(4*total*total))
	return max(0, center-half), min(1, center+half)
}
