package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// sample is what stands beside a configuration in testdata/config: how to read it, and what must come out. Of settings and their values, only
// what is named is compared. Warnings and errors are parts of the texts, all that there are when the list is there.
type sample struct {
	Flags    []string          `json:"flags"`
	Env      map[string]string `json:"env"`
	Settings map[string]any    `json:"settings"`
	Unknown  []any             `json:"unknown"`
	Warnings []string          `json:"warnings"`
	Errors   []string          `json:"errors"`
}

// checked is what check printed.
type checked struct {
	Settings map[string]any `json:"settings"`
	Unknown  []any          `json:"unknown"`
	Warnings []string       `json:"warnings"`
	Errors   []string       `json:"errors"`
}

func TestCheckSamples(t *testing.T) {
	root, err := filepath.Abs("../testdata/config")
	require.NoError(t, err)
	wanted, err := filepath.Glob(filepath.Join(root, "*", "*.json"))
	require.NoError(t, err)
	require.Greater(t, len(wanted), 160)
	for _, path := range wanted {
		base := strings.TrimSuffix(path, ".json")
		if filepath.Base(filepath.Dir(path)) == "php" {
			continue // belongs to the evaluator alone
		}
		t.Run(filepath.Base(filepath.Dir(path))+"/"+filepath.Base(base), func(t *testing.T) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			var want sample
			require.NoError(t, json.Unmarshal(text, &want))
			folder := copySample(t, base)
			got, status := check(t, folder, want)
			if want.Settings != nil {
				requireSubset(t, "settings", want.Settings, got.Settings)
			}
			if want.Unknown != nil {
				require.Len(t, got.Unknown, len(want.Unknown))
				requireSubset(t, "unknown", want.Unknown, got.Unknown)
			}
			requireTexts(t, want.Warnings, got.Warnings)
			requireTexts(t, want.Errors, got.Errors)
			require.Equal(t, len(got.Errors) > 0, status == 2, "exit status %d with errors %q", status, got.Errors)
		})
	}
}

// copySample lays the sample out as Nextcloud's folder config, and makes it the working directory.
func copySample(t *testing.T, base string) string {
	folder := t.TempDir()
	if _, err := os.Stat(base); err == nil {
		require.NoError(t, os.CopyFS(folder, os.DirFS(base)))
	} else {
		source, err := os.ReadFile(base + ".php")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, "config.php"), source, 0o600))
	}
	t.Chdir(folder)
	return folder
}

// check runs the command as from a shell with no other variables than the sample's.
func check(t *testing.T, folder string, how sample) (checked, int) {
	clearEnvironment(t)
	for name, value := range how.Env {
		t.Setenv(name, value)
	}
	var stdout, stderr bytes.Buffer
	arguments := append([]string{"check", "--offline", "--json", "--show-secrets"}, how.Flags...)
	status := Main(append(arguments, filepath.Join(folder, "config.php")), strings.NewReader(""), &stdout, &stderr)
	require.Empty(t, stderr.String())
	var got checked
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &got), stdout.String())
	return got, status
}

// clearEnvironment removes, for the length of the test, all variables but those that programs need to run.
func clearEnvironment(t *testing.T) {
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if name != "PATH" && name != "HOME" && name != "TMPDIR" {
			t.Setenv(name, value) // so that it is there again afterwards
			require.NoError(t, os.Unsetenv(name))
		}
	}
}

// requireSubset compares what want names: of maps only its keys, of everything else all.
func requireSubset(t *testing.T, where string, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		fields, isMap := got.(map[string]any)
		require.True(t, isMap, "%s is %v", where, got)
		for key, value := range want {
			require.Contains(t, fields, key, where)
			requireSubset(t, where+"."+key, value, fields[key])
		}
		if len(want) == 0 {
			require.Empty(t, fields, where)
		}
	case []any:
		elements, isList := got.([]any)
		require.True(t, isList, "%s is %v", where, got)
		require.Len(t, elements, len(want), where)
		for i := range want {
			requireSubset(t, where, want[i], elements[i])
		}
	default:
		require.Equal(t, want, got, where)
	}
}

func requireTexts(t *testing.T, want, got []string) {
	t.Helper()
	if want == nil {
		return
	}
	require.Len(t, got, len(want), "%q", got)
	for i := range want {
		require.Contains(t, got[i], want[i])
	}
}

func TestCheckMasksSecrets(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	clearEnvironment(t)
	t.Setenv("DATABASE_URL", "mysql://u:hunter2@db/nc")
	t.Setenv("REDIS_URL", "rediss://:hunter2@redis")
	t.Setenv("NEXTCLOUD_URL", "https://cloud.example.com")
	for _, arguments := range [][]string{{"check", "--offline", "--json"}, {"check", "--offline"}, {"--dump-config"}} {
		var stdout, stderr bytes.Buffer
		require.Zero(t, Main(arguments, strings.NewReader(""), &stdout, &stderr), stderr.String())
		require.NotContains(t, stdout.String()+stderr.String(), "hunter2")
		require.Contains(t, stdout.String(), "***")
		require.Contains(t, stdout.String(), "env DATABASE_URL")
	}
}

func TestCheckReadsSecretFiles(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	for name, text := range map[string]string{"db": "mysql://u:p@db/nc\n", "redis": " redis://:x@r:1\n", "password": "from file\n", "empty": "\n"} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	require.NoError(t, os.WriteFile("config.php", []byte("<?php $CONFIG = ['overwrite.cli.url' => 'x', 'redis' => ['host' => 'r', 'password' => 'php']];"), 0o600))
	password := func(got checked, setting string) any {
		return got.Settings[setting].(map[string]any)["value"].(map[string]any)["password"]
	}

	got, _ := check(t, folder, sample{Env: map[string]string{"DATABASE_URL_FILE": "db", "REDIS_URL_FILE": "redis"}})
	require.Empty(t, got.Errors)
	requireSubset(t, "settings", map[string]any{
		"database": map[string]any{"source": "env DATABASE_URL_FILE"},
		"redis":    map[string]any{"source": "env REDIS_URL_FILE", "value": map[string]any{"addresses": []any{"redis://r:1"}}},
	}, got.Settings)
	require.Equal(t, "p", password(got, "database"))
	require.Equal(t, "x", password(got, "redis"))

	got, _ = check(t, folder, sample{Env: map[string]string{"REDIS_PASSWORD_FILE": "password"}})
	require.Equal(t, "from file", password(got, "redis"))

	for name, reason := range map[string]string{"empty": "it is empty", "absent": "no such file"} {
		for _, variable := range []string{"DATABASE_URL_FILE", "REDIS_URL_FILE", "REDIS_PASSWORD_FILE"} {
			got, status := check(t, folder, sample{Env: map[string]string{variable: name}})
			require.Equal(t, 2, status)
			require.Len(t, got.Errors, 1)
			require.Contains(t, got.Errors[0], "env "+variable)
			require.Contains(t, got.Errors[0], reason)
		}
	}
}

func TestCheckWithoutConfigFile(t *testing.T) {
	t.Chdir(t.TempDir())
	clearEnvironment(t)
	var stdout, stderr bytes.Buffer
	require.Equal(t, 2, Main([]string{"check", "--offline"}, strings.NewReader(""), &stdout, &stderr))
	require.Contains(t, stdout.String(), "error: no database is known: give the path of config.php, or --database-url or DATABASE_URL")
	require.Contains(t, stdout.String(), "error: the URL of Nextcloud is not known: give the path of config.php, or --nextcloud-url or NEXTCLOUD_URL")
}

// An unreadable main file is survived when nothing from it is needed.
func TestCheckMissingConfigFile(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	got, status := check(t, folder, sample{})
	require.Equal(t, 2, status)
	require.Contains(t, strings.Join(got.Errors, "\n"), "config.php")
	got, status = check(t, folder, sample{Flags: []string{"--database-url=sqlite:/x.db", "--redis-url=redis://r", "--nextcloud-url=https://n"}})
	require.Zero(t, status)
	require.Empty(t, got.Errors)
	requireTexts(t, []string{"config.php", "the prefix of tables is taken to be oc_"}, got.Warnings)
}

func TestVersionIsOneLine(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Zero(t, Main([]string{"--version"}, strings.NewReader(""), &stdout, &stderr))
	require.Regexp(t, `^notify_push [0-9][^\n]*\n$`, stdout.String())
	require.Empty(t, stderr.String())
}

func TestVersionNamesTheCommit(t *testing.T) {
	revision := []debug.BuildSetting{{Key: "vcs.revision", Value: "f64d1558c4bd665c6e1d7eb73534b98725ad5164"}}
	for want, build := range map[string]*debug.BuildInfo{
		"0.1.0":                             {Main: debug.Module{Version: "v0.1.0"}, Settings: revision},
		"0.0.0-20261129120201-f64d1558c4bd": {Main: debug.Module{Version: "v0.0.0-20261129120201-f64d1558c4bd"}},
		"0.0.0-f64d1558c4bd":                {Main: debug.Module{Version: "(devel)"}, Settings: revision},
		"0.0.0":                             {Main: debug.Module{Version: "(devel)"}},
	} {
		require.Equal(t, want, versionOf(build))
	}
	require.Equal(t, "0.0.0", versionOf(nil))
}

func TestCommandLineErrorsNameTheHelpOfTheirCommand(t *testing.T) {
	for arguments, help := range map[string]string{
		"--bogus":              "see notify_push --help",
		"--port":               "see notify_push --help",
		"check a b":            "see notify_push check --help",
		"listen":               "see notify_push listen --help",
		"send":                 "see notify_push send --help",
		"send custom":          "see notify_push send custom --help",
		"healthcheck config":   "see notify_push healthcheck --help",
		"loadtest --clients x": "see notify_push loadtest --help",
	} {
		got := command(t.Context(), "", strings.Fields(arguments)...)
		require.Equal(t, 2, got.status, arguments)
		require.Contains(t, got.stderr, help)
	}
}

func TestHelpAndVersionAreCommandsToo(t *testing.T) {
	require.Equal(t, command(t.Context(), "", "--help"), command(t.Context(), "", "help"))
	require.Equal(t, command(t.Context(), "", "send", "custom", "--help"), command(t.Context(), "", "help", "send", "custom"))
	require.Equal(t, command(t.Context(), "", "--version"), command(t.Context(), "", "version"))
	require.Contains(t, command(t.Context(), "", "help").stdout, "Usage: notify_push <command>")
}

// Scripts ask for these.
func TestHelpNamesExitStatuses(t *testing.T) {
	for _, name := range []string{"serve", "check", "listen", "send", "loadtest", "healthcheck"} {
		require.Contains(t, command(t.Context(), "", name, "--help").stdout, "Exit status: 0", name)
	}
}

func TestConfigFileThatCannotBeReadIsReportedOnce(t *testing.T) {
	clearEnvironment(t)
	folder := t.TempDir()
	t.Chdir(folder)
	for argument, want := range map[string]string{
		"chekc":     "there is no command chekc, nor a file of that name; commands are serve, demo, loadtest, check, listen, send, doctor, status, clients, healthcheck",
		folder:      folder + " is a folder; give the path of the config.php in it",
		"/dev/null": "/dev/null is not a regular file",
	} {
		got := command(t.Context(), "", argument)
		require.Equal(t, 2, got.status)
		require.Contains(t, got.stderr, want)
		require.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
	}
	asked, end := context.WithCancel(t.Context()) // to end
	end()
	got := command(asked, "", "config.php")
	require.Zero(t, got.status, "a file that is not there yet may be on a volume that is mounted later")
	require.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
	require.Contains(t, got.stderr, "waiting for the configuration")
	require.Contains(t, got.stderr, "there is no file "+filepath.Join(folder, "config.php")+"; give the path of Nextcloud's config.php")

	got = command(t.Context(), "", "check", "nope.php")
	require.Equal(t, 2, got.status)
	require.Equal(t, 1, strings.Count(got.stdout, "there is no file"), got.stdout)
	require.Contains(t, got.stdout, "The server cannot start with these settings.")
}

// A process of another user, where this one is root's, whom nothing can be kept from.
func TestConfigFileOfAnotherUser(t *testing.T) {
	folder, err := os.MkdirTemp("", "config")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	require.NoError(t, os.Chmod(folder, 0o755))
	path := filepath.Join(folder, "config.php")
	require.NoError(t, os.WriteFile(path, []byte("<?php $CONFIG = [];"), 0o000))
	self, err := os.Executable()
	require.NoError(t, err)
	if os.Geteuid() == 0 {
		self = "/proc/self/exe" // in a folder that the other user may not look into
	}
	notify := exec.CommandContext(t.Context(), self, path)
	notify.Dir = folder
	notify.Env = []string{asProgram}
	user := strconv.Itoa(os.Geteuid())
	owner := user
	if os.Geteuid() == 0 {
		user, owner = "64999", "64998"
		notify.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 64999, Gid: 64999}}
		require.NoError(t, os.Chown(path, 64998, 64998))
	} else if known, err := osuser.Current(); err == nil {
		user, owner = known.Username, known.Username
	}
	output, err := notify.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, notify.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "waiting for the configuration")
	require.Contains(t, line, "user "+user+" may not read "+path)
	require.Contains(t, line, "sudo -u "+owner)
	require.NoError(t, notify.Process.Signal(syscall.SIGTERM))
	require.NoError(t, notify.Wait())
}

func TestCheckShowsWhatIsNotDefault(t *testing.T) {
	clearEnvironment(t)
	t.Chdir(t.TempDir())
	got := command(t.Context(), "", "check", "--offline", "--nextcloud-url=n", "--database-url=sqlite:/x.db", "--auth-max-age=90m", "--no-resync", "--database-prefix=nc_")
	require.Zero(t, got.status, got.stderr)
	require.Regexp(t, `(?m)^nextcloud_url +https://n/ +flag --nextcloud-url$`, got.stdout)
	require.Regexp(t, `(?m)^auth_max_age +1h30m +flag --auth-max-age$`, got.stdout)
	require.Regexp(t, `(?m)^database_prefix +nc_ +flag --database-prefix$`, got.stdout)
	require.Regexp(t, `(?m)^resync +false +flag --resync$`, got.stdout)
	require.Regexp(t, `(?m)^redis.addresses +redis://127.0.0.1:6379 +default$`, got.stdout)
	require.NotContains(t, got.stdout, "socket_permissions")
	require.Contains(t, got.stdout, "--json shows them")
	require.Contains(t, got.stdout, "The server can start with these settings; nothing was tried.")

	dumped := command(t.Context(), "", "--dump-config", "--auth-max-age=90m", "--trusted-proxies=10.0.0.7").stdout
	require.Regexp(t, `(?m)^socket_permissions +0660 +default$`, dumped)
	require.Regexp(t, `(?m)^trusted_proxies +10.0.0.7/32 +flag --trusted-proxies$`, dumped)
	require.Regexp(t, `(?m)^auth_cache_ttl +1m +default$`, dumped)
}

func TestCheckSumsUp(t *testing.T) {
	for _, test := range []struct {
		statuses []status
		want     string
	}{
		{[]status{green, green}, "All is green."},
		{[]status{green, yellow}, "1 yellow: push works"},
		{[]status{red, yellow, red}, "2 red, 1 yellow: push will not work"},
	} {
		var report checkReport
		for _, s := range test.statuses {
			report.Probes = append(report.Probes, finding{Status: s})
		}
		require.Contains(t, report.summary(false), test.want)
	}
}

// Start commands that operators and the app's setup wizard use for the daemon that this server replaces.
func TestStartCommands(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	clearEnvironment(t)
	source := "<?php $CONFIG = ['overwrite.cli.url' => 'https://x', 'dbtype' => 'sqlite', 'redis' => []];"
	for _, name := range []string{"config.php", "check"} {
		require.NoError(t, os.WriteFile(name, []byte(source), 0o600))
	}
	for _, arguments := range [][]string{
		{"config.php", "--port", "7900"}, {"--port", "7900", "config.php"}, {"-p", "7900", "config.php"}, {"-p7900", "config.php"},
		{"config.php", "--port=7900", "--glob-config", "--allow-self-signed", "-m", "9100"}, {"./check", "--port", "7900"},
		{"serve", "check", "--port", "7900"},
	} {
		var stdout, stderr bytes.Buffer
		require.Zero(t, Main(append(arguments, "--dump-config"), strings.NewReader(""), &stdout, &stderr), "%q: %s", arguments, stderr.String())
		require.Regexp(t, `(?m)^port +7900 +flag --port$`, stdout.String())
		require.Regexp(t, `(?m)^nextcloud_url +https://x/ +(config\.php|check):1$`, stdout.String())
	}
}
