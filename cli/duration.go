package cli

import (
	"fmt"
	"strconv"
	"time"
)

// duration is a flag that takes plain seconds, whole or not, and Go's durations, such as 1m30s.
type duration time.Duration

// UnmarshalText is called by kong.
func (d *duration) UnmarshalText(text []byte) error {
	seconds, err := strconv.ParseFloat(string(text), 64)
	if err == nil && seconds >= 0 && seconds < 1e9 {
		*d = duration(seconds * float64(time.Second))
		return nil
	}
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed < 0 {
		return fmt.Errorf("%q is not a length of time; write seconds, or a form like 1m30s", text)
	}
	*d = duration(parsed)
	return nil
}
