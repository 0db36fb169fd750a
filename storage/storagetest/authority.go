//go:build unix

package storagetest

import (
	"testing"

	"github.com/notifypush/notifypush/internal/testkit/certtest"
)

// Authority is a certificate authority of a test.
type Authority = certtest.Authority

// NewAuthority makes an authority whose files every account may read.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	return certtest.NewAuthority(t, Dir(t))
}
