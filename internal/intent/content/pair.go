package content

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// expression is the regular expression of the whole Cookie header that holds
// when one of its pairs is the cookie's. RFC 6265, section 4.2.1, separates them
// by "; "; spaces and tabs around a pair, a name and a value are skipped, and one
// header without the space is understood. Quotation marks belong to the value.
// https://www.rfc-editor.org/rfc/rfc6265#section-4.2.1
func (c Cookie) expression() (string, error) {
	value := ""
	switch c.Match.Kind {
	case Exact:
		value = regexp.QuoteMeta(c.Match.Value)
	case Prefix:
		value = regexp.QuoteMeta(c.Match.Value) + "[^;]*"
	case Present:
		value = "[^;]*"
	case Regex:
		within, err := withinPair(c.Match.Value)
		if err != nil {
			return "", err
		}
		value = "(?:" + within + ")"
	}
	name := ""
	if c.Name != "" {
		name = regexp.QuoteMeta(c.Name) + `[ \t]*=[ \t]*`
	}
	return `(?:.*;)?[ \t]*` + name + value + `[ \t]*(?:;.*)?`, nil
}

// compiledFaults checks what Envoy is told of a cookie, always an expression.
func (c Cookie) compiledFaults() []Fault {
	whole, err := c.expression()
	if err != nil {
		return []Fault{{At: "cookie", Value: c.Match.Value, Why: err.Error(), Right: "write an expression for one cookie"}}
	}
	tree, err := syntax.Parse(whole, syntax.Perl)
	if err != nil {
		return []Fault{{At: "cookie", Value: c.Match.Value, Why: "can't be tried on one cookie: " + err.Error(), Right: "write a simpler expression"}}
	}
	return tooLarge("cookie", c.Name+c.Match.operation(), whole, tree)
}

// withinPair rewrites an expression so that it stays within one pair when it is
// put into one for the whole header: nothing in it takes a semicolon, and
// anchors, which the full match makes superfluous, are gone.
//
//	In.*        In[^\n;]*
//	^(a|[^b])$  a|[^;b]
//
// Word boundaries keep their meaning, because what stands around a value is no
// part of a word.
func withinPair(re string) (string, error) {
	tree, err := syntax.Parse(re, syntax.Perl)
	if err != nil {
		return "", err
	}
	if tree, err = unanchored(tree, true, true); err != nil {
		return "", err
	}
	p := &printer{}
	p.print(tree)
	return p.out.String(), p.err
}

// unanchored drops the anchors at the edges of the expression, where they hold
// anyway, and refuses those elsewhere. first and last say whether nothing comes
// before and after the part.
func unanchored(re *syntax.Regexp, first, last bool) (*syntax.Regexp, error) {
	switch re.Op {
	case syntax.OpBeginText, syntax.OpBeginLine:
		if !first {
			return nil, fmt.Errorf("has an anchor (^) that is not at its beginning, and matches the whole value anyway")
		}
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}, nil
	case syntax.OpEndText, syntax.OpEndLine:
		if !last {
			return nil, fmt.Errorf("has an anchor ($) that is not at its end, and matches the whole value anyway")
		}
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}, nil
	case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		first, last = false, false
	}
	out := *re
	out.Sub = make([]*syntax.Regexp, len(re.Sub))
	for n, sub := range re.Sub {
		f, l := first, last
		if re.Op == syntax.OpConcat {
			f, l = first && widthless(re.Sub[:n]), last && widthless(re.Sub[n+1:])
		}
		var err error
		if out.Sub[n], err = unanchored(sub, f, l); err != nil {
			return nil, err
		}
	}
	return &out, nil
}

// widthless says whether the parts match no character.
func widthless(parts []*syntax.Regexp) bool {
	for _, part := range parts {
		switch part.Op {
		case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpBeginLine, syntax.OpEndText, syntax.OpEndLine,
			syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		case syntax.OpCapture, syntax.OpConcat, syntax.OpAlternate:
			if !widthless(part.Sub) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// printer writes an expression in the syntax that RE2 and Go share, for bytes,
// as Envoy compiles it, without semicolons.
type printer struct {
	out strings.Builder
	err error
}

func (p *printer) print(re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpNoMatch:
		p.class(nil)
	case syntax.OpEmptyMatch:
		p.out.WriteString("(?:)")
	case syntax.OpLiteral:
		p.literal(re)
	case syntax.OpCharClass:
		p.class(re.Rune)
	case syntax.OpAnyCharNotNL:
		p.class([]rune{0, '\n' - 1, '\n' + 1, 0xff})
	case syntax.OpAnyChar:
		p.class([]rune{0, 0xff})
	case syntax.OpWordBoundary:
		p.out.WriteString(`\b`)
	case syntax.OpNoWordBoundary:
		p.out.WriteString(`\B`)
	case syntax.OpCapture:
		p.group(re.Sub[0])
	case syntax.OpStar:
		p.repeat(re, "*")
	case syntax.OpPlus:
		p.repeat(re, "+")
	case syntax.OpQuest:
		p.repeat(re, "?")
	case syntax.OpRepeat:
		p.repeat(re, bounds(re.Min, re.Max))
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if sub.Op == syntax.OpAlternate {
				p.group(sub)
			} else {
				p.print(sub)
			}
		}
	case syntax.OpAlternate:
		for n, sub := range re.Sub {
			if n > 0 {
				p.out.WriteByte('|')
			}
			p.print(sub)
		}
	default:
		p.err = fmt.Errorf("has an operator that can't be tried on one cookie: %s", re.Op)
	}
}

func bounds(least, most int) string {
	switch most {
	case least:
		return fmt.Sprintf("{%d}", least)
	case -1:
		return fmt.Sprintf("{%d,}", least)
	default:
		return fmt.Sprintf("{%d,%d}", least, most)
	}
}

func (p *printer) group(re *syntax.Regexp) {
	p.out.WriteString("(?:")
	p.print(re)
	p.out.WriteByte(')')
}

// repeat leaves out whether the fewest or the most are tried first: a full match
// is the same.
func (p *printer) repeat(re *syntax.Regexp, times string) {
	switch sub := re.Sub[0]; sub.Op {
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		p.print(sub)
	case syntax.OpLiteral:
		if len(sub.Rune) == 1 {
			p.print(sub)
			break
		}
		fallthrough
	default:
		p.group(sub)
	}
	p.out.WriteString(times)
}

func (p *printer) literal(re *syntax.Regexp) {
	fold := re.Flags&syntax.FoldCase != 0
	if fold {
		p.out.WriteString("(?i:")
	}
	for _, r := range re.Rune {
		switch {
		case r == ';':
			p.err = fmt.Errorf("has a ; which ends a cookie: the expression is tried on one cookie at a time")
		case r < ' ' || r > '~':
			fmt.Fprintf(&p.out, `\x%02x`, r)
		default:
			p.out.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	if fold {
		p.out.WriteByte(')')
	}
}

// class writes the bytes of a class (pairs of first and last) that can be in a
// cookie; the shorter way round, as what it has or has not.
func (p *printer) class(ranges []rune) {
	var has [256]bool
	for n := 0; n+1 < len(ranges); n += 2 {
		for r := ranges[n]; r <= min(ranges[n+1], 0xff); r++ {
			has[r] = r != ';'
		}
	}
	negated := has[0xff]
	p.out.WriteByte('[')
	if negated || has == [256]bool{} {
		p.out.WriteByte('^')
	}
	for first := 0; first < 256; first++ {
		if has[first] == negated && has != [256]bool{} {
			continue
		}
		last := first
		for last < 255 && has[last+1] == has[first] {
			last++
		}
		p.char(first)
		if last > first+1 {
			p.out.WriteByte('-')
		}
		if last > first {
			p.char(last)
		}
		first = last
	}
	p.out.WriteByte(']')
}

// char writes one byte of a class.
func (p *printer) char(c int) {
	switch {
	case c == '\n':
		p.out.WriteString(`\n`)
	case c < ' ' || c > '~':
		fmt.Fprintf(&p.out, `\x%02x`, c)
	case strings.ContainsRune(`\]^[-`, rune(c)):
		fmt.Fprintf(&p.out, `\%c`, c)
	default:
		p.out.WriteByte(byte(c))
	}
}
