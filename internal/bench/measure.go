package main

import (
	"context"
	"errors"
	"time"
)

// cell is what a time is of: a kind of create, with the product or without.
type cell struct {
	kind
	with bool
}

// measured takes turns with and without the product, and within a turn between
// the kinds, so that whatever else the machine does falls on all of them.
func measured(ctx context.Context, s shop) (times map[cell][]time.Duration, err error) {
	a, err := found(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.set(context.WithoutCancel(ctx), true)) }()
	times = map[cell][]time.Duration{}
	for round := range rounds {
		for turn := range 2 {
			// Each is first by turns, too.
			with := (round+turn)%2 == 0
			if err := a.set(ctx, with); err != nil {
				return nil, err
			}
			for n := range warmUp + creates {
				for _, k := range kinds {
					if n%k.each() != 0 {
						continue
					}
					took, err := s.create(ctx, k)
					if err != nil {
						return nil, err
					}
					if n >= warmUp {
						times[cell{k, with}] = append(times[cell{k, with}], took)
					}
				}
			}
		}
	}
	return times, nil
}
