package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/paths"
)

// probePaths looks for sockets and files that check can see and a service of systemd usually cannot, because
// its unit hides the folders of users and has temporary folders of its own.
func probePaths(_ context.Context, result *config.Result, report func(finding)) {
	s := result.Settings
	used := []string{s.Database.Socket, s.Database.Path, s.Database.TLS.CA, s.Database.TLS.CAPath, s.Database.TLS.Cert, s.Database.TLS.Key, s.Database.TLS.CRL,
		s.Redis.TLS.CA, s.Redis.TLS.CAPath, s.Redis.TLS.Cert, s.Redis.TLS.Key,
		s.Nextcloud.CAFile, s.Listen.TLSCert, s.Listen.TLSKey, s.Listen.SocketPath, s.Monitor.SocketPath}
	for _, address := range s.Redis.Addresses {
		if path, isSocket := strings.CutPrefix(address, "unix://"); isSocket {
			used = append(used, path)
		}
	}
	var hidden, options []string
	for _, path := range used {
		if path == "" {
			continue
		}
		if option := paths.HiddenBy(path); option != "" {
			hidden, options = append(hidden, path), append(options, option+"=no")
		}
	}
	if len(hidden) == 0 {
		return
	}
	slices.Sort(options)
	report(finding{"paths", yellow, fmt.Sprintf("a unit of systemd hides %s from its service", strings.Join(hidden, ", ")),
		fmt.Sprintf("Write %s into the unit, or use other folders, such as one below /run.", strings.Join(slices.Compact(options), " and "))})
}
