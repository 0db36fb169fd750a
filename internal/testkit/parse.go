package testkit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// RequireParses wants the values of good texts; bad ones must be refused with their text in the message.
func RequireParses[T any](t *testing.T, parse func(string) (T, error), good map[string]T, bad ...string) {
	t.Helper()
	for text, want := range good {
		got, err := parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range bad {
		_, err := parse(text)
		require.ErrorContains(t, err, text)
	}
}
