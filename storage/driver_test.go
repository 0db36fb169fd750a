package storage

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDriverThatIsMissing names the import that a program lacks.
func TestDriverThatIsMissing(t *testing.T) {
	for _, name := range []string{MySQL, Postgres, SQLite} {
		registered := drivers[name]
		require.NotNil(t, registered)
		RegisterDriver(name, nil)
		_, err := OpenMounts(DatabaseOptions{Driver: name})
		RegisterDriver(name, registered)
		require.ErrorContains(t, err, `import _ "github.com/notifypush/notifypush/storage/`+name+`"`)
	}
	_, err := OpenMounts(DatabaseOptions{Driver: "oci"})
	require.ErrorContains(t, err, `the database driver "oci" is not one of mysql, postgres, sqlite`)
}
