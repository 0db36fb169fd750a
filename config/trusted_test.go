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
