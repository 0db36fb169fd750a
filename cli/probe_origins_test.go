package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/config"
)

func TestCheckWarnsOfAnyOrigin(t *testing.T) {
	find := func(variables map[string]string) (found []finding) {
		lookup := func(name string) (string, bool) { text, is := variables[name]; return text, is }
		probeOrigins(t.Context(), config.Load(t.Context(), "", nil, lookup), func(f finding) { found = append(found, f) })
		return found
	}
	found := find(nil)
	require.Len(t, found, 1)
	require.Equal(t, yellow, found[0].Status)
	require.Empty(t, find(map[string]string{"ALLOWED_ORIGINS": "cloud.example.com"}))
}
