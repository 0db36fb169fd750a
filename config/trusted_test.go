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
	}{
		"list":         {`$CONFIG = ['trusted_proxies' => ['10.0.0.1', '172.16.0.0/12']];`, []string{"10.0.0.1", "172.16.0.0/12"}},
		"numbered":     {`$CONFIG = ['trusted_proxies' => [3 => '10.0.0.1', 7 => 'fd00::1']];`, []string{"10.0.0.1", "fd00::1"}},
		"none":         {`$CONFIG = [];`, []string{}},
		"null":         {`$CONFIG = ['trusted_proxies' => null];`, []string{}},
		"text":         {`$CONFIG = ['trusted_proxies' => '10.0.0.1'];`, []string{}},
		"unknown":      {`$CONFIG = ['trusted_proxies' => [nobody_knows()]];`, nil},
		"broken":       {`$CONFIG = [`, nil},
		"of a comment": {`$CONFIG = []; // 'trusted_proxies' => ['10.0.0.1']`, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.php")
			require.NoError(t, os.WriteFile(path, []byte("<?php\n"+test.source+"\n"), 0o600))
			yes := "true"
			result := Load(t.Context(), Flags{ConfigFile: path, NoPHP: &yes}, func(string) (string, bool) { return "", false })
			require.Equal(t, test.want, result.Settings.NextcloudTrustedProxies)
		})
	}
	none := Load(t.Context(), Flags{}, func(string) (string, bool) { return "", false })
	require.Nil(t, none.Settings.NextcloudTrustedProxies)
	require.Nil(t, none.Settings.NextcloudTrustedDomains)
}
