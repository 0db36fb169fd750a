package config

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config/php"
)

// nextcloudConfig is Nextcloud's configuration as its own code sees it: config.php, the *.config.php beside it, and NC_ variables above both.
type nextcloudConfig struct {
	configFiles
	root        string // Nextcloud's folder, the one above that of config.php
	environment environment
	readAs      string // the user with whose rights the files were read; empty: those of the process
	isError     bool   // broken has become an error, and needs no warning

	ask     func() (map[string]php.Value, error) // asks PHP itself for the keys of consulted; nil when it must not be asked, or was
	answers map[string]php.Value

	unmet []error // one for each needed key that stayed unknown
}

const (
	databaseAdvice = "--database-url or DATABASE_URL"
	prefixAdvice   = "--database-prefix or DATABASE_PREFIX"
	redisAdvice    = "--redis-url or REDIS_URL"
	urlAdvice      = "--nextcloud-url or NEXTCLOUD_URL"
)

// consulted are the keys that are read, and what to give instead of one that cannot be known.
var consulted = map[string]string{
	"dbtype": databaseAdvice, "dbhost": databaseAdvice, "dbname": databaseAdvice, "dbuser": databaseAdvice, "dbpassword": databaseAdvice,
	"dbdriveroptions": databaseAdvice, "pgsql_ssl": databaseAdvice, "datadirectory": databaseAdvice, "dbtableprefix": prefixAdvice,
	"notify_push_redis": redisAdvice, "redis.cluster": redisAdvice, "redis": redisAdvice, "overwrite.cli.url": urlAdvice,
}

// noted are further keys that are read, on which nothing depends that another source could give.
var noted = []string{"secret", "instanceid", "trusted_domains", "trusted_proxies", "forwarded_for_headers", "dbsharding"}

// readNextcloud evaluates the configuration whose main file is path. Without a path only NC_ variables count.
func (r Reader) readNextcloud(ctx context.Context, path string, glob, mayAsk bool, env environment) *nextcloudConfig {
	n := &nextcloudConfig{environment: env}
	if path == "" {
		return n
	}
	if absolute, err := filepath.Abs(path); err == nil {
		n.root = filepath.Dir(filepath.Dir(absolute))
	}
	n.configFiles, n.readAs, n.ask = r.readFiles(ctx, path, glob, env)
	// What has no end here has none in PHP either, and of a file that it cannot open PHP would say that nothing is set.
	if !mayAsk || n.exhausted || !n.allThere {
		n.ask = nil
	}
	return n
}

// variable is the environment variable that overrules a key. PHP does not see names with a dot, a space or a bracket.
func (n *nextcloudConfig) variable(key string) (text, source string, found bool) {
	if strings.ContainsAny(key, ". [") {
		return "", "", false
	}
	return n.environment.find("NC_" + key)
}

// isPresent reports whether a key has a value, even null.
func (n *nextcloudConfig) isPresent(key string) bool {
	_, evaluated := n.values[key]
	_, answered := n.answers[key]
	_, _, overruled := n.variable(key)
	return evaluated || answered || overruled
}

// find is what Nextcloud's getValue finds, and nil for null and for what is not there. A key that stays unknown is noted.
func (n *nextcloudConfig) find(key string) php.Value {
	if text, _, found := n.variable(key); found {
		return text
	}
	if entry, found := n.values[key]; found {
		return entry.Value
	}
	unknown, isUnknown := n.unknown[key]
	if !isUnknown {
		unknown, isUnknown = n.unknown[php.AnyKey]
	}
	doubtful := n.doubt != nil && n.isDecisive(key)
	if !isUnknown && n.broken == "" && !doubtful {
		return nil
	}
	switch {
	case n.askPHP():
		return n.answers[key]
	case isUnknown && unknown.Key == php.AnyKey && n.isReported(consulted[key]):
	case isUnknown:
		n.isError = n.isError || unknown.Key == php.AnyKey
		n.miss(fmt.Errorf("%s:%d: the value of %s cannot be found out here: %s; give %s instead", unknown.File, unknown.Line, key, unknown.Reason, consulted[key]))
	case n.broken == "":
		n.miss(fmt.Errorf("%w: %s may be set there, and is set nowhere else; fix that, or give %s", n.doubt, key, consulted[key]))
	case n.unreadable != nil:
		n.isError = true
		n.miss(n.unreadable)
	default:
		n.isError = true
		n.miss(fmt.Errorf("%s; fix it, or give %s", n.broken, insteadOfFile))
	}
	return nil
}

// isDecisive reports whether a key that no file gives is looked for in a file that gave nothing: without it, another Redis or database
// would be used than Nextcloud's. Of a database that is known, the other keys are taken to be beside it.
func (n *nextcloudConfig) isDecisive(key string) bool {
	switch key {
	case "overwrite.cli.url", "dbtype", "dbhost", "redis":
		return true
	case "dbpassword":
		return n.isPresent("dbuser")
	}
	return false
}

// miss notes why a needed value is not there. A file of which nothing is known is reported once for all the keys that one flag would
// overrule.
func (n *nextcloudConfig) miss(err error) {
	if !slices.ContainsFunc(n.unmet, func(noted error) bool { return noted.Error() == err.Error() }) {
		n.unmet = append(n.unmet, err)
	}
}

// isReported says whether a flag was already advised for something that is unknown.
func (n *nextcloudConfig) isReported(advice string) bool {
	return slices.ContainsFunc(n.unmet, func(noted error) bool { return strings.HasSuffix(noted.Error(), "; give "+advice+" instead") })
}

// takeUnmet gives what was missed since it was last called.
func (n *nextcloudConfig) takeUnmet() []error {
	unmet := n.unmet
	n.unmet = nil
	return unmet
}

// askPHP asks PHP itself, once, and says whether there are answers.
func (n *nextcloudConfig) askPHP() bool {
	if n.ask != nil {
		answers, err := n.ask()
		if err != nil && !errors.Is(err, php.ErrNoPHP) {
			n.warn("%v", err)
		}
		n.answers, n.ask = answers, nil
	}
	return n.answers != nil
}

// place names where a key is written, even with the value null.
func (n *nextcloudConfig) place(key string) string {
	entry, found := n.values[key]
	if source := n.source(key); !found || source != SourceDefault {
		return source
	}
	return fmt.Sprintf("%s:%d", entry.File, entry.Line)
}

// source names where a key got its value; a null is as good as none.
func (n *nextcloudConfig) source(key string) string {
	if _, source, found := n.variable(key); found {
		return source
	}
	if entry := n.values[key]; entry.Value != nil {
		return fmt.Sprintf("%s:%d", entry.File, entry.Line)
	}
	if n.answers[key] != nil {
		return "php"
	}
	if unknown, found := n.unknown[key]; found {
		return fmt.Sprintf("%s:%d", unknown.File, unknown.Line)
	}
	return "default"
}

// text is a key's value as text, and fallback when there is none.
func (n *nextcloudConfig) text(key, fallback string) string {
	switch value := n.find(key).(type) {
	case nil:
		return fallback
	case *php.Array, *php.Object:
		n.miss(n.problem(key, errors.New("it is an array, and has to be a text")))
		return fallback
	default:
		return php.Text(value)
	}
}

// optional is a key's value as text where nothing depends on it; empty when there is none.
func (n *nextcloudConfig) optional(key string) string {
	if text, _, found := n.variable(key); found {
		return text
	}
	switch value := n.values[key].Value.(type) {
	case *php.Array, *php.Object:
		return ""
	default:
		return php.Text(value)
	}
}

// list is a key's value as a list of texts where nothing depends on it. Nextcloud takes what is not an array for an empty one.
func (n *nextcloudConfig) list(key string) List {
	if _, isUnknown := n.unknown[key]; isUnknown || n.root == "" || n.broken != "" || n.doubt != nil {
		return List{}
	}
	list := List{Texts: []string{}}
	if array, isArray := n.values[key].Value.(*php.Array); isArray {
		for number, element := range array.All() {
			list.Texts = append(list.Texts, php.Text(element))
			if number, isNumber := number.(int64); isNumber {
				list.Next = max(list.Next, number+1)
			}
		}
	}
	return list
}

// instance is what is said of Nextcloud itself.
func (n *nextcloudConfig) instance() Instance {
	return Instance{
		ID:                  n.optional("instanceid"),
		Secret:              actors.Secret(n.optional("secret")),
		TrustedDomains:      n.list("trusted_domains"),
		TrustedProxies:      n.list("trusted_proxies"),
		ForwardedForHeaders: n.list("forwarded_for_headers"),
	}
}

// unknownKeys are the keys whose values neither the evaluator nor PHP gave.
func (n *nextcloudConfig) unknownKeys() []php.Unknown {
	var keys []php.Unknown
	for _, key := range slices.Sorted(maps.Keys(n.unknown)) {
		if _, answered := n.answers[key]; !answered {
			keys = append(keys, n.unknown[key])
		}
	}
	return keys
}

// array is a key's value as array, empty when there is none.
func (n *nextcloudConfig) array(key string) *php.Array {
	value := n.find(key)
	if array, isArray := value.(*php.Array); isArray {
		return array
	}
	if php.Bool(value) {
		n.warn("%s: %s is not an array, and counts as an empty one", n.source(key), key)
	}
	return &php.Array{}
}

func (n *nextcloudConfig) problem(key string, err error) error {
	return fmt.Errorf("%s: %s: %w; give %s to overrule it", n.place(key), key, err, consulted[key])
}

// remarks are the warnings, and what is broken unless an error says that.
func (n *nextcloudConfig) remarks() []string {
	if n.broken != "" && !n.isError {
		n.warn("%s", n.broken)
	}
	return n.warnings
}
