package loadtest

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDatabaseAnswersTheMappingQuery(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cloud.db")
	require.NoError(t, createDatabase(t.Context(), path, population{users: 3, idle: 2}))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	users := func(storage int) (found []string) {
		rows, err := db.Query("SELECT user_id || ':' || path FROM oc_mounts INNER JOIN oc_filecache ON root_id = fileid WHERE storage_id = ? ORDER BY user_id", storage)
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var user string
			require.NoError(t, rows.Scan(&user))
			found = append(found, user)
		}
		require.NoError(t, rows.Err())
		return found
	}
	require.Equal(t, []string{"load000000:files/shared", "load000001:files/shared", "load000002:files/shared"}, users(sharedStorage))
	require.Equal(t, []string{userName(1) + ":"}, users(homeStorage+1))
	require.Empty(t, users(homeStorage+3))
	require.Equal(t, []string{"idle000001:"}, users(idleStorage+1))
	require.Empty(t, users(idleStorage+2))
}
