package intent

import (
	"cmp"
	"fmt"
)

// Change says what is forbidden in the step from one intent to the next, both
// as annotations: what the next release would take over from the last. What a
// release that runs has fixed is in its claim, and not for the words to say.
// running is the name of a release of the object that holds its Service still,
// though the words before may not name it any more; empty where there is none.
func Change(before, after map[string]string, running string) Faults {
	was, is := cmp.Or(before[KeyRelease], running), after[KeyRelease]
	if is == "" || was == is {
		return nil
	}
	return carriedOver(before, after, was)
}

// carriedOver refuses a new release that would end, or take over, only because
// the last one's words were left standing, be it that its name was taken away
// in a write before.
func carriedOver(before, after map[string]string, last string) Faults {
	from := "an earlier release"
	if last != "" {
		from = "release " + last
	}
	var faults Faults
	for _, key := range []string{KeyTraffic, KeyEnd} {
		if value, ok := after[key]; ok && value == before[key] && value != string(TrafficPolicy) {
			faults = append(faults, Fault{
				Kind: Forbidden, At: key, Value: value,
				Why:   "is left over from " + from,
				Right: fmt.Sprintf("remove it, or write it anew after release %s has started", after[KeyRelease]),
			})
		}
	}
	return faults
}
