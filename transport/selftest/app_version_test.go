package selftest

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/stretchr/testify/require"
)

func TestSpokenVersion(t *testing.T) {
	info := filepath.Join(t.TempDir(), "info.xml")
	require.NoError(t, os.WriteFile(info, []byte(appInfo("1.3.1")), 0o600))
	future := filepath.Join(t.TempDir(), "info.xml")
	require.NoError(t, os.WriteFile(future, []byte(appInfo("2.0.0")), 0o600))
	for _, test := range []struct {
		name  string
		app   string // the version that the app writes to Redis, "" for a Nextcloud that fails
		infos []string
		want  string
	}{
		{"the app's", "1.4.7", nil, "1.4.7"},
		{"the app's before the file's", "1.4.7", []string{info}, "1.4.7"},
		{"a later app of the same protocol", "1.17.0", nil, "1.17.0"},
		{"an app of another protocol", "2.0.0", nil, protocolVersion},
		{"the file's while Nextcloud is away", "", []string{info}, "1.3.1"},
		{"the first file that can be read", "", []string{"/nowhere/info.xml", info, future}, "1.3.1"},
		{"a file of another protocol", "", []string{future}, protocolVersion},
		{"nothing is known", "", nil, protocolVersion},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := &keys{values: map[string]string{keyTestToken: token}}
			answer := says(http.StatusServiceUnavailable, "")
			if test.app != "" {
				answer = (&app{k, test.app}).ServeHTTP
			}
			n := nextcloudAt(t, answer)
			url := serveSelfTest(t, Options{Keys: k, Nextcloud: n, Version: NewAppVersion(k, n, test.infos)})
			require.Equal(t, "set", testkit.Request(t, "POST", url+"/test/version", "token", token).Body)
			require.Equal(t, test.want, k.values[keyVersion])
		})
	}
}

func TestUpdatedApp(t *testing.T) {
	k := &keys{values: map[string]string{}}
	a := &app{k, "1.4.0"}
	version := NewAppVersion(k, nextcloudAt(t, a.ServeHTTP), nil)
	require.NoError(t, version.Learn(t.Context()))
	require.Equal(t, "1.4.0", version.Spoken(t.Context()))
	a.version = "1.5.0"
	require.Equal(t, "1.5.0", version.Spoken(t.Context()))
	k.broken = errors.New("away")
	a.version = "1.6.0"
	require.Equal(t, "1.5.0", version.Spoken(t.Context()), "what was learned last")
}

func TestLearn(t *testing.T) {
	t.Run("an old version is forgotten", func(t *testing.T) {
		k := &keys{values: map[string]string{keyAppVersion: "1.0.0"}}
		version := NewAppVersion(k, nextcloudAt(t, says(200, "")), nil)
		require.ErrorContains(t, version.Learn(t.Context()), "there is no notify_push_app_version")
		require.Equal(t, protocolVersion, version.Spoken(t.Context()))
	})
	t.Run("Nextcloud is away", func(t *testing.T) {
		k := &keys{values: map[string]string{}}
		version := NewAppVersion(k, nextcloudAt(t, says(503, "")), nil)
		require.EqualError(t, version.Learn(t.Context()), "ask Nextcloud for the app's version: Nextcloud answered 503 Service Unavailable")
	})
	t.Run("Redis is away", func(t *testing.T) {
		k := &keys{broken: errors.New("refused")}
		version := NewAppVersion(k, nextcloudAt(t, says(200, "")), nil)
		require.EqualError(t, version.Learn(t.Context()), "delete the app's old version from Redis: refused")
	})
}

func TestAppInfoFiles(t *testing.T) {
	root := t.TempDir()
	lay := func(folder string) string {
		file := filepath.Join(root, folder, "notify_push", "appinfo", "info.xml")
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(appInfo("1.4.2")), 0o600))
		return file
	}
	config := filepath.Join(root, "config", "config.php")
	require.Empty(t, AppInfoFiles(config))
	require.Empty(t, AppInfoFiles(""))
	other := lay("store")
	require.Equal(t, []string{other}, AppInfoFiles(config))
	shipped := lay("apps")
	require.Equal(t, shipped, AppInfoFiles(config)[0])
	custom := lay("custom_apps")
	require.Equal(t, custom, AppInfoFiles(config)[0])
}

func TestReadAppInfo(t *testing.T) {
	for _, test := range []struct{ name, content, version, err string }{
		{"an app's", appInfo("1.4.2"), "1.4.2", ""},
		{"no version", "<info><name>x</name></info>", "", "holds no version"},
		{"not XML", "1.4.2", "", "EOF"},
		{"half of it", "<info><version>1.4", "", "unexpected EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "info.xml")
			require.NoError(t, os.WriteFile(file, []byte(test.content), 0o600))
			version, err := readAppInfo(file)
			require.Equal(t, test.version, version)
			if test.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.err)
			require.ErrorContains(t, err, file)
		})
	}
}

// appInfo is the info.xml of an app, as short as it gets.
func appInfo(version string) string {
	return `<?xml version="1.0"?>
<info xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
	<id>notify_push</id>
	<description><![CDATA[<version>0.0.0</version>]]></description>
	<version>` + version + `</version>
	<dependencies><nextcloud min-version="30" max-version="33"/></dependencies>
</info>`
}
