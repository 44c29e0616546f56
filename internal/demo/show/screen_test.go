package show

import (
	"strings"
	"sync"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

func screen(t view.Terminal) (*Screen, *strings.Builder) {
	var out strings.Builder
	return &Screen{Out: &out, Terminal: func() view.Terminal { return t }}, &out
}

func TestTheLiveLineStaysBelowThePage(t *testing.T) {
	s, out := screen(view.Terminal{TTY: true, Width: 60})
	s.Live("10%")
	s.Live("10%") // the same picture is not drawn again
	s.Print("a line\n")
	s.Live("20%")
	s.Live("")
	s.Print("the end\n")
	const clear = "\r\x1b[K"
	if want := clear + "10%" + clear + "a line\n10%" + clear + "20%" + clear + "the end\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestNoLiveLineElsewhereThanOnATerminal(t *testing.T) {
	s, out := screen(view.Terminal{Width: 60})
	s.Live("10%")
	s.Print("a line\n")
	if want := "a line\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestOutputPrintsWholeLines(t *testing.T) {
	s, out := screen(view.Terminal{Width: 60})
	o := s.Output()
	for _, part := range []string{"one\ntw", "o\n\nthr", "ee"} {
		if n, err := o.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("Write: %d, %v", n, err)
		}
	}
	if want := "  one\n  two\n\n"; out.String() != want {
		t.Errorf("before the end: got %q, want %q", out.String(), want)
	}
	for range 2 { // a second Close prints nothing again
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if want := "  one\n  two\n\n  three\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestActAndCommand(t *testing.T) {
	s, out := screen(view.Terminal{Color: true, Width: 31})
	s.Act("A quarter", "One command, one write to the route.")
	s.Command("kubectl grayscale policy --wait")
	s.Command("kubectl grayscale list")
	const want = "\n\x1b[1m== A quarter\x1b[0m\nOne command, one write to the\nroute.\n" +
		"\n\x1b[2m$ \x1b[0m\x1b[1mkubectl grayscale policy\x1b[0m \\\n    \x1b[1m--wait\x1b[0m\n" +
		"\n\x1b[2m$ \x1b[0m\x1b[1mkubectl grayscale list\x1b[0m\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestAScreenIsSafeForSeveralGoroutines(t *testing.T) {
	s, out := screen(view.Terminal{TTY: true, Width: 60})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				s.Live("x")
				s.Print("line\n")
			}
		})
	}
	group.Wait()
	if n := strings.Count(out.String(), "line\n"); n != 800 {
		t.Errorf("%d lines, want 800", n)
	}
}
