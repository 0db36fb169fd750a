// Package actors is the core of a push server: it logs clients in, holds their connections, and sends
// them what is published. What it needs from outside are interfaces, the [Ports]; packages storage and
// transport implement them for Redis, a database, Nextcloud and websockets.
//
// A program that embeds it calls [New] with a [Verifier], the one of the [Ports] that is required, and
// [Options], whose zero value has the daemon's defaults; then [System.Start]. package transport does the rest
// for websockets; a program with its own way to clients calls [System.Authenticate] for each and, with the
// [Login] that this returns, [System.Attach]. From then on the [Socket] is the system's, which closes it.
// [NewMessageSocket] makes a Socket of what can send a text.
//
// [System.Send], [System.SendTo] and [System.Broadcast] send texts, and [System.Publish] takes events as
// Nextcloud publishes them. [System.Users] and [System.Connections] say who is there; [System.Disconnect] and
// [System.DisconnectConnection] end that. [Hooks] are told of what happens. [System.Shutdown] ends everything
// that was started.
//
// Inside, an event goes from the listener to the mapper, if it concerns a file, and on to the registry
// of each user who is to know, to the user, and to the user's connections:
//
//	EventSource → listener ─→ mapper ─→ registry → user → connection → Socket
//	                  └────────────────────↑
//
// Nothing in there waits for anything: queries and logins run in goroutines of their own, sockets
// don't block, and what is too much waits at the EventSource. docs/invariants.md says what else
// must stay true. Package actorstest has fakes of all ports.
package actors
