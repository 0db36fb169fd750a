// Package transport is the server's edge: websockets and HTTP in, requests to Nextcloud out.
//
// NewHandler serves clients and the app's self test, NewMonitor serves metrics and health, Listen
// and NewServer put them on a port or a unix socket. Nextcloud verifies logins. The package knows
// the actor system, which it feeds, and nothing of how settings come about.
package transport
