// Package clip cuts texts that others wrote, for what they end in has its limits:
// an event, a status, an answer that somebody reads. It is pure.
package clip

import "unicode/utf8"

const more = "…"

// Text gives s, or as much of its beginning as fits into most bytes with an
// ellipsis behind it. It cuts between two characters; most is at least 3.
func Text(s string, most int) string {
	if len(s) <= most {
		return s
	}
	end := most - len(more)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + more
}
