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
	name  string         // of OSes or Browsers; empty: none of them
	found *regexp.Regexp // anywhere in the header, in the case in which it is sent
}

// The tables. docs/match.md says why each line is there.
var (
	osTable = []agent{
		// Windows on phones says Android and "like iPhone", too.
		{"", regexp.MustCompile(`Windows Phone|IEMobile`)},
		// On an iPad these browsers may say Macintosh.
		{"iOS", regexp.MustCompile(`iPhone|iPad|iPod| (CriOS|FxiOS|EdgiOS|OPiOS|OPT|GSA)/`)},
		{"Android", regexp.MustCompile(`Android`)},
		// Televisions and KaiOS say Linux, too.
		{"", regexp.MustCompile(`Tizen|Web0S|SMART-TV|SmartTV|KAIOS`)},
		{"Windows", regexp.MustCompile(`Windows (NT|9|XP|2000)`)},
		{"macOS", regexp.MustCompile(`Macintosh`)},
		{"Linux", regexp.MustCompile(`Linux`)},
	}
	browserTable = []agent{
		// Who says Chrome, Safari or Firefox, too, and is none of them: bots, WebViews
		// and apps, browsers with names of their own.
		{"", regexp.MustCompile(`\+https?://|[bB]ot[/;) ]|HeadlessChrome|Lighthouse`)},
		{"", regexp.MustCompile(`; wv\)| Version/[0-9.]+ Chrome/|FB(AN|AV|_IAB)/|Instagram|Snapchat|MicroMessenger|Line/|GSA/|Electron/`)},
		{"", regexp.MustCompile(`SamsungBrowser|UCBrowser|UBrowser|YaBrowser|Vivaldi|QQBrowser|HuaweiBrowser|MiuiBrowser|Silk/|Ecosia|OculusBrowser|Whale/|DuckDuckGo|Ddg/|Focus/|Klar/|SeaMonkey|PaleMoon|KAIOS`)},
		{"Opera", regexp.MustCompile(`Opera[ /]| (OPR|OPRGX|OPiOS|OPT|OPX)/`)},
		{"Edge", regexp.MustCompile(` (Edge?|EdgA|EdgiOS)/`)},
		{"Internet Explorer", regexp.MustCompile(`MSIE |Trident/`)},
		{"Firefox", regexp.MustCompile(` (Firefox|FxiOS)/`)},
		{"Chrome", regexp.MustCompile(` (Chrome|CriOS)/`)},
		{"Safari", regexp.MustCompile(`(Macintosh|iPhone|iPad|iPod|Windows).* Version/.* Safari/`)},
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
		if line.found.MatchString(bytewise(userAgent)) {
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
		wanted := line.name != "" && slices.Contains(values, line.name)
		switch {
		case !wanted:
			unwanted = append(unwanted, line.found.String())
		case inRun:
			last := &out[len(out)-1]
			last.found = append(last.found, line.found.String())
		default:
			out = append(out, agentCondition{found: []string{line.found.String()}, absent: slices.Clone(unwanted)})
		}
		inRun = wanted
	}
	return out
}

// agentCondition holds when one of found is in the header and none of absent.
type agentCondition struct{ found, absent []string }

// somewhere is an expression of the whole value for several of a part.
func somewhere(parts []string) string {
	return `.*(?:` + strings.Join(parts, "|") + `).*`
}

// bytewise makes a character of each byte, as Envoy's RE2 (in its Latin-1 mode)
// sees a header.
func bytewise(s string) string {
	var b strings.Builder
	for n := range len(s) {
		b.WriteRune(rune(s[n]))
	}
	return b.String()
}
