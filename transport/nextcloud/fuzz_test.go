package nextcloud

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Whatever Nextcloud answers, what counts as a user id is one line of text.
func FuzzFaultOf(f *testing.F) {
	f.Add([]byte("alice"))
	f.Add([]byte(" alice\r\n"))
	f.Add([]byte("<!DOCTYPE html>"))
	f.Add([]byte("a\x00b"))
	f.Add([]byte("\xff"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if faultOf(answer) != "" {
			return
		}
		user := string(bytes.TrimSpace(answer))
		require.NotEmpty(t, user)
		require.True(t, utf8.ValidString(user))
		require.False(t, strings.ContainsAny(user, "\r\n\x00"))
		require.LessOrEqual(t, len(user), maxAnswer)
	})
}
