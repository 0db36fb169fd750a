// Package signal wakes a goroutine that waits for something to do.
package signal

// Signal is set by those who have work and received from by the one who does it, who then looks for all there is: of
// several that are set meanwhile it sees one. Make it with New.
type Signal chan struct{}

// New returns a Signal that is not set.
func New() Signal { return make(Signal, 1) }

// Set never blocks. It is safe for concurrent use.
func (s Signal) Set() {
	select {
	case s <- struct{}{}:
	default:
	}
}
