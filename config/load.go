package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config/php"
	"github.com/notifypush/notifypush/internal/setting"
	"github.com/notifypush/notifypush/storage"
)

// Result is what Load found out.
type Result struct {
	Settings  Settings
	Sources   map[string]string // by setting: FILE:LINE, "env NAME", "env NAME_FILE", ".env NAME", "flag --name", "argument", NAME.php, "php" or "default"
	Unknown   []php.Unknown     // keys of config.php whose values are beyond the evaluator, needed or not
	Warnings  []string
	Errors    []string // why the server cannot start with these settings; empty when it can
	Sharding  string   // FILE:LINE of a dbsharding that is in use; empty: there is none
	AnyOrigin string   // why the pages of any site are admitted; empty where they are not, or --allowed-origins says so
	ReadAs    string   // the user with whose rights config.php was read, where this is root and that user may change it
	DotEnv    []string // the names of the variables that the .env file gives
	IsWrong   bool     // of the Errors, one at least is no file that is missing, empty or unreadable, and so may be there later

	values map[string]any      // by setting: what it says
	texts  map[string][]string // by flag: what the command line or a variable says
	failed map[string]error    // by setting: why it has no usable value
}

// Err is nil when the server can start with the settings.
func (r *Result) Err() error {
	if len(r.Errors) == 0 {
		return nil
	}
	return errors.New(strings.Join(r.Errors, "\n"))
}

// ErrOf is nil when the setting has a usable value.
func (r *Result) ErrOf(setting string) error { return r.failed[setting] }

// Load fills all settings. It opens no connection. given is what the command line said; lookupEnv is os.LookupEnv, or stands in for it.
//
// As root it does not read a config.php that others may change: [Reader.Load] does.
func Load(ctx context.Context, configFile string, given Given, lookupEnv func(string) (string, bool)) *Result {
	return Reader{}.Load(ctx, configFile, given, lookupEnv)
}

// Load is the function [Load], and as root reads a config.php that others may change with the rights of one of them, in a process of its own. For
// that, lookupEnv has to be os.LookupEnv.
func (r Reader) Load(ctx context.Context, configFile string, given Given, lookupEnv func(string) (string, bool)) *Result {
	l := newLoader(given, environment{process: lookupEnv})
	l.readDotEnv(ctx)
	l.loadSimple()
	if l.result.Settings.Hosting.Folder != "" && !r.IgnoresInstances {
		l.checkHosting(ctx, configFile)
	} else {
		l.loadNextcloud(ctx, r, configFile)
	}
	return l.result
}

// loadSimple fills what Nextcloud's configuration has no word in.
func (l *loader) loadSimple() {
	s := &l.result.Settings
	own := map[string]bool{"nextcloud-url": true, "database-url": true, "database-prefix": true, "redis-url": true, "debounce-disable": true, "admin-token": true, "metrics-token": true, "trusted-proxies": true, "allowed-origins": true}
	for _, field := range l.fields {
		if !own[field.Flag] && (l.process == nil || field.Scope != setting.OfProcess) {
			l.read(field.Flag)
		}
	}
	l.loadDebounceDisable()
	if l.process != nil {
		from := l.process.Settings
		s.Listen, s.Monitor, s.Log.Format, s.Log.NoANSI = from.Listen, from.Monitor, from.Log.Format, from.Log.NoANSI
		return
	}
	l.loadMetricsBind()
	l.loadToken("metrics-token", &s.Monitor.Token)
	l.loadToken("admin-token", &s.Monitor.AdminToken)
	l.checkListeners()
}

// loadNextcloud fills the rest.
func (l *loader) loadNextcloud(ctx context.Context, r Reader, configFile string) {
	s := &l.result.Settings
	if strings.Contains(configFile, "://") { // it may hold a password
		l.fail("config_file", errors.New("the argument is a URL, and has to be the path of Nextcloud's config.php; --redis-url, --database-url and --nextcloud-url take URLs"))
		configFile = ""
	}
	if s.ConfigFile = configFile; configFile != "" {
		l.result.Sources["config_file"] = "argument"
		l.result.values["config_file"] = configFile
	}
	n := r.readNextcloud(ctx, configFile, s.Reading.Glob, !s.Reading.NoPHP, l.environment)
	s.Instance, l.result.ReadAs = n.instance(), n.readAs
	l.loadTrustedProxies(n)
	l.loadNextcloudURL(n)
	s.Instance.Hosts = n.hosts(*s)
	l.loadAllowedOrigins(n)
	l.loadDatabase(n)
	l.loadDatabasePrefix(n)
	l.loadSharding(n)
	l.loadRedis(n)

	l.result.Unknown = n.unknownKeys()
	l.result.Warnings = append(n.remarks(), l.result.Warnings...)
}

// SourceDefault is the source of a setting that nobody has set.
const SourceDefault = "default"

// loader finds the text of each setting.
type loader struct {
	fields      []setting.Field // of the result's settings
	declared    map[string]setting.Field
	given       Given
	environment environment
	process     *Result // of an instance; nil elsewhere
	result      *Result

	hasDatabaseURL bool
}

func newLoader(given Given, env environment) *loader {
	l := &loader{
		declared:    map[string]setting.Field{},
		given:       given,
		environment: env,
		result:      &Result{Sources: map[string]string{}, values: map[string]any{}, failed: map[string]error{}, texts: map[string][]string{}},
	}
	l.fields = slices.Collect(setting.Fields(&l.result.Settings))
	for _, field := range l.fields {
		l.declared[field.Flag] = field
	}
	return l
}

func (l *loader) readDotEnv(ctx context.Context) {
	var err error
	if l.environment.file, err = readDotEnv(ctx); err != nil {
		l.warn("%v; its variables do not count", err)
	}
	l.result.DotEnv = l.environment.fromFile()
}

// find gives the texts for a flag, from the first source that has some, and notes that source.
func (l *loader) find(flag string) []string {
	declared := l.declared[flag]
	texts, source := l.given[flag], "flag --"+flag
	if texts == nil {
		var text string
		if text, source = l.variable(declared.Variable); declared.IsPort() && strings.Contains(text, "://") {
			l.warn("%s: %q is ignored: it is the address that Kubernetes sets for a service of that name, not a port; enableServiceLinks: false turns that off", source, text)
			text = ""
		}
		if text != "" {
			texts = []string{text}
		}
	}
	if texts == nil && l.process != nil && declared.Scope == setting.Inherited {
		texts, source = l.process.texts[flag], l.process.Sources[declared.Name()]
	}
	switch {
	case texts != nil && l.process == nil: // what instances inherit
		l.result.texts[flag] = texts
	case texts == nil:
		source = SourceDefault
		if declared.Default != "" {
			texts = []string{declared.Default}
		}
	}
	l.result.Sources[declared.Name()] = source
	return texts
}

// variable gives a variable's text. An empty variable is as good as none: that is how containers and wizards pass what nobody set.
func (l *loader) variable(name string) (text, source string) {
	text, source, _ = l.environment.setting(name)
	return text, source
}

// secret is find for a setting whose variable NAME may be in a file that NAME_FILE names.
func (l *loader) secret(flag string) ([]string, error) {
	texts := l.find(flag)
	file := l.declared[flag].Variable + "_FILE"
	path, source := l.variable(file)
	if texts != nil || path == "" {
		return texts, nil
	}
	l.result.Sources[l.declared[flag].Name()] = source
	text, err := readSecretFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return []string{text}, nil
}

// read finds a setting and fills its field. What was given in no source and has no default stays zero.
func (l *loader) read(flag string) {
	texts := l.find(flag)
	if texts == nil {
		return
	}
	field := l.declared[flag]
	value, err := field.Set(texts[len(texts)-1])
	if err != nil {
		l.fail(field.Name(), fmt.Errorf("%s: %w", l.result.Sources[field.Name()], err))
		return
	}
	l.result.values[field.Name()] = value
}

// checkListeners refuses what no two listeners can have.
func (l *loader) checkListeners() {
	listen, monitor := l.result.Settings.Listen, l.result.Settings.Monitor
	if (listen.TLSCert == "") != (listen.TLSKey == "") {
		l.fail("tls_cert", errors.New("--tls-cert and --tls-key belong together; give both or neither"))
	}
	if listen.SocketPath != "" && filepath.Clean(listen.SocketPath) == filepath.Clean(monitor.SocketPath) {
		l.fail("metrics_socket_path", fmt.Errorf("%s: clients are served at %s; choose another socket",
			l.result.Sources["metrics_socket_path"], listen.SocketPath))
	}
	if listen.SocketPath == "" && monitor.SocketPath == "" && monitor.Port != 0 && monitor.Port == listen.Port {
		l.fail("metrics_port", fmt.Errorf("%s: clients are served at port %d; choose another", l.result.Sources["metrics_port"], listen.Port))
	}
}

// loadMetricsBind has metrics where clients are served, if that is one address, as the app's own daemon has them.
func (l *loader) loadMetricsBind() {
	const name = "metrics_bind"
	address, err := netip.ParseAddr(l.result.Settings.Listen.Bind)
	if l.result.Sources[name] == SourceDefault && err == nil && !address.IsUnspecified() {
		l.result.Settings.Monitor.Bind, l.result.values[name] = address.String(), address.String()
		l.result.Sources[name] = l.result.Sources["bind"]
	}
}

// loadDebounceDisable reads the one boolean whose variable counts whatever its text is.
func (l *loader) loadDebounceDisable() {
	const flag, name = "debounce-disable", "debounce_disable"
	if _, source, found := l.environment.setting(l.declared[flag].Variable); found && l.given[flag] == nil {
		l.result.Settings.Actors.NoDebounce = true
		l.result.Sources[name], l.result.values[name] = source, true
		l.result.texts[flag] = []string{"true"}
		return
	}
	l.read(flag)
}

// minToken is how long a token must be that anybody may try who reaches the port.
const minToken = 16

func (l *loader) loadToken(flag string, target *actors.Secret) {
	name := l.declared[flag].Name()
	texts, err := l.secret(flag)
	if texts == nil {
		l.fail(name, err)
		return
	}
	token := texts[len(texts)-1]
	if len(token) < minToken {
		l.fail(name, fmt.Errorf("%s: the token is shorter than %d characters; make one with openssl rand -hex 16", l.result.Sources[name], minToken))
		return
	}
	*target, l.result.values[name] = actors.Secret(token), actors.Secret(token)
}

// loadTrustedProxies takes the proxies that Nextcloud trusts, and those that are near, unless the operator says it here.
func (l *loader) loadTrustedProxies(n *nextcloudConfig) {
	const flag, name = "trusted-proxies", "trusted_proxies"
	l.read(flag)
	if l.result.Sources[name] != SourceDefault {
		return
	}
	websocket := &l.result.Settings.Websocket
	websocket.PrivateProxies = true
	if prefixes := l.result.Settings.Instance.TrustedProxies.Prefixes(); prefixes != nil {
		websocket.TrustedProxies, l.result.values[name] = prefixes, prefixes
		l.result.Sources[name] = n.source(name)
	}
}

func (l *loader) loadNextcloudURL(n *nextcloudConfig) {
	const name = "nextcloud_url"
	var address string
	var err error
	texts := l.find("nextcloud-url")
	if texts != nil {
		if address, err = parseNextcloudURL(texts[len(texts)-1]); err != nil {
			err = fmt.Errorf("%s: %w", l.result.Sources[name], err)
		}
	} else {
		texts = []string{n.text("overwrite.cli.url", "")}
		l.result.Sources[name] = n.source("overwrite.cli.url")
		err = errors.Join(n.takeUnmet()...)
		switch {
		case err != nil:
		case texts[0] != "":
			if address, err = parseNextcloudURL(texts[0]); err != nil {
				err = n.problem("overwrite.cli.url", err)
			}
		case n.root == "":
			err = fmt.Errorf("the URL of Nextcloud is not known: give the path of config.php, or %s", urlAdvice)
		default:
			err = fmt.Errorf("the URL of Nextcloud is not known: config.php has no overwrite.cli.url; give %s", urlAdvice)
		}
	}
	l.fail(name, err)
	l.result.Settings.Nextcloud.BaseURL, l.result.values[name] = address, address
	if address != "" && !strings.Contains(texts[len(texts)-1], "://") {
		l.warn("%s: the URL of Nextcloud begins with neither https:// nor http://, and is taken for %s", l.result.Sources[name], address)
	}
}

func (l *loader) loadDatabase(n *nextcloudConfig) {
	const name = "database"
	urls, err := l.secret("database-url")
	var database storage.DatabaseOptions
	switch {
	case err != nil:
	case urls != nil:
		l.hasDatabaseURL = true
		if database, err = parseDatabaseURL(urls[len(urls)-1]); err != nil {
			err = fmt.Errorf("%s: %w", l.result.Sources[name], err)
		}
	case n.root == "" && n.find("dbtype") == nil:
		err = fmt.Errorf("no database is known: give the path of config.php, or %s", databaseAdvice)
	default:
		database, err = nextcloudDatabase(n)
		l.result.Sources[name] = n.source(firstOf(n, "dbhost", "dbtype", "dbname"))
	}
	l.result.Settings.Database, l.result.values[name] = database, database
	l.fail(name, errors.Join(append(n.takeUnmet(), err)...))
}

func (l *loader) loadDatabasePrefix(n *nextcloudConfig) {
	const flag, name = "database-prefix", "database_prefix"
	declared := l.declared[flag]
	var prefix, source string
	var found bool
	// Unlike other variables, this one may be empty: some installations have no prefix.
	if texts := l.given[flag]; texts != nil {
		prefix, source = texts[len(texts)-1], "flag --"+flag
	} else if prefix, source, found = l.environment.setting(declared.Variable); !found {
		isError := n.isError
		prefix, source = n.text("dbtableprefix", declared.Default), n.source("dbtableprefix")
		err := errors.Join(n.takeUnmet()...)
		if err != nil && n.broken != "" && l.hasDatabaseURL { // which may be all that is needed
			l.warn("the prefix of tables is taken to be %s: dbtableprefix is not known: %s", declared.Default, n.broken)
			err, n.isError = nil, isError
		}
		l.fail(name, err)
	}
	l.result.Settings.Database.Prefix = prefix
	l.result.Sources[name], l.result.values[name] = source, &prefix // an empty one is a value
}

// loadSharding warns of Nextcloud's sharding, by which most rows of filecache are in other databases than the
// one that is read here.
func (l *loader) loadSharding(n *nextcloudConfig) {
	const key = "dbsharding"
	_, isUnknown := n.unknown[key]
	if isUnknown || php.Bool(n.values[key].Value) {
		l.result.Sharding = n.source(key)
		l.warn("%s: dbsharding is not supported: the paths of most storages are in other databases, and changes of files there are not pushed", l.result.Sharding)
	}
}

func (l *loader) loadRedis(n *nextcloudConfig) {
	const name = "redis"
	urls, err := l.secret("redis-url")
	var redis storage.RedisOptions
	switch {
	case err != nil:
	case urls != nil:
		var all []string
		for _, text := range urls {
			all = append(all, splitURLs(text)...)
		}
		if redis, err = parseRedisURLs(all); err != nil {
			err = fmt.Errorf("%s: %w", l.result.Sources[name], err)
		}
	default:
		var key string
		redis, key, err = nextcloudRedis(n)
		if key != "" {
			l.result.Sources[name] = n.place(key)
		} else if err == nil && len(n.unmet) == 0 {
			l.warn("no Redis is configured; 127.0.0.1:6379 is used, as PHP does")
		}
	}
	flags := l.result.Settings.Redis
	redis.ChannelPrefix = flags.ChannelPrefix
	l.applyRedisTLS(&redis, flags.TLS)
	err = errors.Join(append(n.takeUnmet(), err, l.loadRedisPassword(&redis))...)
	l.result.Settings.Redis, l.result.values[name] = redis, redis
	l.fail(name, err)
}

// loadRedisPassword takes the password from REDIS_PASSWORD_FILE, unless a URL on the command line has one.
func (l *loader) loadRedisPassword(redis *storage.RedisOptions) error {
	path, source := l.variable("REDIS_PASSWORD_FILE")
	if path == "" || l.given["redis-url"] != nil && redis.Password != "" {
		return nil
	}
	password, err := readSecretFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	redis.Password = actors.Secret(password)
	return nil
}

// applyRedisTLS puts what the --redis-tls flags say over what the URL or config.php says.
func (l *loader) applyRedisTLS(redis *storage.RedisOptions, flags storage.RedisTLS) {
	tls := &redis.TLS
	tls.Cert, tls.Key, tls.CA = cmp.Or(flags.Cert, tls.Cert), cmp.Or(flags.Key, tls.Key), cmp.Or(flags.CA, tls.CA)
	tls.SkipVerifyPeer = tls.SkipVerifyPeer || flags.SkipVerifyPeer
	tls.SkipVerifyName = tls.SkipVerifyName || flags.SkipVerifyName || flags.SkipVerifyPeer
	encrypted := slices.ContainsFunc(redis.Addresses, func(address string) bool { return strings.HasPrefix(address, "rediss:") })
	if flags != (storage.RedisTLS{}) && len(redis.Addresses) > 0 && !encrypted {
		l.warn("the --redis-tls flags have no effect: %s is not encrypted; write rediss:// in --redis-url, or tls:// before the host in config.php", redis.Addresses[0])
	}
}

// firstOf is the first of keys that is there, else the first.
func firstOf(n *nextcloudConfig, keys ...string) string {
	i := slices.IndexFunc(keys, func(key string) bool { return n.source(key) != SourceDefault })
	return keys[max(i, 0)]
}

// fail notes why a setting has no usable value; a nil error notes nothing. What keeps several settings from having one is an error once.
func (l *loader) fail(setting string, err error) {
	if err == nil {
		return
	}
	l.result.failed[setting] = errors.Join(l.result.failed[setting], err)
	l.result.IsWrong = l.result.IsWrong || !isNotYet(err)
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !slices.Contains(l.result.Errors, line) {
			l.result.Errors = append(l.result.Errors, line)
		}
	}
}

func (l *loader) warn(format string, arguments ...any) {
	l.result.Warnings = append(l.result.Warnings, fmt.Sprintf(format, arguments...))
}
