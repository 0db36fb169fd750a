package instances

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestScan(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	for _, name := range []string{"bob.env", "alice.env", "bob.php.dpkg-old", "README", ".hidden.env", ".env", "cloud.carol.example.env"} {
		require.NoError(t, os.WriteFile(at(name), nil, 0o600))
	}
	require.NoError(t, os.Symlink("/nowhere/config.php", at("alice.php")))
	require.NoError(t, os.Symlink("/nowhere", at("dave.php")))
	found, err := Scan(t.Context(), folder)
	require.NoError(t, err)
	looks := map[string]string{}
	var names []string
	for _, f := range found {
		names = append(names, f.Name)
		looks[f.Name] = f.Look
	}
	require.Equal(t, []string{"alice", "bob", "cloud.carol.example", "dave"}, names)
	require.Equal(t, at("alice.env"), found[0].Variables)
	require.Equal(t, at("alice.php"), found[0].Config)
	require.Empty(t, found[1].Config)

	require.NoError(t, os.Chtimes(at("bob.env"), time.Time{}, time.Unix(1, 0)))
	require.NoError(t, os.Remove(at("dave.php")))
	require.NoError(t, os.Symlink("/elsewhere", at("dave.php")))
	again, err := Scan(t.Context(), folder)
	require.NoError(t, err)
	for _, f := range again {
		changed := f.Name == "bob" || f.Name == "dave"
		require.Equal(t, changed, looks[f.Name] != f.Look, f.Name)
	}
	_, err = Scan(t.Context(), at("missing"))
	require.Error(t, err)
}
