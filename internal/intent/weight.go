package intent

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Weight is a share of traffic in hundredths of a percent: 0 to 10000. It is
// an integer because Istio's weights are, and because 0.1 has no exact float.
type Weight int32

// Full is the whole traffic, 100 %.
const Full Weight = 10000

// ParseWeight reads a share in percent, "0" to "100" with up to two decimals
// ("0.5", "12.25"). The error says what is wrong and what would be right.
func ParseWeight(s string) (Weight, error) {
	whole, fraction, dot := strings.Cut(s, ".")
	if !digits(whole) || len(whole) > 3 || dot && (!digits(fraction) || len(fraction) > 2) {
		return 0, fmt.Errorf("is not a percentage: write 0 to 100 with at most two decimals, without a sign or %%")
	}
	n, err := strconv.Atoi(whole + (fraction + "00")[:2])
	if err != nil {
		return 0, err
	}
	if n > int(Full) {
		return 0, fmt.Errorf("is more than the whole traffic: write 0 to 100")
	}
	return Weight(n), nil
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// String gives the shortest form that ParseWeight reads: "10", "0.5", "12.25".
func (w Weight) String() string {
	if w%100 == 0 {
		return strconv.Itoa(int(w / 100))
	}
	return strings.TrimRight(fmt.Sprintf("%d.%02d", w/100, w%100), "0")
}

// MarshalJSON writes the percentage as a JSON number.
func (w Weight) MarshalJSON() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalJSON reads what MarshalJSON writes.
func (w *Weight) UnmarshalJSON(b []byte) error {
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	parsed, err := ParseWeight(n.String())
	if err != nil {
		return fmt.Errorf("weight %s %w", n, err)
	}
	*w = parsed
	return nil
}
