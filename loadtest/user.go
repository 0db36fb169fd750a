package loadtest

import "fmt"

// password is that of all simulated users.
const password = "a password of the load test"

func userName(user int32) string { return fmt.Sprintf("load%06d", user) }

// recipient is whom a push says that it is for, so that it is noticed when it reaches somebody else: anybody, nobody, or from 1
// on a user.
type recipient uint32

const (
	anybody recipient = 0
	nobody  recipient = 1<<recipientBits - 1
	// recipientBits hold maxClients users, and nobody.
	recipientBits = 21
)

func recipientOf(user int32) recipient { return recipient(user + 1) }

func (r recipient) is(user int32) bool { return r == anybody || r == recipientOf(user) }

// tokenOf is the pre-auth token of a client; prefix keeps those of different fleets apart.
func tokenOf(prefix string, index int32) string { return fmt.Sprintf("%s-%d", prefix, index) }
