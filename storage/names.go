package storage

// Name is how logs and actors.System.Problems call this port.
func (*Redis) Name() string { return "redis" }

// Name is how logs and actors.System.Problems call this port.
func (*Mounts) Name() string { return "database" }
