package snapshot

import (
	"context"
	"errors"
	"testing"
)

// TestFlights: those who ask while an answer is under way get the next one, all the
// same: none gets one that began before he asked.
func TestFlights(t *testing.T) {
	var f flights[int]
	began, land := make(chan int), make(chan error)
	var n int
	find := func(context.Context) (int, error) {
		n++
		began <- n
		return n, <-land
	}
	first := f.board(t.Context(), "x", find)
	<-began
	second, third := f.board(t.Context(), "x", find), f.board(t.Context(), "x", find)
	if second == first || third != second {
		t.Fatal("who asks later does not wait for the next answer, or not for the same")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.join(gone, "x", find); !errors.Is(err, context.Canceled) {
		t.Errorf("who does not wait gets %v", err)
	}
	land <- nil
	if <-first.done; first.value != 1 {
		t.Errorf("the first got %d", first.value)
	}
	<-began
	land <- errors.ErrUnsupported
	if <-second.done; second.value != 2 || !errors.Is(second.err, errors.ErrUnsupported) {
		t.Errorf("the second got %d, %v", second.value, second.err)
	}
	go func() { <-began; land <- nil }()
	if value, err := f.join(t.Context(), "x", find); value != 3 || err != nil {
		t.Errorf("the last got %d, %v", value, err)
	}
}
