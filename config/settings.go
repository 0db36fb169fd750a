// Package config fills the options of the server's parts from the command line, the environment and Nextcloud's config.php, and remembers
// where each value came from.
//
// The order is flag, then environment variable (a .env file in the working directory counts as environment), then config.php, then default.
// What Nextcloud can read and connect with, this package resolves to the same values.
//
// A setting is declared once: by a field of a part's options, with tags that package internal/setting describes. The flags of the command
// line, --help, the report of check and docs/configuration.md are made from these. What config.php has a word in, or several settings have,
// is filled by a function of its own in load.go.
package config

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/setting"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/transport"
	"github.com/notifypush/notifypush/transport/monitor"
	"github.com/notifypush/notifypush/transport/nextcloud"
)

//go:generate env UPDATE_DOCS=1 go test -run TestDocumentation .

// Settings is what the server runs with: the options of its parts.
type Settings struct {
	ConfigFile string // empty when none was given
	Reading    ReadingOptions
	Instance   Instance

	Nextcloud nextcloud.Options
	Database  storage.DatabaseOptions `flag:"database-url" name:"database" scope:"instance" env:"DATABASE_URL" placeholder:"URL" group:"Database" help:"postgres://, postgresql://, mysql:// or sqlite: URL. Otherwise the database of config.php. DATABASE_URL_FILE names a file that holds it."`
	Redis     storage.RedisOptions    `flag:"redis-url" name:"redis" scope:"instance" env:"REDIS_URL" grammar:"urls" placeholder:"URL" group:"Redis" help:"redis://, rediss://, redis+unix:// or unix:// URL. Given several times, or as a list with commas, the nodes of a cluster. Otherwise notify_push_redis, redis.cluster or redis of config.php. REDIS_URL_FILE names a file that holds it, REDIS_PASSWORD_FILE one with the password alone."`
	Listen    transport.ListenOptions
	Monitor   monitor.Options
	Websocket transport.WebsocketOptions
	Actors    actors.Options
	Fleet     FleetOptions
	Hosting   HostingOptions
	Log       LogOptions
}

// FleetOptions say whether this server is one of several, and how it leaves them.
type FleetOptions struct {
	Off bool `flag:"fleet" env:"FLEET" default:"true" negated:"true" group:"Redis" help:"Share logins, tokens, limits, mounts and counters with other push servers of the same Nextcloud, where its secret is known."`
	// LameDuck is how long the port stays open after the server was asked to end.
	LameDuck time.Duration `flag:"lame-duck" scope:"process" env:"LAME_DUCK" default:"0" placeholder:"TIME" group:"Listening" help:"How long the server goes on after SIGTERM before it closes its port, while /readyz?for=balancer says already that newcomers go elsewhere: as long as a load balancer takes to notice."`
}

// ReadingOptions say how Nextcloud's configuration is read.
type ReadingOptions struct {
	Glob  bool `flag:"glob-config" env:"GLOB_CONFIG" default:"true" group:"Nextcloud" help:"Read the *.config.php beside config.php, as Nextcloud does."`
	NoPHP bool `flag:"no-php" env:"NO_PHP" default:"false" group:"Nextcloud" help:"Never run php for a needed key of config.php that cannot be evaluated here."`
}

// Instance is what config.php says of Nextcloud itself.
type Instance struct {
	ID                  string        // instanceid, empty when it is not known
	Secret              actors.Secret // empty when it is not known. Digests that outlive the process are keyed with it
	TrustedDomains      List
	TrustedProxies      List
	ForwardedForHeaders List
	Hosts               []string // by which browsers and apps call it, with wildcards, without the names of every machine
}

// List is an array of texts in config.php.
type List struct {
	Texts []string // nil when they are not known
	Next  int64    // the first number after those that the elements have, by which `occ config:system:set` adds one
}

// Prefixes are the IP addresses and ranges among the texts; Nextcloud compares with nothing else.
func (l List) Prefixes() (prefixes []netip.Prefix) {
	for _, text := range l.Texts {
		if prefix, err := setting.ParsePrefix(text); err == nil {
			prefixes = append(prefixes, prefix)
		}
	}
	return prefixes
}

// LogOptions say how much is logged, and how it looks.
type LogOptions struct {
	Level  LogLevel `flag:"log-level" reload:"true" env:"LOG" default:"warn" placeholder:"SPEC" group:"Logs" help:"A level, or target=level,...; levels are error, warn, info, debug, trace and off."`
	Format string   `flag:"log-format" scope:"process" env:"LOG_FORMAT" default:"console" grammar:"console or json" placeholder:"FORMAT" group:"Logs" help:"console or json."`
	NoANSI bool     `flag:"no-ansi" scope:"process" env:"NO_ANSI" default:"false" group:"Logs" help:"No colours in logs."`
}

// Given is what a command line gave: by flag, the texts.
type Given map[string][]string

// Declarations are all settings, in the order of their groups.
func Declarations() []setting.Field {
	declared := slices.Collect(setting.Fields(&Settings{}))
	groups := []string{"Nextcloud", "Database", "Redis", "Listening", "Pushes", "Logins", "Limits", "Several Nextclouds", "Logs"}
	slices.SortStableFunc(declared, func(a, b setting.Field) int {
		return cmp.Compare(slices.Index(groups, a.Group), slices.Index(groups, b.Group))
	})
	return declared
}
