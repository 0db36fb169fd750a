package config

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/notifypush/notifypush/config/php"
	"github.com/notifypush/notifypush/internal/files"
)

// configFiles is what Nextcloud's configuration files say.
type configFiles struct {
	files      []string // those that can be read, in Nextcloud's order
	allThere   bool     // there are no others, so that PHP may be asked about these
	evaluated  []string // those, and what they include
	values     map[string]php.Entry
	unknown    map[string]php.Unknown
	exhausted  bool   // the evaluation went over its limits
	broken     string // why nothing could be read from config.php; empty when something could
	unreadable error  // the same, where the file cannot be read, with what to do
	doubt      error  // why a file beside config.php gave nothing; nil when each gave what it has
	warnings   []string
}

// evaluationMemory bounds the evaluation so that the whole process stays below 64 MiB.
const evaluationMemory = 40 << 20

// readConfigFiles evaluates config.php and what Nextcloud reads beside it, with the rights of this process.
func readConfigFiles(ctx context.Context, path string, glob bool, getenv func(string) (string, bool)) configFiles {
	var c configFiles
	absolute, err := filepath.Abs(path)
	if err != nil {
		absolute = path
	}
	looking, cancel := files.Looking(ctx)
	defer cancel()
	if c.unreadable = errConfigFile(looking, absolute); c.unreadable == nil {
		c.files = append(c.files, path)
	} else {
		c.broken = c.unreadable.Error()
	}
	if glob {
		for _, file := range c.beside(ctx, path) {
			if err := errBeside(looking, file); err == nil {
				c.files = append(c.files, file)
			} else if c.doubt == nil {
				c.doubt = err
				c.warn("%v", err)
			}
		}
	}
	c.allThere = c.unreadable == nil && c.doubt == nil
	c.evaluate(ctx, path, getenv)
	return c
}

// maxBeside is how many files there may be beside config.php.
const maxBeside = 10_000

// beside lists the further files that Nextcloud reads, in its order.
func (c *configFiles) beside(ctx context.Context, path string) []string {
	limited, cancel := files.Looking(ctx)
	defer cancel()
	entries, err := files.List(limited, filepath.Dir(path), maxBeside)
	if err != nil {
		c.warn("list the *.config.php beside %s: %v", path, err)
		if errors.Is(err, files.ErrTooMany) || errors.Is(err, context.DeadlineExceeded) {
			c.doubt = notYet(fmt.Errorf("list the *.config.php beside %s: %w", path, err))
		}
		return nil
	}
	var found []string
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasSuffix(name, ".config.php") && !strings.HasPrefix(name, ".") && name != filepath.Base(path) {
			found = append(found, filepath.Join(filepath.Dir(path), name))
		}
	}
	slices.SortStableFunc(found, compareNaturally)
	return found
}

// evaluate runs the files; main is the one without which not much is known.
func (c *configFiles) evaluate(ctx context.Context, main string, getenv func(string) (string, bool)) {
	evaluated, err := php.Evaluate(ctx, c.files, php.Options{Getenv: getenv, Limits: php.Limits{Memory: evaluationMemory}})
	if err != nil {
		c.broken = err.Error()
		return
	}
	c.evaluated, c.values, c.exhausted = evaluated.Files, evaluated.Values, evaluated.Exhausted
	c.unknown = map[string]php.Unknown{}
	said := map[string]bool{} // by file: that something is known to come from it
	for _, entry := range c.values {
		said[entry.File] = true
	}
	for _, unknown := range evaluated.Unknown {
		c.unknown[unknown.Key] = unknown
		said[unknown.File] = true
		if unknown.Key == php.AnyKey {
			c.broken = fmt.Sprintf("%s:%d: %s", unknown.File, unknown.Line, unknown.Reason)
		}
	}
	for _, problem := range evaluated.Warnings {
		if problem.File == filepath.Base(main) && !said[problem.File] {
			c.broken = problem.String()
			continue
		}
		c.warn("%s", problem)
		switch {
		case c.doubt != nil:
		case slices.Contains(evaluated.Broken, problem):
			c.doubt = errors.New(problem.String())
		case slices.Contains(evaluated.Missing, problem):
			c.doubt = notYetError{errors.New(problem.String())}
		}
	}
}

func (c *configFiles) warn(format string, arguments ...any) {
	if text := fmt.Sprintf(format, arguments...); !slices.Contains(c.warnings, text) {
		c.warnings = append(c.warnings, text)
	}
}
