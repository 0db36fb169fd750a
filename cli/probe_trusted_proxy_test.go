package cli

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/transport/nextcloud"
)

// TestNoAdviceToTrustWhatIsTrusted compares addresses where Nextcloud was not asked.
func TestNoAdviceToTrustWhatIsTrusted(t *testing.T) {
	settings := config.Settings{Instance: config.Instance{TrustedProxies: config.List{Texts: []string{"127.0.0.0/8"}, Next: 1}}}
	advice := func(source string) string {
		return notAsked(settings, nextcloud.ServerStatus{Source: netip.MustParseAddr(source)}, "").Advice
	}
	require.NotContains(t, advice("127.0.0.1"), "trusted_proxies")
	require.Contains(t, advice("10.0.0.1"), "config:system:set trusted_proxies 1 --value=10.0.0.1")
}
