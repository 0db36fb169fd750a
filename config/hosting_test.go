package config

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// processWith is what a process with these variables is given.
func processWith(t *testing.T, variables map[string]string, given Given) *Result {
	return Load(t.Context(), "", given, func(name string) (string, bool) {
		text, found := variables[name]
		return text, found
	})
}

// write writes files into a folder that only this user may write, and returns it.
func writeFolder(t *testing.T, files map[string]string) string {
	folder := t.TempDir()
	require.NoError(t, os.Chmod(folder, 0o700))
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	return folder
}

const aliceConfig = `<?php $CONFIG = ['secret' => 'of alice', 'dbtype' => 'sqlite3', 'datadirectory' => '/data', 'redis' => ['host' => 'redis.alice'],
'overwrite.cli.url' => 'https://Cloud.Alice.example/nc', 'trusted_domains' => ['localhost', 'alice.example:8443', '*.alice.example', 'cloud.alice.example'], 'dbtableprefix' => getenv('PREFIX')];`

// An instance has its own variables and its own config.php, and of the process what is no instance's own.
func TestInstanceIsConfiguredByItsOwnFiles(t *testing.T) {
	folder := writeFolder(t, map[string]string{
		"alice/config/config.php": aliceConfig,
		"instances/alice.env":     "LOG=debug\nPREFIX=own_\nMAX_CONNECTIONS=7\nPORT=1\nINSTANCE_HOSTS=push.alice.example\n",
		"instances/bob.env":       "REDIS_URL=redis://bob\nDATABASE_URL=sqlite:/bob\nNEXTCLOUD_URL=https://bob.example\n",
	})
	require.NoError(t, os.Symlink("../alice/config", filepath.Join(folder, "instances", "alice.php")))
	process := processWith(t, map[string]string{
		"INSTANCES": filepath.Join(folder, "instances"), "PREFIX": "of_the_process_", "NC_secret": "of the process", "PORT": "7000", "MAX_CONNECTIONS": "1000", "MAX_DEBOUNCE_TIME": "3s", "DEBOUNCE_DISABLE": "",
		"METRICS_PORT": "7001", "METRICS_TOKEN": "a token of the process", "AUTH_RESUME": "9s",
	}, Given{"auth-resume": {"8s"}})
	require.NoError(t, process.Err())

	load := func(files InstanceFiles) *Result {
		result := Reader{}.LoadInstance(t.Context(), files, process)
		require.NoError(t, result.Err())
		return result
	}
	alice := load(InstanceFiles{filepath.Join(folder, "instances", "alice.env"), filepath.Join(folder, "instances", "alice.php")})
	s := alice.Settings
	require.Equal(t, "of alice", s.Instance.Secret.Reveal())
	require.Equal(t, []string{"redis://redis.alice:6379"}, s.Redis.Addresses)
	require.Equal(t, "own_", s.Database.Prefix, "its config.php sees its own variables")
	require.Equal(t, "debug", s.Log.Level.String())
	require.Equal(t, 7, s.Websocket.Limits.Connections)
	require.Equal(t, "3s", s.Actors.MaxDebounceTime.String())
	require.Equal(t, "8s", s.Actors.AuthResume.String())
	require.True(t, s.Actors.NoDebounce)
	require.Equal(t, process.Settings.Monitor, s.Monitor)
	require.Equal(t, process.Settings.Listen, s.Listen)
	require.Equal(t, []string{"cloud.alice.example", "alice.example:8443", "*.alice.example"}, s.Instance.Hosts)
	require.Equal(t, HostNames{"push.alice.example"}, s.Hosting.Hosts)
	require.Equal(t, "alice.env LOG", alice.Sources["log_level"])
	require.Equal(t, "alice.php", alice.Sources["config_file"])
	require.Equal(t, "flag --auth-resume", alice.Sources["auth_resume"])
	require.Contains(t, alice.Warnings, "alice.env PORT does not count: all instances share what the process is given")

	bob := load(InstanceFiles{Variables: filepath.Join(folder, "instances", "bob.env")}).Settings
	require.Empty(t, bob.Instance.Secret.Reveal(), "variables of the process are not Nextcloud's")
	require.Zero(t, bob.Websocket.Limits.Connections, "that of the process is all instances' together")
	require.Equal(t, "oc_", bob.Database.Prefix)
	require.Equal(t, []string{"bob.example"}, bob.Instance.Hosts)
	require.Equal(t, "warn", bob.Log.Level.String())
	require.Zero(t, *bob.Actors.MountsPing, "hundreds would keep as many connections to a database open")
	require.Equal(t, "10s", Load(t.Context(), "", nil, func(string) (string, bool) { return "", false }).Settings.Actors.MountsPing.String())
	process = processWith(t, map[string]string{"INSTANCES": filepath.Join(folder, "instances"), "DATABASE_PING": "7s"}, nil)
	require.Equal(t, "7s", load(InstanceFiles{Variables: filepath.Join(folder, "instances", "bob.env")}).Settings.Actors.MountsPing.String())
}

// What only an instance can have, the process must not be given: all instances would have it.
func TestProcessHasNoSettingOfAnInstance(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		given     Given
	}{
		"env REDIS_URL":          {variables: map[string]string{"REDIS_URL": "redis://x"}},
		"env DATABASE_URL_FILE":  {variables: map[string]string{"DATABASE_URL_FILE": "/x"}},
		"flag --nextcloud-url":   {given: Given{"nextcloud-url": {"https://x"}}},
		"flag --allowed-origins": {given: Given{"allowed-origins": {"*"}}},
	} {
		if test.variables == nil {
			test.variables = map[string]string{}
		}
		test.variables["INSTANCES"] = "/etc/notify_push"
		process := processWith(t, test.variables, test.given)
		require.ErrorContains(t, process.Err(), name+" is one instance's", name)
	}
	process := Load(t.Context(), "config.php", Given{"instances": {"/x"}}, func(string) (string, bool) { return "", false })
	require.ErrorContains(t, process.Err(), "config.php is that of one")

	variables := func(name string) (string, bool) {
		text, found := map[string]string{"INSTANCES": "/x", "REDIS_URL": "redis://x"}[name]
		return text, found
	}
	one := Reader{IgnoresInstances: true}.Load(t.Context(), "", nil, variables)
	require.NoError(t, one.ErrOf("redis"), "for commands that concern one Nextcloud")
	require.Equal(t, []string{"redis://x:6379"}, one.Settings.Redis.Addresses)
}

func TestFilesOfAnInstance(t *testing.T) {
	folder := writeFolder(t, map[string]string{
		"nextcloud/config/config.php":       aliceConfig,
		"nextcloud/config/more.config.php":  `<?php $CONFIG = ['secret' => 'of the file beside'];`,
		"instances/copy.php":                aliceConfig,
		"instances/other.config.php":        `<?php $CONFIG = ['secret' => 'of another instance'];`,
		"instances/named.env":               "CONFIG_FILE=" + "../x",
		"instances/writable.env":            "LOG=warn",
		"elsewhere/linked.env":              "LOG=warn",
		"empty/nothing":                     "",
		"instances/broken.env":              `A="x`,
		"instances/by-its-root-folder.html": "",
	})
	at := func(name string) string { return filepath.Join(folder, "instances", name) }
	require.NoError(t, os.WriteFile(at("named.env"), []byte("CONFIG_FILE="+filepath.Join(folder, "nextcloud/config/config.php")), 0o600))
	require.NoError(t, os.Chmod(at("writable.env"), 0o622))
	require.NoError(t, os.Symlink(filepath.Join(folder, "elsewhere/linked.env"), at("linked.env")))
	for link, target := range map[string]string{"file.php": "nextcloud/config/config.php", "folder.php": "nextcloud/config", "root.php": "nextcloud", "empty.php": "empty", "nowhere.php": "nowhere"} {
		require.NoError(t, os.Symlink(filepath.Join(folder, target), at(link)))
	}
	process := processWith(t, map[string]string{"INSTANCES": filepath.Join(folder, "instances")}, nil)
	for _, files := range []InstanceFiles{{Config: at("file.php")}, {Config: at("folder.php")}, {Config: at("root.php")}, {Variables: at("named.env")}} {
		result := Reader{}.LoadInstance(t.Context(), files, process)
		require.NoError(t, result.Err(), files)
		require.Equal(t, "of the file beside", result.Settings.Instance.Secret.Reveal(), "what lies beside config.php is Nextcloud's, too")
	}
	result := Reader{}.LoadInstance(t.Context(), InstanceFiles{Config: at("copy.php")}, process)
	require.NoError(t, result.Err())
	require.Equal(t, "of alice", result.Settings.Instance.Secret.Reveal(), "what lies beside it is another instance's")
	for _, test := range []struct {
		files InstanceFiles
		want  string
		wrong bool // it does not pass by itself
	}{
		{InstanceFiles{Config: at("empty.php")}, "config.php is not found", false},
		{InstanceFiles{Config: at("nowhere.php")}, "there is no file", false},
		{InstanceFiles{Variables: at("missing.env")}, "no such file", false},
		{InstanceFiles{Variables: at("writable.env")}, "chmod go-w " + at("writable.env"), true},
		{InstanceFiles{Variables: at("linked.env")}, "not a regular file", true},
		{InstanceFiles{Variables: at("broken.env")}, "cannot be parsed", true},
		{InstanceFiles{Variables: at("named.env"), Config: at("file.php")}, "remove one of the two", true},
	} {
		result := Reader{}.LoadInstance(t.Context(), test.files, process)
		require.ErrorContains(t, result.Err(), test.want, test.files)
		require.Equal(t, test.wrong, result.IsWrong, test.files)
	}
}

// TestInstanceWithoutItsFileKeepsTheLog has a file that cannot be read: that is to be logged as the process logs.
func TestInstanceWithoutItsFileKeepsTheLog(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.Symlink("nowhere", filepath.Join(folder, "a.env")))
	process := processWith(t, map[string]string{"INSTANCES": folder, "LOG": "info", "NO_ANSI": "true", "LOG_FORMAT": "json"}, nil)
	result := Reader{}.LoadInstance(t.Context(), InstanceFiles{Variables: filepath.Join(folder, "a.env")}, process)
	require.ErrorContains(t, result.Err(), "a.env")
	require.Equal(t, process.Settings.Log, result.Settings.Log)
}

// A folder that others may write to is refused: they could have logins sent to a Nextcloud of theirs.
func TestInstanceFolderIsNobodyElses(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.Chmod(folder, 0o755))
	require.NoError(t, CheckInstanceFolder(t.Context(), folder))
	require.NoError(t, os.Chmod(folder, 0o775))
	require.ErrorContains(t, CheckInstanceFolder(t.Context(), folder), "group or others may write it")
	require.ErrorContains(t, CheckInstanceFolder(t.Context(), filepath.Join(folder, "x")), "no such file")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "file"), nil, 0o600))
	require.ErrorContains(t, CheckInstanceFolder(t.Context(), filepath.Join(folder, "file")), "is not a folder")
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(folder, 64998, 64998))
		require.ErrorContains(t, CheckInstanceFolder(t.Context(), folder), "belongs to another user")
	}
}

// TestRootHidesItsVariablesFromInstances has another user's config.php look for variables of the process, where it is evaluated and where PHP is
// asked: it sees those of its own NAME.env.
func TestRootHidesItsVariablesFromInstances(t *testing.T) {
	s := newOfRoot(t)
	t.Setenv("HOSTING_SECRET", "of the process")
	s.write(s.config, `<?php $CONFIG = ['overwrite.cli.url' => 'https://x', 'dbtype' => 'sqlite3', 'redis' => ['host' => 'r', 'password' => getenv('HOSTING_SECRET') . getenv('HOSTING_OWN')]];`, 0o644)
	s.give(s.config)
	folder := writeFolder(t, map[string]string{"x.env": "HOSTING_OWN=own\nCONFIG_FILE=" + s.config + "\n"})
	process := Load(t.Context(), "", Given{"instances": {folder}}, os.LookupEnv)
	require.NoError(t, process.Err())
	from := InstanceFiles{Variables: filepath.Join(folder, "x.env")}
	result := testReader.LoadInstance(t.Context(), from, process)
	require.NoError(t, result.Err())
	require.Equal(t, "64998", result.ReadAs)
	require.Equal(t, "own", result.Settings.Redis.Password.Reveal())

	if _, err := exec.LookPath("php"); err != nil && os.Getenv("REQUIRE_SERVICES") == "" {
		t.Skip("there is no php")
	}
	s.write(s.config, `<?php $CONFIG = ['overwrite.cli.url' => 'https://x', 'dbtype' => 'sqlite3', 'redis' => ['host' => 'r', 'password' => trim(shell_exec('echo $HOSTING_SECRET$HOSTING_OWN'))]];`, 0o644)
	s.give(s.config)
	result = testReader.LoadInstance(t.Context(), from, process)
	require.NoError(t, result.Err())
	require.Equal(t, "own", result.Settings.Redis.Password.Reveal())
}
