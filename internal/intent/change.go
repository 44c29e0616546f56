package intent

import "fmt"

// Change says what is forbidden in the step from one intent to the next, both
// as annotations: what the next release would take over from the last. What a
// release that runs has fixed is in its claim, and not for the words to say.
func Change(before, after map[string]string) Faults {
	was, is := before[KeyRelease], after[KeyRelease]
	if was == "" || is == "" || was == is {
		return nil
	}
	return carriedOver(before, after)
}

// carriedOver refuses a new release that would end, or take over, only because
// the last one's words were left standing.
func carriedOver(before, after map[string]string) Faults {
	var faults Faults
	for _, key := range []string{KeyTraffic, KeyEnd} {
		if value, ok := after[key]; ok && value == before[key] && value != string(TrafficPolicy) {
			faults = append(faults, Fault{
				Kind: Forbidden, At: key, Value: value,
				Why:   fmt.Sprintf("is left over from release %s", before[KeyRelease]),
				Right: fmt.Sprintf("remove it, or write it anew after release %s has started", after[KeyRelease]),
			})
		}
	}
	return faults
}
