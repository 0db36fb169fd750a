package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// loadWith loads with these variables alone.
func loadWith(t *testing.T, configFile string, variables map[string]string) *Result {
	return Load(t.Context(), configFile, nil, func(name string) (string, bool) {
		text, found := variables[name]
		return text, found
	})
}

func TestPortsOfKubernetesAreIgnored(t *testing.T) {
	result := loadWith(t, "", map[string]string{"METRICS_PORT": "tcp://10.1.2.3:9100", "PORT": "7000"})
	require.NotContains(t, result.Sources, "env METRICS_PORT")
	require.Zero(t, result.Settings.Monitor.Port)
	require.Equal(t, SourceDefault, result.Sources["metrics_port"])
	require.NoError(t, result.ErrOf("metrics_port"))
	require.Len(t, result.Warnings, 2) // that there is no Redis, too
	require.Contains(t, result.Warnings[0], `env METRICS_PORT: "tcp://10.1.2.3:9100" is ignored`)
	require.Contains(t, result.Warnings[0], "enableServiceLinks: false")
	require.EqualValues(t, 7000, result.Settings.Listen.Port)

	require.Error(t, loadWith(t, "", map[string]string{"METRICS_PORT": "http"}).ErrOf("metrics_port"))
}

func TestLineEndsOfVariables(t *testing.T) {
	settings := loadWith(t, "", map[string]string{"DATABASE_PREFIX": "nc_\r", "SOCKET_PATH": "/run/push.sock\r\n", "REDIS_CHANNEL_PREFIX": "a \r"}).Settings
	require.Equal(t, "nc_", settings.Database.Prefix)
	require.Equal(t, "/run/push.sock", settings.Listen.SocketPath)
	require.Equal(t, "a ", settings.Redis.ChannelPrefix)
}

func TestListenersThatAreTheSame(t *testing.T) {
	for setting, variables := range map[string]map[string]string{
		"metrics_port":        {"PORT": "7000", "METRICS_PORT": "7000"},
		"metrics_socket_path": {"SOCKET_PATH": "/run/a", "METRICS_SOCKET_PATH": "/run/./a"},
		"tls_cert":            {"TLS_KEY": "/key.pem"},
	} {
		result := loadWith(t, "", variables)
		require.Error(t, result.ErrOf(setting), setting)
		require.True(t, result.IsWrong)
	}
	for _, variables := range []map[string]string{
		{"PORT": "7000", "METRICS_PORT": "7001"},
		{"PORT": "7000", "METRICS_PORT": "7000", "SOCKET_PATH": "/run/a"},
		{"PORT": "0", "METRICS_PORT": "0"},
	} {
		require.NoError(t, loadWith(t, "", variables).ErrOf("metrics_port"))
	}
}

// What a late mount or a late secret leads to may pass; everything else is wrong.
func TestErrorsThatMayPass(t *testing.T) {
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	whole := file("config.php", "<?php $CONFIG = ['overwrite.cli.url' => 'https://x', 'dbtype' => 'sqlite', 'redis' => []];")
	empty := file("empty.php", "")
	missing := filepath.Join(folder, "not", "yet")
	for name, test := range map[string]struct {
		configFile string
		variables  map[string]string
		isWrong    bool
	}{
		"no config.php":                   {missing, nil, false},
		"empty config.php":                {empty, nil, false},
		"no secret":                       {whole, map[string]string{"DATABASE_URL_FILE": missing}, false},
		"empty secret":                    {whole, map[string]string{"REDIS_PASSWORD_FILE": empty}, false},
		"a folder":                        {folder, nil, true},
		"nothing at all":                  {"", nil, true},
		"wrong port":                      {whole, map[string]string{"PORT": "x"}, true},
		"no config.php, and a wrong port": {missing, map[string]string{"PORT": "x"}, true},
		"no database":                     {file("less.php", "<?php $CONFIG = ['dbtype' => 'oci'];"), nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			variables := map[string]string{"NO_PHP": "1"}
			for name, text := range test.variables {
				variables[name] = text
			}
			result := loadWith(t, test.configFile, variables)
			require.Error(t, result.Err())
			require.Equal(t, test.isWrong, result.IsWrong, result.Errors)
		})
	}
	require.NoError(t, loadWith(t, whole, nil).Err())
}

// TestFilesThatAreNotThereYet does not take Redis or the database to be the usual one while what may name another is not mounted yet.
func TestFilesThatAreNotThereYet(t *testing.T) {
	t.Setenv("PATH", "") // without PHP
	const known = "'overwrite.cli.url' => 'https://x', 'dbtype' => 'sqlite'"
	for name, beside := range map[string]func(path string) error{
		"a link": func(path string) error { return os.Symlink("/nonexistent/redis.config.php", path) },
		"an include": func(path string) error {
			return os.WriteFile(path, []byte("<?php $CONFIG = include '/nonexistent/redis.php';"), 0o600)
		},
		"in it beside": func(path string) error {
			return os.WriteFile(path, []byte("<?php $CONFIG = []; @include '/nonexistent/redis.php';"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, "config.php")
			require.NoError(t, os.WriteFile(path, []byte("<?php $CONFIG = ["+known+"];"), 0o600))
			require.NoError(t, beside(filepath.Join(folder, "redis.config.php")))
			result := loadWith(t, path, nil)
			require.ErrorContains(t, result.Err(), "redis may be set there")
			require.False(t, result.IsWrong, "it may come")
			require.NoError(t, os.WriteFile(path, []byte("<?php $CONFIG = ["+known+", 'redis' => []];"), 0o600))
			require.NoError(t, loadWith(t, path, nil).Err())
		})
	}
}

func TestFilesThatThisUserMayNotRead(t *testing.T) {
	folder := os.Getenv("CONFIG_FOLDER")
	if folder == "" {
		folder = storagetest.Dir(t)
		require.NoError(t, os.Chmod(folder, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "config.php"), []byte("<?php $CONFIG = ['overwrite.cli.url' => 'https://x', 'dbtype' => 'sqlite'];"), 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "z.config.php"), []byte("<?php $CONFIG = ['redis' => []];"), 0o600))
	}
	if !storagetest.AsUser(t, 64998, 64998, "CONFIG_FOLDER="+folder) {
		return
	}
	result := loadWith(t, filepath.Join(folder, "config.php"), nil)
	require.ErrorContains(t, result.Err(), "user 64998 may not read "+filepath.Join(folder, "z.config.php")+": redis may be set there")
	require.ErrorContains(t, result.Err(), "REDIS_URL")
	require.False(t, result.IsWrong)

	result = loadWith(t, filepath.Join(folder, "z.config.php"), nil)
	require.ErrorContains(t, result.Err(), "user 64998 may not read")
	require.False(t, result.IsWrong)
}

func TestAdminToken(t *testing.T) {
	require.Empty(t, loadWith(t, "", nil).Settings.Monitor.AdminToken)
	require.ErrorContains(t, loadWith(t, "", map[string]string{"ADMIN_TOKEN": "too short"}).ErrOf("admin_token"), "16 characters")
	path := filepath.Join(t.TempDir(), "token")
	require.Error(t, loadWith(t, "", map[string]string{"ADMIN_TOKEN_FILE": path}).ErrOf("admin_token"))
	require.NoError(t, os.WriteFile(path, []byte("of enough characters\n"), 0o600))
	for _, variables := range []map[string]string{{"ADMIN_TOKEN_FILE": path}, {"ADMIN_TOKEN": "of enough characters"}} {
		result := loadWith(t, "", variables)
		require.NoError(t, result.ErrOf("admin_token"))
		require.Equal(t, "of enough characters", result.Settings.Monitor.AdminToken.Reveal())
		require.Equal(t, "***", result.Report(false).Settings["admin_token"].Value)
	}
}
