package intent

import "fmt"

// fixed are the keys that can't change once a release has started.
var fixed = []string{KeyForm, KeyService, KeyVersion, KeyImage, KeyPatch, KeyName, KeyFinish}

// Change says what is forbidden in the step from one intent to the next, both
// as annotations. running is the task that holds the claim for this
// Deployment; empty when none does, and then nothing is fixed.
func Change(before, after map[string]string, running string) Faults {
	was, is := before[KeyRelease], after[KeyRelease]
	if was == "" || is == "" {
		return nil
	}
	if was != is {
		return carriedOver(before, after)
	}
	if running != was {
		return nil
	}
	var faults Faults
	for _, key := range fixed {
		if before[key] != after[key] {
			faults = append(faults, Fault{
				Kind: Forbidden, At: key, Value: after[key],
				Why:   fmt.Sprintf("is fixed while release %s runs (it was %q)", was, clip(before[key])),
				Right: "cancel the release first, or write another release name with it",
			})
		}
	}
	return faults
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
