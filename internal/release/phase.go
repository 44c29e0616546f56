package release

// Phase is where a release stands (the contract's section 3).
type Phase string

// The phases.
const (
	Pending    Phase = "Pending"    // claimed; routes are being pinned to the original
	Starting   Phase = "Starting"   // the clone rolls out
	Ready      Phase = "Ready"      // the clone is ready and has no traffic
	Routing    Phase = "Routing"    // the policy is delivered
	TakenOver  Phase = "TakenOver"  // the grayscale version has all traffic
	Finishing  Phase = "Finishing"  // the original goes
	Finished   Phase = "Finished"   // ended, the grayscale version stays
	Cancelling Phase = "Cancelling" // the grayscale version goes
	Cancelled  Phase = "Cancelled"  // ended, the original stays
	Rejected   Phase = "Rejected"   // lost the claim; never starts
)

// Ended says whether a release in this phase holds nothing any more.
func (p Phase) Ended() bool { return p == Finished || p == Cancelled || p == Rejected }

// Ending says whether the release is on its way out.
func (p Phase) Ending() bool { return p == Finishing || p == Cancelling }

// Sentence says what a phase means.
func (p Phase) Sentence() string { return sentences[p] }

var sentences = map[Phase]string{
	Pending:    "pinning the routes to the original version",
	Starting:   "starting the grayscale version",
	Ready:      "the grayscale version is ready and has no traffic",
	Routing:    "both versions share the traffic",
	TakenOver:  "the grayscale version has all traffic",
	Finishing:  "the original version is leaving",
	Finished:   "the grayscale version is the only one",
	Cancelling: "the grayscale version is leaving",
	Cancelled:  "the original version is the only one",
	Rejected:   "another release holds the Service",
}
