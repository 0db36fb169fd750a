package php

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFilesThatDoNotAnswer make their own keys unknown, and no others: the kernel's log is a regular file that never ends.
func TestFilesThatDoNotAnswer(t *testing.T) {
	file, err := os.Open("/proc/kmsg")
	if err != nil {
		t.Skip(err)
	}
	require.NoError(t, file.Close())
	c, err := Evaluate(t.Context(), []string{writeConfig(t, "<?php $CONFIG = ['a' => file_get_contents('/proc/kmsg'), 'b' => 1];")}, Options{})
	require.NoError(t, err)
	require.Equal(t, int64(1), c.Values["b"].Value)
	require.Len(t, c.Unknown, 1)
	require.Equal(t, "a", c.Unknown[0].Key)
	require.Contains(t, c.Unknown[0].Reason, "/proc/kmsg cannot be read")

	c, err = Evaluate(t.Context(), []string{writeConfig(t, "<?php $CONFIG = ['b' => 1]; foreach ([1, 2, 3] as $i) { file_get_contents('/proc/kmsg'); }")}, Options{})
	require.NoError(t, err)
	require.Len(t, c.Unknown, 1, "all reads together have no more time than the evaluation")
	require.Equal(t, AnyKey, c.Unknown[0].Key)
	require.Contains(t, c.Unknown[0].Reason, "longer than 2s")
}

// TestPipesAreNotOpened, by whichever function.
func TestPipesAreNotOpened(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	source := fmt.Sprintf(`<?php $p = '%s'; $CONFIG = ['exists' => file_exists($p), 'file' => is_file($p), 'readable' => is_readable($p), 'real' => realpath($p), 'content' => file_get_contents($p)];`, pipe)
	c, err := Evaluate(t.Context(), []string{writeConfig(t, source)}, Options{})
	require.NoError(t, err)
	require.Equal(t, true, c.Values["exists"].Value)
	require.Equal(t, false, c.Values["file"].Value)
	require.Contains(t, c.Values, "real")
	require.Len(t, c.Unknown, 1)
	require.Contains(t, c.Unknown[0].Reason, "not a regular file")

	c, err = Evaluate(t.Context(), []string{pipe}, Options{})
	require.NoError(t, err)
	require.Len(t, c.Broken, 1)
}

// TestLargeFoldersAreNotListed, nor is what the memory would not hold.
func TestLargeFoldersAreNotListed(t *testing.T) {
	if _, err := os.Stat("/dev/shm"); err == nil {
		t.Setenv("TMPDIR", "/dev/shm") // files are made faster there
	}
	folder := t.TempDir()
	for n := range maxEntries {
		require.NoError(t, os.Symlink("x", fmt.Sprint(folder, "/", n)))
	}
	path := writeConfig(t, "<?php $CONFIG = ['a' => count(glob('"+folder+"/*'))];")
	c, err := Evaluate(t.Context(), []string{path}, Options{})
	require.NoError(t, err)
	require.Equal(t, int64(maxEntries), c.Values["a"].Value)

	c, err = Evaluate(t.Context(), []string{path}, Options{Limits: Limits{Memory: 2 << 20}})
	require.NoError(t, err)
	require.Len(t, c.Unknown, 1)
	require.Contains(t, c.Unknown[0].Reason, "too many files")

	require.NoError(t, os.Symlink("x", folder+"/one more"))
	c, err = Evaluate(t.Context(), []string{path}, Options{})
	require.NoError(t, err)
	require.Len(t, c.Unknown, 1)
	require.Contains(t, c.Unknown[0].Reason, "too many files")
}

// TestFilesAreNamed lists what was evaluated, includes too, so that a caller can look whose they are.
func TestFilesAreNamed(t *testing.T) {
	included := writeConfig(t, "<?php return 1;")
	path := writeConfig(t, "<?php $CONFIG = ['a' => include '"+included+"', 'b' => file_get_contents('/etc/hostname')];")
	c, err := Evaluate(t.Context(), []string{path}, Options{})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{path, included}, c.Files)
}

// TestTransfer brings every type of value to another process.
func TestTransfer(t *testing.T) {
	path := writeConfig(t, `<?php $CONFIG = ['v' => [null, true, false, PHP_INT_MIN, 0.1, -0.0, INF, "\xff\0", '', [], 'k' => ['7' => 1, '07' => 2, '' => 3, -5 => [[]]], (object) ['p' => [1], '1' => 2]]];`)
	c, err := Evaluate(t.Context(), []string{path}, Options{})
	require.NoError(t, err)
	for _, value := range []Value{c.Values["v"].Value, math.NaN(), nil} {
		data, err := Encode(value)
		require.NoError(t, err)
		decoded, err := Decode(data)
		require.NoError(t, err)
		require.Equal(t, render(value), render(decoded))
	}
	_, err = Encode(unknown{})
	require.Error(t, err)
}

// FuzzDecode makes plain values of whatever it is given, which can be written again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"t":"array","i":[{"k":"LTE=","v":"YQ=="},{"k":"MQ==","t":"stdClass","i":[{"t":"float","v":"aW5m"}]},{"k":"YQ==","t":"bool","v":"MQ=="}]}`))
	f.Add([]byte(`{"t":"float","v":"MHgxcDk5OTk="}`))
	f.Add([]byte(`{"t":"int","v":"OTIyMzM3MjAzNjg1NDc3NTgwOA=="}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Encode(value)
		require.NoError(t, err)
		decoded, err := Decode(again)
		require.NoError(t, err)
		require.Equal(t, render(value), render(decoded))
	})
}
