// Package content is about routing by request content: the rules as users
// write them, in the annotation's YAML or the plugin's flags, and the conditions
// on headers and query parameters that Istio can say. It is pure.
//
//   - cookie: {name: User, exact: Internal}   # Parse and Format: the annotation
//     cookie:User=Internal                      # ParseFlag and Rule.String: --match
//     header cookie, a regular expression       # Rule.Compile: what Envoy is told
//
// Rule.Matches says the same without Istio, for explanations and as the tests'
// reference: what Compile gives, evaluated as Envoy does, equals it.
package content

// Kind is how a value is compared, as in Istio's StringMatch.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#StringMatch
type Kind string

// The kinds.
const (
	Exact   Kind = "exact"
	Prefix  Kind = "prefix"
	Regex   Kind = "regex"   // RE2, of the whole value
	Present Kind = "present" // any value, the empty one too
)

// Match compares one value.
type Match struct {
	Kind  Kind
	Value string // empty for Present
}

// Rule is one rule: all that it says must hold. At least one field is set.
type Rule struct {
	Cookie  *Cookie          // nil: no condition
	Headers map[string]Match // by name, in lower case
	Query   map[string]Match // by name, as it is
	OS      []string         // any of OSes, in their order; empty: no condition
	Browser []string         // any of Browsers, in their order; empty: no condition
}

// Cookie is a condition on a cookie.
type Cookie struct {
	Name  string // empty: Match is a Regex, tried on each whole name=value pair
	Match Match
}

// Compiled is a rule as conditions on what Envoy sees: the request is the rule's
// when all conditions of one alternative hold.
type Compiled []Alternative

// Alternative is a list of conditions that must all hold, in a fixed order.
type Alternative []Condition

// Place is where a condition looks.
type Place string

// The places.
const (
	Header Place = "header"
	Query  Place = "query"
)

// Condition is one condition of a route's match: an entry of headers,
// withoutHeaders or queryParams of Istio's HTTPMatchRequest.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest
type Condition struct {
	In    Place
	Name  string // of the header, in lower case, or of the query parameter
	Match Match
	Not   bool // withoutHeaders; of a header only
}
