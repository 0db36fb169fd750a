package actors

// Reconfigure has other options count from now on. A lifetime counts for new connections, and what is under way keeps
// the limit that it began with. ActorSystem, Logger, AuthKey, NoDebounce and AuthTimeout stay what they are.
// Options that New would refuse change nothing, and are an error.
func (s *System) Reconfigure(options Options) error {
	options, err := options.completed()
	if err != nil {
		return err
	}
	before := s.options.Load()
	options.ActorSystem, options.Logger, options.AuthKey = before.ActorSystem, before.Logger, before.AuthKey
	options.NoDebounce, options.AuthTimeout = before.NoDebounce, before.AuthTimeout
	s.options.Store(&options)
	return nil
}
