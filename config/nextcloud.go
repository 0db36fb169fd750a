package config

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config/php"
)

// nextcloudConfig is Nextcloud's configuration as its own code sees it: config.php, the *.config.php beside it, and NC_ variables above both.
type nextcloudConfig struct {
	root        string // Nextcloud's folder, the one above that of config.php
	environment environment
	values      map[string]php.Entry
	unknown     map[string]php.Unknown
	exhausted   bool   // the evaluation went over its limits
	broken      string // why nothing could be read from config.php; empty when something could
	isError     bool   // broken has become an error, and needs no warning
	unreadable  error  // the same, where the file cannot be read, with what to do
	doubt       error  // why a file beside config.php gave nothing; nil when each gave what it has

	ask     func() (map[string]php.Value, error) // asks PHP itself for the keys of consulted; nil when it must not be asked, or was
	answers map[string]php.Value

	unmet    []error // one for each needed key that stayed unknown
	warnings []string
}

const (
	databaseAdvice = "--database-url or DATABASE_URL"
	prefixAdvice   = "--database-prefix or DATABASE_PREFIX"
	redisAdvice    = "--redis-url or REDIS_URL"
	urlAdvice      = "--nextcloud-url or NEXTCLOUD_URL"
)

// evaluationMemory bounds the evaluation so that the whole process stays below 64 MiB.
const evaluationMemory = 40 << 20

// consulted are the keys that are read, and what to give instead of one that cannot be known.
var consulted = map[string]string{
	"dbtype": databaseAdvice, "dbhost": databaseAdvice, "dbname": databaseAdvice, "dbuser": databaseAdvice, "dbpassword": databaseAdvice,
	"dbdriveroptions": databaseAdvice, "pgsql_ssl": databaseAdvice, "datadirectory": databaseAdvice, "dbtableprefix": prefixAdvice,
	"notify_push_redis": redisAdvice, "redis.cluster": redisAdvice, "redis": redisAdvice, "overwrite.cli.url": urlAdvice,
}

// readNextcloud evaluates the configuration whose main file is path. Without a path only NC_ variables count.
func readNextcloud(ctx context.Context, path string, glob, mayAsk bool, env environment) *nextcloudConfig {
	n := &nextcloudConfig{environment: env}
	if path == "" {
		return n
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		absolute = path
	}
	n.root = filepath.Dir(filepath.Dir(absolute))
	var files []string
	if n.unreadable = errConfigFile(absolute); n.unreadable == nil {
		files = append(files, path)
	} else {
		n.broken = n.unreadable.Error()
	}
	if glob {
		for _, file := range n.beside(path) {
			if err := errBeside(file); err == nil {
				files = append(files, file)
			} else if n.doubt == nil {
				n.doubt = err
				n.warn("%v", err)
			}
		}
	}
	readable := n.unreadable == nil && n.doubt == nil
	n.evaluate(ctx, path, files)
	// What has no end here has none in PHP either, and of a file that it cannot open PHP would say that nothing is set.
	if mayAsk && !n.exhausted && readable {
		n.ask = func() (map[string]php.Value, error) {
			return php.AskPHP(ctx, files, slices.Sorted(maps.Keys(consulted)))
		}
	}
	return n
}

// beside lists the further files that Nextcloud reads, in its order.
func (n *nextcloudConfig) beside(path string) []string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		n.warn("list the *.config.php beside %s: %v", path, err)
		return nil
	}
	var files []string
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasSuffix(name, ".config.php") && !strings.HasPrefix(name, ".") && name != filepath.Base(path) {
			files = append(files, filepath.Join(filepath.Dir(path), name))
		}
	}
	slices.SortStableFunc(files, compareNaturally)
	return files
}

// evaluate runs the files; main is the one without which not much is known.
func (n *nextcloudConfig) evaluate(ctx context.Context, main string, files []string) {
	evaluated, err := php.Evaluate(ctx, files, php.Options{Getenv: n.environment.lookup, Limits: php.Limits{Memory: evaluationMemory}})
	if err != nil {
		n.broken = err.Error()
		return
	}
	n.values, n.exhausted = evaluated.Values, evaluated.Exhausted
	n.unknown = map[string]php.Unknown{}
	for _, unknown := range evaluated.Unknown {
		n.unknown[unknown.Key] = unknown
		if unknown.Key == php.AnyKey {
			n.broken = fmt.Sprintf("%s:%d: %s", unknown.File, unknown.Line, unknown.Reason)
		}
	}
	for _, problem := range evaluated.Warnings {
		if problem.File == filepath.Base(main) && !n.isFrom(problem.File) {
			n.broken = problem.String()
			continue
		}
		n.warn("%s", problem)
		switch {
		case n.doubt != nil:
		case slices.Contains(evaluated.Broken, problem):
			n.doubt = errors.New(problem.String())
		case slices.Contains(evaluated.Missing, problem):
			n.doubt = notYetError{errors.New(problem.String())}
		}
	}
}

// isFrom says whether anything is known to come from a file.
func (n *nextcloudConfig) isFrom(file string) bool {
	for _, entry := range n.values {
		if entry.File == file {
			return true
		}
	}
	for _, unknown := range n.unknown {
		if unknown.File == file {
			return true
		}
	}
	return false
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

func (n *nextcloudConfig) warn(format string, arguments ...any) {
	if text := fmt.Sprintf(format, arguments...); !slices.Contains(n.warnings, text) {
		n.warnings = append(n.warnings, text)
	}
}
