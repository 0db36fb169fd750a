//go:build !linux

package clock

import "time"

// Precisely gives f a function that sleeps.
func Precisely(f func(sleep func(time.Duration))) { f(time.Sleep) }
