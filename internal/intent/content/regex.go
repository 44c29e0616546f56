package content

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/clip"
)

const (
	// maxRegex is Istio's bound on the length of a regular expression.
	// https://github.com/istio/istio/blob/master/pkg/config/validation/validation.go
	maxRegex = 1024
	// maxProgram bounds what RE2 compiles an expression to. Envoy refuses the
	// whole route table for one above its limit, which Istio sets to 32768; ours
	// is an estimate, hence half of that.
	// https://www.envoyproxy.io/docs/envoy/latest/api-v3/type/matcher/v3/regex.proto
	maxProgram = 16384
)

// regexFaults says what is wrong with an expression, which Envoy would refuse,
// and with it everything else that istiod has to tell.
// https://github.com/google/re2/wiki/Syntax
func regexFaults(at, re string) []Fault {
	fault := func(why, right string) []Fault {
		return []Fault{{At: at, Value: re, Why: why, Right: right}}
	}
	if len(re) > maxRegex {
		return tooLarge(at, re, re, nil)
	}
	for n, r := range re {
		if r > '~' {
			return fault(fmt.Sprintf("has %q at position %d, and Envoy's regular expressions know bytes only", r, n+1), "use exact or prefix for it, or . for each of its bytes")
		}
	}
	if n, what, right := badEscape(re); what != "" {
		return fault(fmt.Sprintf("has at position %d %s", n+1, what), right)
	}
	tree, err := syntax.Parse(re, syntax.Perl)
	if err != nil {
		return fault(explain(re, err), "see https://github.com/google/re2/wiki/Syntax")
	}
	return tooLarge(at, re, re, tree)
}

// tooLarge checks the expression that Envoy gets for one that a user wrote.
func tooLarge(at, users, compiled string, tree *syntax.Regexp) []Fault {
	const right = "write a shorter one"
	if n := len(compiled); n > maxRegex {
		return []Fault{{At: at, Value: users, Why: fmt.Sprintf("becomes a regular expression of %d characters, and Istio takes %d", n, maxRegex), Right: right}}
	}
	if n := program(tree); n > maxProgram {
		return []Fault{{At: at, Value: users, Why: fmt.Sprintf("is a regular expression of about %d steps, and %d is what is safe in Envoy", n, maxProgram), Right: "repeat less in it"}}
	}
	return nil
}

// badEscape finds the first escape that Go and Istio take and we do not: \x{…}
// above a byte and \p{…} of what only newer Unicode tables have, which Envoy
// refuses, and a \Q that nothing ends, which would reach beyond the expression
// where it becomes a part of another.
func badEscape(re string) (at int, what, right string) {
	for n := 0; n < len(re); n++ {
		if re[n] != '\\' {
			continue
		}
		rest := re[n+1:]
		switch {
		case strings.HasPrefix(rest, "Q"): // up to \E everything is itself
			end := strings.Index(rest, `\E`)
			if end < 0 {
				return n, `a \Q without its \E`, `add \E`
			}
			n += end + 2
		case strings.HasPrefix(rest, "x{"):
			digits, _, _ := strings.Cut(rest[2:], "}")
			if v, err := strconv.ParseUint(digits, 16, 32); err == nil && v > 0xff {
				return n, `a character above \x{ff}, and Envoy's regular expressions know bytes only`, "use exact or prefix for it, or . for each of its bytes"
			}
			n++
		case strings.HasPrefix(rest, "p"), strings.HasPrefix(rest, "P"):
			name, inBraces := strings.CutPrefix(rest[1:], "{")
			if inBraces {
				name, _, _ = strings.Cut(name, "}")
				name = strings.TrimPrefix(name, "^")
			} else {
				name = name[:min(1, len(name))]
			}
			if !slices.Contains(categories, name) {
				return n, fmt.Sprintf("the class %q, and Envoy's regular expressions know no scripts, being of bytes", name), "use a class of characters, or one of " + strings.Join(categories, " ")
			}
			n++
		default:
			n++
		}
	}
	return 0, "", ""
}

// categories are those of Unicode that every RE2 knows.
var categories = strings.Fields("C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs")

// explain says where and why an expression is none of RE2, by name for what
// people know from other engines.
func explain(re string, err error) string {
	var e *syntax.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	at := position(re, e)
	if e.Code == syntax.ErrMissingParen && e.Expr == re {
		return fmt.Sprintf("ends at position %d within a parenthesis", len(re))
	}
	return fmt.Sprintf("has at position %d %s", at+1, lacking(re[at:], e))
}

// position is where the offending part begins: the shortest beginning of the
// expression from which on all fail in the same way ends with it.
func position(re string, e *syntax.Error) int {
	at := max(strings.Index(re, e.Expr), 0)
	for n := len(re); n > 0; n-- {
		_, err := syntax.Parse(re[:n], syntax.Perl)
		var same *syntax.Error
		switch {
		case !errors.As(err, &same) || same.Code != e.Code:
			return at
		case e.Code == syntax.ErrUnexpectedParen: // its Expr is the whole
			at = n - 1
		case same.Expr != e.Expr:
			return at
		case strings.HasSuffix(re[:n], e.Expr):
			at = n - len(e.Expr)
		}
	}
	return at
}

// lacking names what RE2 lacks, to keep its promise of linear time.
func lacking(rest string, e *syntax.Error) string {
	for _, l := range []struct{ begin, name string }{
		{"(?=", "a look-ahead"}, {"(?!", "a look-ahead"}, {"(?<=", "a look-behind"}, {"(?<!", "a look-behind"},
		{"(?>", "an atomic group"}, {"(?|", "a branch reset"}, {"(?(", "a conditional group"}, {"(?#", "a comment"},
		{"(?R", "a recursion"}, {"(?&", "a recursion"}, {"(?P=", "a back reference"}, {`\k`, "a back reference"}, {`\g`, "a back reference"},
		{`\K`, `a \K`}, {`\Z`, `a \Z (write \z)`}, {`\G`, `a \G`}, {`\X`, `a \X`}, {`\R`, `a \R`}, {`\h`, `a \h`}, {`\u`, `a \u`},
	} {
		if strings.HasPrefix(rest, l.begin) {
			return l.name + ", which RE2 does not have"
		}
	}
	if len(rest) > 1 && rest[0] == '\\' && '1' <= rest[1] && rest[1] <= '9' {
		return "a back reference, which RE2 does not have"
	}
	if e.Code == syntax.ErrInvalidRepeatOp && strings.HasSuffix(e.Expr, "+") {
		return fmt.Sprintf("%q, a possessive quantifier, which RE2 does not have", e.Expr)
	}
	return fmt.Sprintf("an error: %s: %q", e.Code, clip.Text(e.Expr, mostValue))
}

// program estimates how many instructions RE2 makes of an expression.
func program(re *syntax.Regexp) int {
	sum := 1
	for _, sub := range re.Sub {
		sum += program(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpCharClass:
		return len(re.Rune)/2 + 1
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 2
	case syntax.OpAlternate:
		return sum + len(re.Sub)
	case syntax.OpRepeat:
		return max(re.Min+1, re.Max) * (sum + 1)
	default:
		return sum
	}
}
