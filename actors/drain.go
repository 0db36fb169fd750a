package actors

import "errors"

// ErrDrained is returned by Attach between Drain and Undrain.
var ErrDrained = errors.New("this server takes no clients now")

// Drain closes all connections, spread over Options.DrainTimeout where there are many, and has Attach refuse new ones
// until Undrain. Everything else goes on.
func (s *System) Drain() error {
	if err := s.usable(); err != nil {
		return err
	}
	if !s.drained.Swap(true) { // before the message: what is attached later is refused
		s.sendRegistries(&closeAll{reason: Drained, within: s.spread(*s.options.Load().DrainTimeout)})
	}
	return nil
}

// Undrain has new connections taken again. Those that Drain was about to close are closed nevertheless.
func (s *System) Undrain() { s.drained.Store(false) }

// IsDrained reports whether new connections are refused because of Drain.
func (s *System) IsDrained() bool { return s.drained.Load() }
