package stand

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/loadtest/internal/wire"
)

func TestDatabaseAnswersTheMappingQuery(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cloud.db")
	require.NoError(t, createDatabase(t.Context(), path, Population{Users: 3, Idle: 2}))
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
	require.Equal(t, []string{"load000000:files/shared", "load000001:files/shared", "load000002:files/shared"}, users(SharedStorage))
	require.Equal(t, []string{wire.UserName(1) + ":"}, users(HomeStorage+1))
	require.Empty(t, users(HomeStorage+3))
	require.Equal(t, []string{"idle000001:"}, users(IdleStorage+1))
	require.Empty(t, users(IdleStorage+2))
}
