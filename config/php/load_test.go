package php_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/config/php"
)

// TestLoadHostile resolves all settings from what means harm. Neither work nor memory nor what is reported is without end.
func TestLoadHostile(t *testing.T) {
	for name, content := range php.Hostile {
		t.Run(name, func(t *testing.T) {
			path := php.WriteConfig(t, content)
			var result *config.Result
			allocated := php.Measure(func() {
				result = config.Load(context.Background(), path, config.Given{"no-php": {"true"}}, func(string) (string, bool) { return "", false })
			})
			php.RequireAllocated(t, allocated, uint64(php.DefaultMemory), "bytes")
			require.Less(t, len(result.Warnings), 120)
		})
	}
}
