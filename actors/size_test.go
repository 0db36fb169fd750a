package actors

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// There are as many of these as clients, so a field costs megabytes: think twice, and change the
// number knowingly. The sizes are those of the allocator's classes, which are what is paid.
func TestSizes(t *testing.T) {
	for name, c := range map[string]struct{ size, class uintptr }{
		"connection": {unsafe.Sizeof(connection{}), 240},
		"user":       {unsafe.Sizeof(user{}), 64},
		"mailbox":    {unsafe.Sizeof(mailbox{}), 80},
		"registered": {unsafe.Sizeof(registered{}), 16},
		"Login":      {unsafe.Sizeof(Login{}), 64},
		"push":       {unsafe.Sizeof(push{}), 64}, // one an event
	} {
		require.LessOrEqual(t, c.size, c.class, name)
		t.Logf("%s: %d of %d bytes", name, c.size, c.class)
	}
}
