// Package transport is the way of websockets to the actor system.
//
// [NewWebsocket] is the handler of the websocket, for a mux of yours. It logs clients in by messages, or by what
// [WebsocketOptions].Authenticate finds in the handshake. [NewHandler] serves the app's self test and the version
// besides; [Listen] and [NewServer] put it on a port or a unix socket, and [Websocket.Intercept] answers handshakes
// there without the costs of net/http. Package monitor serves metrics and health, and package nextcloud verifies
// logins. The package knows the actor system, which it feeds, and nothing of how settings come about.
package transport
