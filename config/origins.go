package config

import (
	"strings"

	"github.com/notifypush/notifypush/transport"
)

// localNames always pass in Nextcloud.
var localNames = []string{"localhost", "127.0.0.1", "[::1]"}

// loadAllowedOrigins admits the pages that Nextcloud can have, and any page where it is not known which these are.
func (l *loader) loadAllowedOrigins(n *nextcloudConfig) {
	const flag, name = "allowed-origins", "allowed_origins"
	if l.find(flag) != nil {
		l.read(flag)
		return
	}
	l.result.AnyOrigin = n.originsUnknown(l.result.Settings.Instance.TrustedDomains)
	if l.result.AnyOrigin == "" {
		l.result.Sources[name] = n.source("trusted_domains")
	}
	allowed := transport.AllowedOrigins{Hosts: n.pageHosts(l.result.Settings), LogOnly: l.result.AnyOrigin != ""}
	l.result.Settings.Websocket.AllowedOrigins, l.result.values[name] = allowed, allowed
}

// originsUnknown says why it is not known at which names Nextcloud's pages are; empty where it is.
func (n *nextcloudConfig) originsUnknown(trustedDomains List) string {
	_, isUnknown := n.unknown["overwritehost"]
	switch {
	case trustedDomains.Texts == nil || isUnknown:
		return "trusted_domains of Nextcloud's config.php is not known"
	case n.optional("overwritehost") != "" && n.optional("overwritecondaddr") != "":
		return "with overwritehost and overwritecondaddr, Nextcloud answers at any name"
	}
	return ""
}

// pageHosts are the hosts at which Nextcloud's pages are. With overwritehost it does not look at trusted_domains, but sends
// browsers there.
func (n *nextcloudConfig) pageHosts(s Settings) []string {
	hosts := append([]string{}, s.Instance.TrustedDomains.Texts...)
	hosts = append(hosts, hostOf(s.Nextcloud.BaseURL), hostOf(n.optional("overwrite.cli.url")), hostOf(n.optional("overwritehost")))
	hosts = append(hosts, localNames...)
	var distinct []string
	known, wildcards := map[string]bool{"": true}, 0
	for _, host := range hosts {
		if strings.Contains(host, "*") {
			wildcards++
		}
		if !known[host] && len(host) <= maxHost && (wildcards <= maxWildcards || !strings.Contains(host, "*")) {
			known[host] = true
			distinct = append(distinct, host)
		}
	}
	return distinct
}

// maxHost is how long a host can be, with its port, and maxWildcards how many patterns count: each is compiled, and config.php may be that of
// somebody who shares this process with others.
const maxHost, maxWildcards = 260, 1000
