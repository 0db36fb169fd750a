package nextcloud

// Name is how logs and actors.System.Problems call this port.
func (*Client) Name() string { return "nextcloud" }
