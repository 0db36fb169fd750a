package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTrustedProxiesAndDomainsOfConfig(t *testing.T) {
	for name, test := range map[string]struct {
		source string
		want   []string // nil where it is not known
		next   int64
	}{
		"list":         {`$CONFIG = ['trusted_proxies' => ['10.0.0.1', '172.16.0.0/12']];`, []string{"10.0.0.1", "172.16.0.0/12"}, 2},
		"numbered":     {`$CONFIG = ['trusted_proxies' => [3 => '10.0.0.1', 7 => 'fd00::1']];`, []string{"10.0.0.1", "fd00::1"}, 8},
		"none":         {`$CONFIG = [];`, []string{}, 0},
		"null":         {`$CONFIG = ['trusted_proxies' => null];`, []string{}, 0},
		"text":         {`$CONFIG = ['trusted_proxies' => '10.0.0.1'];`, []string{}, 0},
		"unknown":      {`$CONFIG = ['trusted_proxies' => [nobody_knows()]];`, nil, 0},
		"broken":       {`$CONFIG = [`, nil, 0},
		"of a comment": {`$CONFIG = []; // 'trusted_proxies' => ['10.0.0.1']`, []string{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.php")
			require.NoError(t, os.WriteFile(path, []byte("<?php\n"+test.source+"\n"), 0o600))
			result := Load(t.Context(), path, Given{"no-php": {"true"}}, func(string) (string, bool) { return "", false })
			require.Equal(t, test.want, result.Settings.Instance.TrustedProxies.Texts)
			require.Equal(t, test.next, result.Settings.Instance.TrustedProxies.Next)
		})
	}
	none := Load(t.Context(), "", nil, func(string) (string, bool) { return "", false })
	require.Nil(t, none.Settings.Instance.TrustedProxies.Texts)
	require.Nil(t, none.Settings.Instance.TrustedDomains.Texts)
}

// Whom Nextcloud trusts is believed here, too, unless the operator says it here.
func TestTrustedProxies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.php")
	require.NoError(t, os.WriteFile(path, []byte("<?php\n$CONFIG = ['trusted_proxies' => ['10.0.0.1', 'proxy', 'fd00::/8', '192.0.2.7/24']];\n"), 0o600))
	for name, test := range map[string]struct {
		file, variable string
		want           []string
		private        bool
		source         string
	}{
		"of config.php":   {path, "", []string{"10.0.0.1/32", "fd00::/8", "192.0.2.7/24"}, true, "config.php:2"},
		"of nobody":       {"", "", nil, true, SourceDefault},
		"of the operator": {path, "203.0.113.9, 10.0.0.0/8", []string{"203.0.113.9/32", "10.0.0.0/8"}, false, "env TRUSTED_PROXIES"},
	} {
		t.Run(name, func(t *testing.T) {
			result := Load(t.Context(), test.file, Given{"no-php": {"true"}}, func(name string) (string, bool) {
				return test.variable, name == "TRUSTED_PROXIES" && test.variable != ""
			})
			websocket := result.Settings.Websocket
			var got []string
			for _, prefix := range websocket.TrustedProxies {
				got = append(got, prefix.String())
			}
			require.Equal(t, test.want, got)
			require.Equal(t, test.private, websocket.PrivateProxies)
			require.Equal(t, test.source, result.Report(false).Settings["trusted_proxies"].Source)
		})
	}
}
