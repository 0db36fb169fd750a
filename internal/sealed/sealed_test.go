package sealed

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpen(t *testing.T) {
	sealed := Seal([]byte("key"), "place", []byte("body"))
	body, ok := Open([]byte("key"), "place", sealed)
	require.True(t, ok)
	require.Equal(t, "body", string(body))

	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		_, ok := Open([]byte("key"), "place", changed)
		require.False(t, ok, i)
	}
	for name, open := range map[string]func() ([]byte, bool){
		"another key":   func() ([]byte, bool) { return Open([]byte("other"), "place", sealed) },
		"another place": func() ([]byte, bool) { return Open([]byte("key"), "", sealed) },
		"short":         func() ([]byte, bool) { return Open([]byte("key"), "place", sealed[:Length-1]) },
		"nothing":       func() ([]byte, bool) { return Open([]byte("key"), "place", nil) },
	} {
		_, ok := open()
		require.False(t, ok, name)
	}
}
