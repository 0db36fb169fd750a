package php

import (
	"flag"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	seed    = flag.Uint64("seed", 0, "first seed of the random configurations; 0 chooses one")
	configs = flag.Int("configs", 1000, "how many random configurations are held against PHP")
)

// TestRandomConfigsAgainstPHP holds random configurations against PHP: no key that the evaluator knows may differ, none may be
// missing, and it has to know 97 of 100 files whole.
func TestRandomConfigsAgainstPHP(t *testing.T) {
	requirePHP(t)
	first := *seed
	if first == 0 {
		first = rand.Uint64()
	}
	t.Logf("the first seed is %d", first)
	contents := make([]string, *configs)
	jobs := make([][]string, *configs)
	folder := t.TempDir()
	for i := range contents {
		contents[i] = newGenerator(first + uint64(i)).config()
		path := folder + "/" + stringOf(i) + ".php"
		require.NoError(t, os.WriteFile(path, []byte(contents[i]), 0o600))
		jobs[i] = []string{path}
	}
	answers, err := ask(t.Context(), nil, jobs)
	require.NoError(t, err)
	incomplete := 0
	for i, files := range jobs {
		c, err := Evaluate(t.Context(), files, Options{Getenv: os.LookupEnv})
		require.NoError(t, err)
		if len(c.Unknown) > 0 && answers[i].Error == "" {
			incomplete++
		}
		t.Run(stringOf(i), func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("seed %d:\n%s", first+uint64(i), contents[i])
				}
			}()
			agree(t, c, answers[i])
			if answers[i].Error != "" && len(c.Unknown) == 0 {
				require.Empty(t, c.Values, "PHP fails: %s", answers[i].Error)
			}
		})
	}
	require.LessOrEqual(t, incomplete*100, *configs*3, "files of which something is unknown")
}

func stringOf(i int) string { return Text(int64(i)) }
