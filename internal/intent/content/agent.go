package content

import (
	"regexp"
	"slices"
	"strings"
)

// The values of os and of browser, in the order in which they are shown.
var (
	OSes     = []string{"iOS", "Android", "Windows", "macOS", "Linux"}
	Browsers = []string{"Chrome", "Edge", "Firefox", "Safari", "Opera", "Internet Explorer"}
)

// agent is one line of a table by which user agents are told apart: the first
// line whose expression is found in the header decides, so that a name that hides
// in another's (Edge says Chrome, Chrome says Safari) is told by the order.
type agent struct {
	name  string // of OSes or Browsers; empty: none of them
	found string // RE2, anywhere in the header, in the case in which it is sent
}

// The tables. docs/match.md says why each line is there.
var (
	osTable = []agent{
		{"", `Windows Phone|IEMobile`},                                   // says Android and like iPhone
		{"iOS", `iPhone|iPad|iPod| (CriOS|FxiOS|EdgiOS|OPiOS|OPT|GSA)/`}, // on an iPad they may say Macintosh
		{"Android", `Android`},                                           // says Linux
		{"", `Tizen|Web0S|SMART-TV|SmartTV|Smart-TV|KAIOS`},              // say Linux
		{"Windows", `Windows (NT|9|XP|2000)`},
		{"macOS", `Macintosh`},
		{"Linux", `Linux`},
	}
	browserTable = []agent{
		// Bots, apps and browsers with names of their own, which say Chrome,
		// Safari or Firefox, too.
		{"", `\+https?://|[bB]ot[/;) ]|; wv\)|FB(AN|AV|_IAB)/|Instagram|MicroMessenger|Line/|GSA/|Electron/|SamsungBrowser|UCBrowser|UBrowser|YaBrowser|Vivaldi|QQBrowser|HuaweiBrowser|MiuiBrowser|Whale/|DuckDuckGo|Ddg/|Focus/|Klar/|SeaMonkey|PaleMoon|KAIOS`},
		{"Opera", `Opera[ /]|Opera Mini| (OPR|OPRGX|OPiOS|OPT|OPX)/`},
		{"Edge", ` (Edge?|EdgA|EdgiOS)/`},
		{"Internet Explorer", `MSIE |Trident/`},
		{"Firefox", ` (Firefox|FxiOS)/`},
		{"Chrome", ` (Chrome|CriOS)/`},
		{"Safari", `(Macintosh|iPhone|iPad|iPod|Windows).* Version/.* Safari/`},
	}
)

// OSOf gives the operating system, one of OSes, that a user-agent header counts
// as; empty for none of them.
func OSOf(userAgent string) string { return first(osTable, userAgent) }

// BrowserOf gives the browser, one of Browsers, that a user-agent header counts
// as; empty for none of them.
func BrowserOf(userAgent string) string { return first(browserTable, userAgent) }

func first(table []agent, userAgent string) string {
	for _, line := range table {
		if compiled(line.found).MatchString(bytewise(userAgent)) {
			return line.name
		}
	}
	return ""
}

// anyOf gives the conditions on the user-agent header that hold when the first
// line found names one of values: for each run of wanted lines, one of them is
// found and none of the unwanted before. That an unwanted line comes first is
// all that can spoil it: where a wanted one comes first, the request is wanted.
func anyOf(table []agent, values []string) []agentCondition {
	var out []agentCondition
	var unwanted []string
	inRun := false
	for _, line := range table {
		switch wanted := line.name != "" && slices.Contains(values, line.name); {
		case !wanted:
			unwanted = append(unwanted, line.found)
		case inRun:
			last := &out[len(out)-1]
			last.found = append(last.found, line.found)
		default:
			out = append(out, agentCondition{found: []string{line.found}, absent: slices.Clone(unwanted)})
		}
		inRun = line.name != "" && slices.Contains(values, line.name)
	}
	return out
}

// agentCondition holds when one of found is in the header and none of absent.
type agentCondition struct{ found, absent []string }

// somewhere is an expression of the whole value for several of a part.
func somewhere(parts []string) string {
	return `.*(?:` + strings.Join(parts, "|") + `).*`
}

// compiled gives Go's form of an expression that is checked already.
func compiled(re string) *regexp.Regexp { return regexp.MustCompile(re) }

// bytewise makes a character of each byte, as Envoy's RE2 (in its Latin-1 mode)
// sees a header.
func bytewise(s string) string {
	var b strings.Builder
	for n := range len(s) {
		b.WriteRune(rune(s[n]))
	}
	return b.String()
}
