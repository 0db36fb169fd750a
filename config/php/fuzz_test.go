package php

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzEvaluate evaluates any bytes. It must neither panic nor take more than its share, and what it says must be certain.
func FuzzEvaluate(f *testing.F) {
	files, err := filepath.Glob(samples + "/*.php")
	require.NoError(f, err)
	for _, file := range files {
		if strings.Contains(file, "/hostile_") {
			continue // they are slow, and TestHostile has more of them
		}
		content, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(content)
	}
	for seed := range uint64(20) {
		f.Add([]byte(newGenerator(seed).config()))
	}
	environment := func(name string) (string, bool) { return "value of " + name, strings.HasPrefix(name, "S") }
	path := writeConfig(f, "")
	f.Fuzz(func(t *testing.T, content []byte) {
		require.NoError(t, os.WriteFile(path, content, 0o600))
		allocated := measure(func() {
			c, err := Evaluate(t.Context(), []string{path}, Options{Getenv: environment, Limits: Limits{Time: 200 * time.Millisecond}})
			require.NoError(t, err)
			for key, e := range c.Values {
				_, doubtful := findUnknown(e.Value)
				require.False(t, doubtful, "key %q", key)
			}
			for _, u := range c.Unknown {
				require.NotEmpty(t, u.Reason)
			}
		})
		requireAllocated(t, allocated, uint64(defaultMemory), "bytes")
	})
}
