package config

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	"github.com/notifypush/notifypush/config/php"
)

// Result is what Load found out.
type Result struct {
	Settings Settings
	Sources  map[string]string // by setting: FILE:LINE, "env NAME", "env NAME_FILE", ".env NAME", "flag --name", "argument", "php" or "default"
	Unknown  []php.Unknown     // keys of config.php whose values are beyond the evaluator, needed or not
	Warnings []string
	Errors   []string // why the server cannot start with these settings; empty when it can
	Sharding string   // FILE:LINE of a dbsharding that is in use; empty: there is none

	failed map[string]error // by setting: why it has no usable value
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

// Load resolves all settings. It opens no connection. lookupEnv is os.LookupEnv, or stands in for it.
func Load(ctx context.Context, flags Flags, lookupEnv func(string) (string, bool)) *Result {
	l := newLoader(flags, lookupEnv)
	s := &l.result.Settings

	if s.ConfigFile = flags.ConfigFile; s.ConfigFile != "" {
		l.result.Sources["config_file"] = "argument"
	}
	s.GlobConfig = read(l, "glob-config", parseBoolean)
	s.NoPHP = read(l, "no-php", parseBoolean)
	n := readNextcloud(ctx, flags.ConfigFile, s.GlobConfig, !s.NoPHP, l.environment)

	l.loadNextcloudURL(n)
	s.NextcloudConnectTo = read(l, "nextcloud-connect-to", parseConnectTo)
	s.NextcloudCA = read(l, "nextcloud-ca", parseText)
	s.NextcloudSecret = NewSecret(n.optional("secret"))
	s.NextcloudTrustedDomains = n.list("trusted_domains")
	s.NextcloudTrustedProxies = n.list("trusted_proxies")
	s.AllowSelfSigned = read(l, "allow-self-signed", parseBoolean)
	s.UserAgent = read(l, "user-agent", parseText)

	l.loadDatabase(n)
	l.loadDatabasePrefix(n)
	l.loadSharding(n)
	l.loadRedis(n)
	s.RedisChannelPrefix = read(l, "redis-channel-prefix", parseText)
	s.Resync = read(l, "resync", parseBoolean)

	s.Port = read(l, "port", parsePort)
	s.Bind = read(l, "bind", parseBind)
	s.BindDefault = l.result.Sources["bind"] == SourceDefault
	s.SocketPath = read(l, "socket-path", parseText)
	s.SocketPermissions = read(l, "socket-permissions", parsePermissions)
	s.TLSCert = read(l, "tls-cert", parseText)
	s.TLSKey = read(l, "tls-key", parseText)
	s.TrustedProxies = read(l, "trusted-proxies", parsePrefixes)
	s.MetricsPort = read(l, "metrics-port", parsePort)
	s.MetricsSocketPath = read(l, "metrics-socket-path", parseText)
	s.DrainTimeout = read(l, "drain-timeout", parseDuration)

	s.MaxDebounceTime = read(l, "max-debounce-time", parseDuration)
	s.MaxConnectionTime = read(l, "max-connection-time", parseDuration)
	s.DebounceDisable = l.isDebounceDisabled()

	s.AuthCacheTTL = read(l, "auth-cache-ttl", parseDuration)
	s.AuthResume = read(l, "auth-resume", parseDuration)
	s.AuthMaxAge = read(l, "auth-max-age", parseDuration)
	s.AuthRecheck = read(l, "auth-recheck", parseDuration)
	s.AuthRefusalTTL = read(l, "auth-refusal-ttl", parseDuration)
	s.AuthTimeout = read(l, "auth-timeout", parseDuration)
	s.AuthConcurrency = read(l, "auth-concurrency", parseCount)

	s.MaxConnections = read(l, "max-connections", parseCount)
	s.MaxConnectionsPerUser = read(l, "max-connections-per-user", parsePositive)
	s.MaxUnauthenticated = read(l, "max-unauthenticated", parseCount)
	s.MaxUnauthenticatedPerAddress = read(l, "max-unauthenticated-per-address", parseCount)

	s.LogLevel = read(l, "log-level", ParseLogLevel)
	s.LogFormat = read(l, "log-format", parseLogFormat)
	s.NoANSI = read(l, "no-ansi", parseBoolean)

	if (s.TLSCert == "") != (s.TLSKey == "") {
		l.fail("tls_cert", errors.New("--tls-cert and --tls-key belong together; give both or neither"))
	}
	l.result.Unknown = n.unknownKeys()
	l.result.Warnings = append(n.warnings, l.result.Warnings...)
	l.result.Warnings = slices.DeleteFunc(l.result.Warnings, l.isRepeated)
	return l.result
}

// isRepeated says whether an error tells all that a warning does.
func (l *loader) isRepeated(warning string) bool {
	return slices.ContainsFunc(l.result.Errors, func(text string) bool { return strings.HasPrefix(text, warning) })
}

// SourceDefault is the source of a setting that nobody has set.
const SourceDefault = "default"

// loader finds the text of each setting.
type loader struct {
	declared    map[string]declaration // by flag
	environment environment
	result      *Result
}

// declaration is one field of Flags.
type declaration struct {
	flag, variable, fallback string
	given                    []string // on the command line
}

func newLoader(flags Flags, lookupEnv func(string) (string, bool)) *loader {
	l := &loader{
		declared:    map[string]declaration{},
		environment: environment{process: lookupEnv},
		result:      &Result{Sources: map[string]string{}, failed: map[string]error{}},
	}
	for declared := range flags.declarations() {
		l.declared[declared.flag] = declared
	}
	var err error
	if l.environment.file, err = readDotEnv(); err != nil {
		l.warn("%v; its variables do not count", err)
	}
	return l
}

// declarations yields what the tags of Flags say and what its fields hold.
func (f Flags) declarations() iter.Seq[declaration] {
	return func(yield func(declaration) bool) {
		flags := reflect.ValueOf(f)
		for _, field := range reflect.VisibleFields(flags.Type()) {
			declared := declaration{flag: field.Tag.Get("name"), variable: field.Tag.Get("variable"), fallback: field.Tag.Get("fallback")}
			switch value := flags.FieldByIndex(field.Index).Interface().(type) {
			case *string:
				if value != nil {
					declared.given = []string{*value}
				}
			case []string:
				declared.given = value
			}
			if declared.flag != "" && !yield(declared) {
				return
			}
		}
	}
}

// settingOf is the name of a flag's setting in reports.
func settingOf(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

// find gives the texts for a flag, from the first source that has some, and notes that source.
func (l *loader) find(flag string) []string {
	declared := l.declared[flag]
	texts, source := declared.given, "flag --"+flag
	if texts == nil {
		var text string
		if text, source = l.variable(declared.variable); text == "" {
			text, source = declared.fallback, SourceDefault
		}
		if text != "" {
			texts = []string{text}
		}
	}
	l.result.Sources[settingOf(flag)] = source
	return texts
}

// variable gives a variable's text. An empty variable is as good as none: that is how containers and wizards pass what nobody set.
func (l *loader) variable(name string) (text, source string) {
	text, source, _ = l.environment.find(name)
	return text, source
}

// secret is find for a setting whose variable NAME may be in a file that NAME_FILE names.
func (l *loader) secret(flag string) ([]string, error) {
	texts := l.find(flag)
	file := l.declared[flag].variable + "_FILE"
	path, source := l.variable(file)
	if texts != nil || path == "" {
		return texts, nil
	}
	l.result.Sources[settingOf(flag)] = source
	text, err := readSecretFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return []string{text}, nil
}

// read finds a setting and parses it. What was given in no source and has no default is the zero value.
func read[T any](l *loader, flag string, parse func(string) (T, error)) T {
	texts := l.find(flag)
	if texts == nil {
		return *new(T)
	}
	value, err := parse(texts[len(texts)-1])
	if err != nil {
		l.fail(settingOf(flag), fmt.Errorf("%s: %w", l.result.Sources[settingOf(flag)], err))
	}
	return value
}

// isDebounceDisabled reads the one boolean whose variable counts whatever its text is.
func (l *loader) isDebounceDisabled() bool {
	declared := l.declared["debounce-disable"]
	if _, source, found := l.environment.find(declared.variable); found && declared.given == nil {
		l.result.Sources["debounce_disable"] = source
		return true
	}
	return read(l, declared.flag, parseBoolean)
}

func (l *loader) loadNextcloudURL(n *nextcloud) {
	const setting = "nextcloud_url"
	s := &l.result.Settings
	texts := l.find("nextcloud-url")
	s.NextcloudURL = read(l, "nextcloud-url", parseNextcloudURL)
	if texts == nil {
		texts = []string{n.text("overwrite.cli.url", "")}
		l.result.Sources[setting] = n.source("overwrite.cli.url")
		err := errors.Join(n.takeUnmet()...)
		switch {
		case err != nil:
		case texts[0] != "":
			if s.NextcloudURL, err = parseNextcloudURL(texts[0]); err != nil {
				err = n.problem("overwrite.cli.url", err)
			}
		case n.root == "":
			err = fmt.Errorf("the URL of Nextcloud is not known: give the path of config.php, or %s", urlAdvice)
		default:
			err = fmt.Errorf("the URL of Nextcloud is not known: config.php has no overwrite.cli.url; give %s", urlAdvice)
		}
		l.fail(setting, err)
	}
	if s.NextcloudURL != "" && !strings.Contains(texts[len(texts)-1], "://") {
		l.warn("%s: the URL of Nextcloud begins with neither https:// nor http://, and is taken for %s", l.result.Sources[setting], s.NextcloudURL)
	}
}

func (l *loader) loadDatabase(n *nextcloud) {
	s := &l.result.Settings
	urls, err := l.secret("database-url")
	source := l.result.Sources["database_url"]
	delete(l.result.Sources, "database_url")
	switch {
	case err != nil:
	case urls != nil:
		if s.Database, err = parseDatabaseURL(urls[len(urls)-1]); err != nil {
			err = fmt.Errorf("%s: %w", source, err)
		}
	case n.root == "" && n.find("dbtype") == nil:
		err = fmt.Errorf("no database is known: give the path of config.php, or %s", databaseAdvice)
	default:
		s.Database, err = nextcloudDatabase(n)
		source = n.source(firstOf(n, "dbhost", "dbtype", "dbname"))
	}
	l.result.Sources["database"] = source
	l.fail("database", errors.Join(append(n.takeUnmet(), err)...))
}

func (l *loader) loadDatabasePrefix(n *nextcloud) {
	const setting = "database_prefix"
	declared := l.declared["database-prefix"]
	s := &l.result.Settings
	// Unlike other variables, this one may be empty: some installations have no prefix.
	if text, source, found := l.environment.find(declared.variable); found && declared.given == nil {
		s.DatabasePrefix, l.result.Sources[setting] = text, source
		return
	}
	if declared.given != nil {
		s.DatabasePrefix = l.find(declared.flag)[0]
		return
	}
	s.DatabasePrefix, l.result.Sources[setting] = n.text("dbtableprefix", declared.fallback), n.source("dbtableprefix")
	err := errors.Join(n.takeUnmet()...)
	if err != nil && n.broken != "" {
		if l.result.failed["database"] == nil {
			l.warn("the prefix of tables is taken to be %s, for dbtableprefix is not known: %s", declared.fallback, n.broken)
		}
		err = nil
	}
	l.fail(setting, err)
}

// loadSharding warns of Nextcloud's sharding, by which most rows of filecache are in other databases than the
// one that is read here.
func (l *loader) loadSharding(n *nextcloud) {
	const key = "dbsharding"
	_, isUnknown := n.unknown[key]
	if isUnknown || php.Bool(n.values[key].Value) {
		l.result.Sharding = n.source(key)
		l.warn("%s: dbsharding is not supported: the paths of most storages are in other databases, and changes of files there are not pushed", l.result.Sharding)
	}
}

func (l *loader) loadRedis(n *nextcloud) {
	s := &l.result.Settings
	urls, err := l.secret("redis-url")
	source := l.result.Sources["redis_url"]
	delete(l.result.Sources, "redis_url")
	switch {
	case err != nil:
	case urls != nil:
		var all []string
		for _, text := range urls {
			all = append(all, splitURLs(text)...)
		}
		if s.Redis, err = parseRedisURLs(all); err != nil {
			err = fmt.Errorf("%s: %w", source, err)
		}
	default:
		var key string
		s.Redis, key, err = nextcloudRedis(n)
		if source = SourceDefault; key != "" {
			source = n.place(key)
		} else if err == nil && len(n.unmet) == 0 {
			l.warn("no Redis is configured; 127.0.0.1:6379 is used, as PHP does")
		}
	}
	l.result.Sources["redis"] = source
	err = errors.Join(append(n.takeUnmet(), err, l.loadRedisPassword())...)
	l.loadRedisTLS()
	l.fail("redis", err)
}

// loadRedisPassword takes the password from REDIS_PASSWORD_FILE, unless a URL on the command line has one.
func (l *loader) loadRedisPassword() error {
	path, source := l.variable("REDIS_PASSWORD_FILE")
	redis := &l.result.Settings.Redis
	if path == "" || l.declared["redis-url"].given != nil && redis.Password.Reveal() != "" {
		return nil
	}
	password, err := readSecretFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	redis.Password = NewSecret(password)
	return nil
}

// loadRedisTLS applies the flags of the client's certificate and of checking the server's.
func (l *loader) loadRedisTLS() {
	s := &l.result.Settings
	s.RedisTLSCert = read(l, "redis-tls-cert", parseText)
	s.RedisTLSKey = read(l, "redis-tls-key", parseText)
	s.RedisTLSCA = read(l, "redis-tls-ca", parseText)
	s.RedisTLSDontValidateHostname = read(l, "redis-tls-dont-validate-hostname", parseBoolean)
	s.RedisTLSInsecure = read(l, "redis-tls-insecure", parseBoolean)

	tls := &s.Redis.TLS
	given := s.RedisTLSDontValidateHostname || s.RedisTLSInsecure
	for _, pair := range []struct{ flag, field *string }{{&s.RedisTLSCert, &tls.Cert}, {&s.RedisTLSKey, &tls.Key}, {&s.RedisTLSCA, &tls.CA}} {
		if *pair.flag != "" {
			*pair.field, given = *pair.flag, true
		}
	}
	tls.VerifyName = tls.VerifyName && !s.RedisTLSDontValidateHostname && !s.RedisTLSInsecure
	tls.VerifyPeer = tls.VerifyPeer && !s.RedisTLSInsecure
	encrypted := slices.ContainsFunc(s.Redis.Addresses, func(address string) bool { return strings.HasPrefix(address, "rediss:") })
	if given && len(s.Redis.Addresses) > 0 && !encrypted {
		l.warn("the --redis-tls flags have no effect, for %s is not encrypted; write rediss:// in --redis-url, or tls:// before the host in config.php", s.Redis.Addresses[0])
	}
}

// firstOf is the first of keys that is there, else the first.
func firstOf(n *nextcloud, keys ...string) string {
	i := slices.IndexFunc(keys, func(key string) bool { return n.source(key) != SourceDefault })
	return keys[max(i, 0)]
}

// fail notes why a setting has no usable value; a nil error notes nothing. What keeps several settings from having one is an error once.
func (l *loader) fail(setting string, err error) {
	if err == nil {
		return
	}
	l.result.failed[setting] = errors.Join(l.result.failed[setting], err)
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !slices.Contains(l.result.Errors, line) {
			l.result.Errors = append(l.result.Errors, line)
		}
	}
}

func (l *loader) warn(format string, arguments ...any) {
	l.result.Warnings = append(l.result.Warnings, fmt.Sprintf(format, arguments...))
}
