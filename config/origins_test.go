package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/transport"
)

// The pages that may connect are those of Nextcloud, by its own settings; all where these are not known, and those of the flag where
// it is given.
func TestAllowedOrigins(t *testing.T) {
	many := List{Texts: []string{strings.Repeat("*", maxHost+1)}}
	for i := range 2 * maxWildcards {
		many.Texts = append(many.Texts, fmt.Sprintf("*.%d.example", i))
	}
	require.Len(t, (&nextcloudConfig{environment: environment{instance: map[string]string{}}}).pageHosts(Settings{Instance: Instance{TrustedDomains: many}}), maxWildcards-1+len(localNames), "they are bounded")

	here := []string{"localhost", "127.0.0.1", "[::1]"}
	url := map[string]string{"NEXTCLOUD_URL": "http://10.1.2.3:8080/nextcloud"}
	unknown := transport.AllowedOrigins{LogOnly: true}
	of := func(hosts ...string) transport.AllowedOrigins {
		return transport.AllowedOrigins{Hosts: append(hosts, here...)}
	}
	for name, test := range map[string]struct {
		text      string // of config.php; empty for none
		variables map[string]string
		want      transport.AllowedOrigins
		source    string
	}{
		"environment alone":             {"", url, unknown, "default"},
		"Nextcloud's":                   {"'trusted_domains' => ['cloud.example', '*.intern:8443'], 'overwrite.cli.url' => 'cloud.example'", nil, of("cloud.example", "*.intern:8443"), "config.php:1"},
		"its URL is another":            {"'trusted_domains' => ['a.example'], 'overwrite.cli.url' => 'https://b.example:444/nc'", url, of("a.example", "10.1.2.3", "b.example"), "config.php:1"},
		"none are trusted":              {"'overwrite.cli.url' => 'https://[2001:db8::1]/'", nil, of("[2001:db8::1]"), "default"},
		"overwritehost":                 {"'trusted_domains' => ['inner'], 'overwrite.cli.url' => 'http://inner', 'overwritehost' => 'cloud.example:443'", nil, of("inner", "cloud.example"), "config.php:1"},
		"overwritehost for some":        {"'trusted_domains' => ['inner'], 'overwritehost' => 'cloud.example', 'overwritecondaddr' => '^10'", url, unknown, "default"},
		"overwritehost is not known":    {"'trusted_domains' => ['inner'], 'overwritehost' => mystery()", url, unknown, "default"},
		"trusted_domains are not known": {"'trusted_domains' => mystery()", url, unknown, "default"},
		"the flag's":                    {"'trusted_domains' => ['cloud.example']", map[string]string{"NEXTCLOUD_URL": "http://a", "ALLOWED_ORIGINS": "https://b.example, *.c.example"}, transport.AllowedOrigins{Hosts: []string{"https://b.example", "*.c.example"}, OnlyHosts: true}, "env ALLOWED_ORIGINS"},
	} {
		t.Run(name, func(t *testing.T) {
			path := ""
			if test.text != "" {
				path = filepath.Join(t.TempDir(), "config.php")
				require.NoError(t, os.WriteFile(path, []byte("<?php $CONFIG = ["+test.text+"];"), 0o600))
			}
			result := loadWith(t, path, test.variables)
			allowed := result.Settings.Websocket.AllowedOrigins
			require.Equal(t, test.want.LogOnly, allowed.LogOnly)
			if !allowed.LogOnly {
				require.Equal(t, test.want, allowed)
			}
			require.Equal(t, test.source, result.Sources["allowed_origins"])
			require.Equal(t, plain(test.want, nil), result.Report(false).Settings["allowed_origins"].Value)
			require.Equal(t, test.want.LogOnly, result.AnyOrigin != "")
		})
	}
}

// What a file beside config.php would trust is not known when it cannot be read: nobody is refused by the rest.
func TestAllowedOriginsOfABrokenFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "config.php")
	require.NoError(t, os.WriteFile(path, []byte("<?php $CONFIG = ['trusted_domains' => ['a.example']];"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "more.config.php"), []byte("<?php $CONFIG = ["), 0o600))
	require.True(t, loadWith(t, path, nil).Settings.Websocket.AllowedOrigins.LogOnly)
}
