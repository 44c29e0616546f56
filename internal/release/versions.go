package release

import "slices"

// Versions says how the two versions under one Service are told apart.
type Versions struct {
	// Label is the pod label's key, "version" say.
	Label string
	// Original and Grayscale are its values.
	Original, Grayscale string
	// OriginalLabels are all labels of the original's pod template.
	OriginalLabels map[string]string
	// VersionLabels are all version labels that the original's template has,
	// Label among them; the clone has Grayscale in each of them.
	VersionLabels []string
	// Others are further values of Label under the Service (a third version),
	// sorted.
	Others []string
}

// With gives the same beside further versions.
func (v Versions) With(others ...string) Versions {
	v.Others = slices.Compact(slices.Sorted(slices.Values(slices.Concat(v.Others, others))))
	return v
}

// SelectsOnlyOriginal says whether labels select only pods of the original version.
func (v Versions) SelectsOnlyOriginal(labels map[string]string) bool {
	if !v.SelectsOriginal(labels) {
		return false
	}
	for _, key := range v.VersionLabels {
		if _, ok := labels[key]; ok {
			return true
		}
	}
	return false
}

// SelectsOriginal says whether labels select the original's pods, and perhaps
// others too.
func (v Versions) SelectsOriginal(labels map[string]string) bool {
	for key, value := range labels {
		if v.OriginalLabels[key] != value {
			return false
		}
	}
	return true
}
