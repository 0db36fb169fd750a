package transport

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// settled are the tests, and the second for which the actors' runtime counts dead letters.
type settled struct{ *testing.M }

func (s settled) Run() int {
	defer time.Sleep(time.Second)
	return s.M.Run()
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(settled{m}) }
