package config

import (
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config/php"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/transport"
	"github.com/notifypush/notifypush/transport/monitor"
)

// Report is what `check --offline --json` prints of a result.
type Report struct {
	Settings map[string]Setting `json:"settings"`
	Unknown  []php.Unknown      `json:"unknown"`
	Warnings []string           `json:"warnings"`
	Errors   []string           `json:"errors"`
}

// Setting is one setting's value and where it came from.
type Setting struct {
	Value  any    `json:"value"` // made of what JSON knows; nil when it is unset, or has no usable value
	Source string `json:"source"`
}

// Report makes the report. Secrets are *** in it, unless they are to be shown.
func (r *Result) Report(showSecrets bool) Report {
	report := Report{
		Settings: map[string]Setting{},
		Unknown:  append([]php.Unknown{}, r.Unknown...),
		Warnings: append([]string{}, r.Warnings...),
		Errors:   append([]string{}, r.Errors...),
	}
	mask := func(secret actors.Secret) string {
		if secret == "" || showSecrets {
			return secret.Reveal()
		}
		return secret.String()
	}
	report.Settings["config_file"] = Setting{Source: SourceDefault}
	for name, source := range r.Sources {
		reported := Setting{Source: source}
		if r.failed[name] == nil {
			reported.Value = plain(r.values[name], mask)
		}
		report.Settings[name] = reported
	}
	return report
}

// plain turns a value into what JSON knows: durations into seconds, permissions and levels into text. An empty text that nobody gave is nil.
func plain(value any, mask func(actors.Secret) string) any {
	switch v := value.(type) {
	case *string:
		return *v
	case string:
		if v == "" {
			return nil
		}
	case time.Duration:
		return v.Seconds()
	case fs.FileMode:
		return fmt.Sprintf("%04o", v)
	case []netip.Prefix:
		prefixes := []any{}
		for _, prefix := range v {
			prefixes = append(prefixes, prefix.String())
		}
		return prefixes
	case transport.AllowedOrigins:
		if v.LogOnly {
			return []any{"*"}
		}
		return list(v.Hosts)
	case monitor.Hosts:
		return list(v)
	case HostNames:
		return list(v)
	case storage.DatabaseOptions:
		return plainDatabase(v, mask)
	case storage.RedisOptions:
		return plainRedis(v, mask)
	case actors.Secret:
		return mask(v)
	case fmt.Stringer:
		return v.String()
	}
	return value
}

// isSecretName reports whether what an option is called says that its value is a secret.
func isSecretName(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"pass", "pwd", "secret", "key", "token"}, func(word string) bool { return strings.Contains(name, word) })
}

func plainDatabase(d storage.DatabaseOptions, mask func(actors.Secret) string) any {
	options := map[string]string{}
	for name, value := range d.Options {
		if isSecretName(name) {
			value = mask(actors.Secret(value))
		}
		options[name] = value
	}
	return map[string]any{
		"driver": d.Driver, "host": d.Host, "port": d.Port, "socket": d.Socket, "hosts": list(d.Hosts),
		"user": d.User, "password": mask(d.Password), "name": d.Name, "path": d.Path, "options": options,
		"tls": map[string]any{
			"mode": d.TLS.Mode, "ca": d.TLS.CA, "capath": d.TLS.CAPath, "cert": d.TLS.Cert, "key": d.TLS.Key, "cipher": d.TLS.Cipher, "crl": d.TLS.CRL,
		},
	}
}

func plainRedis(r storage.RedisOptions, mask func(actors.Secret) string) any {
	mode := "single"
	if r.Cluster {
		mode = "cluster"
	}
	return map[string]any{
		"mode": mode, "addresses": list(r.Addresses), "user": r.User, "password": mask(r.Password), "database": r.Database,
		"tls": map[string]any{
			"ca": r.TLS.CA, "capath": r.TLS.CAPath, "cert": r.TLS.Cert, "key": r.TLS.Key, "passphrase": mask(r.TLS.Passphrase),
			"verify_peer": !r.TLS.SkipVerifyPeer, "verify_name": !r.TLS.SkipVerifyName, "allow_self_signed": r.TLS.AllowSelfSigned,
			"server_name": r.TLS.ServerName,
		},
	}
}

func list(texts []string) []any {
	elements := []any{}
	for _, text := range texts {
		elements = append(elements, text)
	}
	return elements
}
