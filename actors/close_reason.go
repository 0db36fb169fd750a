package actors

// CloseReason is why a connection ended. Every ending has one; logs and metrics use its name.
type CloseReason uint8

// All endings there are.
const (
	ClosedByClient CloseReason = iota
	ConnectionLost
	PongMissing
	PongWrong
	TooSlow
	MessageTooBig
	MessageUnsupported
	TextInvalid
	ProtocolViolated
	LifetimeOver
	ResetRequested
	ShuttingDown
	InternalFailure
	Disconnected
	InvalidCredentials
	InvalidLoginMessage
	LoginTimeout
	LoginNotVerified
	TooManyOfUser
	HandshakeInvalid
	AddressThrottled
	ServerFull
	OriginRefused
	Drained
	closeReasons
)

var closings = [closeReasons]struct {
	name string
	code int // of RFC 6455, 7.4.1; 0 where nobody is there to read it
	text string
}{
	ClosedByClient:     {"closed_by_client", 1000, ""},
	ConnectionLost:     {"connection_lost", 0, ""},
	PongMissing:        {"pong_missing", 1008, "ping was not answered"},
	PongWrong:          {"pong_wrong", 1008, "pong does not match the ping"},
	TooSlow:            {"too_slow", 1008, "too slow in reading"},
	MessageTooBig:      {"message_too_big", 1009, "message too big"},
	MessageUnsupported: {"message_unsupported", 1003, "only text messages are understood"},
	TextInvalid:        {"text_invalid", 1007, "text is not UTF-8"},
	ProtocolViolated:   {"protocol_violated", 1002, "websocket protocol violated"},
	LifetimeOver:       {"lifetime_over", 1001, "maximum connection time reached"},
	ResetRequested:     {"reset_requested", 1012, "reset requested"},
	ShuttingDown:       {"shutting_down", 1012, "server is going down"},
	InternalFailure:    {"internal_failure", 1011, "internal failure"},
	Disconnected:       {"disconnected", 1008, "disconnected by the server"},
	InvalidCredentials: {"invalid_credentials", 1008, "invalid credentials"},
	// Before "authenticated" a connection ends without a close frame: clients retry only then.
	InvalidLoginMessage: {"invalid_login_message", 0, ""},
	LoginTimeout:        {"login_timeout", 0, ""},
	LoginNotVerified:    {"nextcloud_failed", 0, ""},
	TooManyOfUser:       {"too_many_of_user", 0, ""},
	AddressThrottled:    {"address_barred", 0, ""},
	// Before there is a websocket, where HTTP says why.
	HandshakeInvalid: {"handshake_invalid", 0, ""},
	ServerFull:       {"server_full", 0, ""},
	OriginRefused:    {"origin_refused", 0, ""},
	// Of a connection with a close frame, of a newcomer by HTTP or without one.
	Drained: {"drained", 1012, "this server takes no clients now"},
}

// known returns the reason, and InternalFailure for a number that is none.
func (r CloseReason) known() CloseReason {
	if r >= closeReasons {
		return InternalFailure
	}
	return r
}

// String returns the reason's name in logs and metrics.
func (r CloseReason) String() string { return closings[r.known()].name }

// Code returns the close code of RFC 6455 that the client is sent; 0 where no close frame is sent.
// A client that closes is sent its own code back.
func (r CloseReason) Code() int { return closings[r.known()].code }

// Text returns the words in the close frame.
func (r CloseReason) Text() string { return closings[r.known()].text }
