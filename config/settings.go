// Package config resolves the server's settings from the command line, the environment and Nextcloud's config.php into one plain struct,
// and remembers where each came from.
//
// The order is flag, then environment variable (a .env file in the working directory counts as environment), then config.php, then default.
// What Nextcloud can read and connect with, this package resolves to the same values.
package config

import (
	"io/fs"
	"net/netip"
	"time"
)

//go:generate env UPDATE_DOCS=1 go test -run TestDocumentation .

// Flags declares every setting: its flag, variable, default and help. The command line fills it, and --help and docs/configuration.md are
// made from it. A nil field was not given. The texts are parsed by Load, so that every source has one grammar.
//
// Tags: name, short, help, placeholder, group and negatable mean what they mean to kong; variable is the environment variable and fallback
// the text that counts when no source gives one. The type switch takes a boolean.
type Flags struct {
	ConfigFile string `arg:"" optional:"" help:"Path of Nextcloud's config.php. The *.config.php beside it are read, too."`

	NextcloudURL       *string `name:"nextcloud-url" variable:"NEXTCLOUD_URL" placeholder:"URL" group:"Nextcloud" help:"Where Nextcloud is; it may be an address inside the network. Otherwise overwrite.cli.url of config.php."`
	NextcloudConnectTo *string `name:"nextcloud-connect-to" variable:"NEXTCLOUD_CONNECT_TO" placeholder:"HOST:PORT" group:"Nextcloud" help:"Dial this address, or the unix socket with this path, and keep the URL's name in Host and TLS. Spares the way out and back in through a router."`
	NextcloudCA        *string `name:"nextcloud-ca" variable:"NEXTCLOUD_CA" placeholder:"FILE" group:"Nextcloud" help:"PEM file of authorities to trust for Nextcloud, beside the system's."`
	AllowSelfSigned    *string `name:"allow-self-signed" variable:"ALLOW_SELF_SIGNED" fallback:"false" type:"switch" group:"Nextcloud" help:"Accept any certificate from Nextcloud."`
	UserAgent          *string `name:"user-agent" variable:"USER_AGENT" placeholder:"TEXT" group:"Nextcloud" help:"User-Agent of requests to Nextcloud. None is sent otherwise."`
	GlobConfig         *string `name:"glob-config" variable:"GLOB_CONFIG" fallback:"true" type:"switch" negatable:"" group:"Nextcloud" help:"Read the *.config.php beside config.php, as Nextcloud does."`
	NoPHP              *string `name:"no-php" variable:"NO_PHP" fallback:"false" type:"switch" group:"Nextcloud" help:"Never run php for a needed key of config.php that cannot be evaluated here."`

	DatabaseURL    *string `name:"database-url" variable:"DATABASE_URL" placeholder:"URL" group:"Database" help:"postgres://, postgresql://, mysql:// or sqlite: URL. Otherwise the database of config.php. DATABASE_URL_FILE names a file that holds it."`
	DatabasePrefix *string `name:"database-prefix" variable:"DATABASE_PREFIX" fallback:"oc_" placeholder:"TEXT" group:"Database" help:"What table names begin with; may be empty. Otherwise dbtableprefix of config.php."`

	RedisFlags
	Resync *string `name:"resync" variable:"RESYNC" fallback:"true" type:"switch" negatable:"" group:"Redis" help:"After Redis was away, tell every client once to look for what it may have missed."`

	Port *string `name:"port" short:"p" variable:"PORT" fallback:"7867" placeholder:"PORT" group:"Listening" help:"TCP port to serve clients on."`
	MonitorFlags
	SocketPath        *string `name:"socket-path" variable:"SOCKET_PATH" placeholder:"FILE" group:"Listening" help:"Listen on this unix socket instead of the port. A stale one is replaced."`
	SocketPermissions *string `name:"socket-permissions" variable:"SOCKET_PERMISSIONS" fallback:"0660" placeholder:"OCTAL" group:"Listening" help:"Permissions of the unix sockets: 660, 0660 or 0o660."`
	TLSCert           *string `name:"tls-cert" variable:"TLS_CERT" placeholder:"FILE" group:"Listening" help:"PEM file of the certificate to serve TLS with."`
	TLSKey            *string `name:"tls-key" variable:"TLS_KEY" placeholder:"FILE" group:"Listening" help:"PEM file of its key."`
	TrustedProxies    *string `name:"trusted-proxies" variable:"TRUSTED_PROXIES" fallback:"127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,fc00::/7,fe80::/10" placeholder:"CIDR,..." group:"Listening" help:"Peers whose X-Forwarded-For is believed when strangers are counted. The default is loopback and the private ranges."`
	DrainTimeout      *string `name:"drain-timeout" variable:"DRAIN_TIMEOUT" fallback:"10s" placeholder:"TIME" group:"Listening" help:"At the end, and for a reset, connections are closed spread over this time. 0 closes them at once."`

	MaxDebounceTime   *string `name:"max-debounce-time" variable:"MAX_DEBOUNCE_TIME" fallback:"15s" placeholder:"TIME" group:"Pushes" help:"The longest time between two file or activity pushes to one connection. Below that it is about 0.1 s for each connected client, or 1 s where they are few."`
	MaxConnectionTime *string `name:"max-connection-time" variable:"MAX_CONNECTION_TIME" fallback:"0" placeholder:"TIME" group:"Pushes" help:"Close a connection about so long after it was made. 0 never does."`
	DebounceDisable   *string `name:"debounce-disable" variable:"DEBOUNCE_DISABLE" fallback:"false" type:"switch" group:"Pushes" help:"Send every push at once. The variable counts when it is set to anything."`

	AuthCacheTTL    *string `name:"auth-cache-ttl" variable:"AUTH_CACHE_TTL" fallback:"1m" placeholder:"TIME" group:"Logins" help:"How long a verified login is good again without asking Nextcloud. 0 turns it off."`
	AuthResume      *string `name:"auth-resume" variable:"AUTH_RESUME" fallback:"2m" placeholder:"TIME" group:"Logins" help:"How long after its last connection ended a login may come back without asking Nextcloud. 0 turns it off."`
	AuthMaxAge      *string `name:"auth-max-age" variable:"AUTH_MAX_AGE" fallback:"12h" placeholder:"TIME" group:"Logins" help:"Nextcloud is asked again at the latest so long after it last said yes. 0 asks always."`
	AuthRecheck     *string `name:"auth-recheck" variable:"AUTH_RECHECK" fallback:"10m" placeholder:"TIME" group:"Logins" help:"Within what time Nextcloud is asked about a login that was admitted without asking it; if it refuses, the connection ends. 0 asks before any login is admitted."`
	AuthRefusalTTL  *string `name:"auth-refusal-ttl" variable:"AUTH_REFUSAL_TTL" fallback:"5s" placeholder:"TIME" group:"Logins" help:"How long Nextcloud's refusal of a login is remembered. 0 turns it off."`
	AuthTimeout     *string `name:"auth-timeout" variable:"AUTH_TIMEOUT" fallback:"20s" placeholder:"TIME" group:"Logins" help:"How long Nextcloud may take over one login before the client is sent an error. 0 means 20s."`
	AuthConcurrency *string `name:"auth-concurrency" variable:"AUTH_CONCURRENCY" fallback:"32" placeholder:"N" group:"Logins" help:"How many logins may be asked of Nextcloud at the same time. 0 sets no limit."`

	MaxConnections               *string `name:"max-connections" variable:"MAX_CONNECTIONS" fallback:"0" placeholder:"N" group:"Limits" help:"How many connections are held before new ones are sent away. 0 derives it from the limit of open files."`
	MaxConnectionsPerUser        *string `name:"max-connections-per-user" variable:"MAX_CONNECTIONS_PER_USER" fallback:"64" placeholder:"N" group:"Limits" help:"How many connections one user may have."`
	MaxUnauthenticated           *string `name:"max-unauthenticated" variable:"MAX_UNAUTHENTICATED" fallback:"16384" placeholder:"N" group:"Limits" help:"How many connections that have not logged in are held. 0 sets no limit."`
	MaxUnauthenticatedPerAddress *string `name:"max-unauthenticated-per-address" variable:"MAX_UNAUTHENTICATED_PER_ADDRESS" fallback:"256" placeholder:"N" group:"Limits" help:"How many of them one client address may have. 0 sets no limit."`

	LogLevel  *string `name:"log-level" variable:"LOG" fallback:"warn" placeholder:"SPEC" group:"Logs" help:"A level, or target=level,...; levels are error, warn, info, debug, trace and off."`
	LogFormat *string `name:"log-format" variable:"LOG_FORMAT" fallback:"console" placeholder:"FORMAT" group:"Logs" help:"console or json."`
	NoANSI    *string `name:"no-ansi" variable:"NO_ANSI" fallback:"false" type:"switch" group:"Logs" help:"No colours in logs."`
}

// RedisFlags are those of the Flags that say which Redis to use.
type RedisFlags struct {
	RedisURL                     []string `name:"redis-url" variable:"REDIS_URL" placeholder:"URL" sep:"none" group:"Redis" help:"redis://, rediss://, redis+unix:// or unix:// URL. Given several times, or as a list with commas, the nodes of a cluster. Otherwise notify_push_redis, redis.cluster or redis of config.php. REDIS_URL_FILE names a file that holds it, REDIS_PASSWORD_FILE one with the password alone."`
	RedisTLSCert                 *string  `name:"redis-tls-cert" variable:"REDIS_TLS_CERT" placeholder:"FILE" group:"Redis" help:"PEM file of the client's certificate for Redis."`
	RedisTLSKey                  *string  `name:"redis-tls-key" variable:"REDIS_TLS_KEY" placeholder:"FILE" group:"Redis" help:"PEM file of its key."`
	RedisTLSCA                   *string  `name:"redis-tls-ca" variable:"REDIS_TLS_CA" placeholder:"FILE" group:"Redis" help:"PEM file of the authorities to trust for Redis."`
	RedisTLSDontValidateHostname *string  `name:"redis-tls-dont-validate-hostname" variable:"REDIS_TLS_DONT_VALIDATE_HOSTNAME" fallback:"false" type:"switch" group:"Redis" help:"Accept a certificate of Redis that is for another name."`
	RedisTLSInsecure             *string  `name:"redis-tls-insecure" variable:"REDIS_TLS_INSECURE" fallback:"false" type:"switch" group:"Redis" help:"Accept any certificate of Redis."`
	RedisChannelPrefix           *string  `name:"redis-channel-prefix" variable:"REDIS_CHANNEL_PREFIX" placeholder:"TEXT" group:"Redis" help:"What channel names begin with, for several Nextclouds on one Redis; the publishing side must use the same."`
}

// MonitorFlags are those of the Flags that say where the server tells how it is.
type MonitorFlags struct {
	Bind              *string `name:"bind" variable:"BIND" fallback:"::" placeholder:"ADDRESS" group:"Listening" help:"Address to listen on, for metrics too. The default means every IPv6 and IPv4 address, or 0.0.0.0 on a machine without IPv6."`
	MetricsPort       *string `name:"metrics-port" short:"m" variable:"METRICS_PORT" placeholder:"PORT" group:"Listening" help:"TCP port for /metrics, /livez and /readyz. Off when not given or 0."`
	MetricsSocketPath *string `name:"metrics-socket-path" variable:"METRICS_SOCKET_PATH" placeholder:"FILE" group:"Listening" help:"Unix socket for the same."`
}

// Settings is what the server runs with. The tag of a field is the setting's name in reports.
type Settings struct {
	ConfigFile string `setting:"config_file"` // empty when none was given

	NextcloudURL            string `setting:"nextcloud_url"`        // absolute, with one slash at the end
	NextcloudConnectTo      string `setting:"nextcloud_connect_to"` // host:port, or the path of a unix socket; empty dials the URL's own host
	NextcloudCA             string `setting:"nextcloud_ca"`
	NextcloudSecret         Secret // `secret` of config.php; empty when it is not known. Digests that outlive the process are keyed with it
	NextcloudTrustedDomains List   // trusted_domains of config.php
	NextcloudTrustedProxies List   // trusted_proxies of config.php
	AllowSelfSigned         bool   `setting:"allow_self_signed"`
	UserAgent               string `setting:"user_agent"`
	GlobConfig              bool   `setting:"glob_config"`
	NoPHP                   bool   `setting:"no_php"`

	Database       Database `setting:"database"`
	DatabasePrefix string   `setting:"database_prefix"`

	Redis                        Redis  `setting:"redis"` // the redis_tls_* settings are in it already
	RedisTLSCert                 string `setting:"redis_tls_cert"`
	RedisTLSKey                  string `setting:"redis_tls_key"`
	RedisTLSCA                   string `setting:"redis_tls_ca"`
	RedisTLSDontValidateHostname bool   `setting:"redis_tls_dont_validate_hostname"`
	RedisTLSInsecure             bool   `setting:"redis_tls_insecure"`
	RedisChannelPrefix           string `setting:"redis_channel_prefix"`
	Resync                       bool   `setting:"resync"`

	Port              uint16         `setting:"port"` // 0 lets the system choose
	Bind              string         `setting:"bind"` // an IP address; BindDefault when nobody chose
	BindDefault       bool           // true when "::" is only the default, so that 0.0.0.0 may take its place
	SocketPath        string         `setting:"socket_path"`
	SocketPermissions fs.FileMode    `setting:"socket_permissions"`
	TLSCert           string         `setting:"tls_cert"` // set together with TLSKey, or neither
	TLSKey            string         `setting:"tls_key"`
	TrustedProxies    []netip.Prefix `setting:"trusted_proxies"`
	MetricsPort       uint16         `setting:"metrics_port"` // 0 is off
	MetricsSocketPath string         `setting:"metrics_socket_path"`
	DrainTimeout      time.Duration  `setting:"drain_timeout"`

	MaxDebounceTime   time.Duration `setting:"max_debounce_time"`
	MaxConnectionTime time.Duration `setting:"max_connection_time"` // 0 is no limit
	DebounceDisable   bool          `setting:"debounce_disable"`

	AuthCacheTTL    time.Duration `setting:"auth_cache_ttl"`
	AuthResume      time.Duration `setting:"auth_resume"`
	AuthMaxAge      time.Duration `setting:"auth_max_age"`
	AuthRecheck     time.Duration `setting:"auth_recheck"`
	AuthRefusalTTL  time.Duration `setting:"auth_refusal_ttl"`
	AuthTimeout     time.Duration `setting:"auth_timeout"`
	AuthConcurrency int           `setting:"auth_concurrency"` // 0 sets no limit

	MaxConnections               int `setting:"max_connections"`          // 0 is derived from the limit of open files
	MaxConnectionsPerUser        int `setting:"max_connections_per_user"` // at least 1
	MaxUnauthenticated           int `setting:"max_unauthenticated"`
	MaxUnauthenticatedPerAddress int `setting:"max_unauthenticated_per_address"`

	LogLevel  LogLevel `setting:"log_level"`
	LogFormat string   `setting:"log_format"` // console or json
	NoANSI    bool     `setting:"no_ansi"`
}

// List is an array of texts in config.php.
type List struct {
	Texts []string // nil when they are not known
	Next  int64    // the first number after those that the elements have, by which `occ config:system:set` adds one
}
