// Package wire is what the two ends of a load test know of each other: who the users are, and what events carry so that latency, loss
// and order can be seen from a push alone.
package wire

import "fmt"

// MaxClients is how many clients, and so users, a test may have.
const MaxClients = 1 << 20

// Password is that of all simulated users.
const Password = "a password of the load test"

// UserName is the name of a user.
func UserName(user int32) string { return fmt.Sprintf("load%06d", user) }

// Recipient is the user whom an event is for: Anybody, Nobody, or from 1 on a user.
type Recipient uint32

// Those that are not users.
const (
	Anybody Recipient = 0
	Nobody  Recipient = 1<<recipientBits - 1

	recipientBits = 21 // hold MaxClients users, and Nobody
)

// RecipientOf is the Recipient of a user.
func RecipientOf(user int32) Recipient { return Recipient(user + 1) }

// Includes reports whether a user may get the event.
func (r Recipient) Includes(user int32) bool { return r == Anybody || r == RecipientOf(user) }
