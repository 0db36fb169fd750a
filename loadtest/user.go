package loadtest

import "fmt"

// Password is that of all simulated users.
const Password = "a password of the load test"

func userName(user int32) string { return fmt.Sprintf("load%06d", user) }

// tokenOf is the pre-auth token of a client; prefix keeps those of different fleets apart.
func tokenOf(prefix string, index int32) string { return fmt.Sprintf("%s-%d", prefix, index) }
