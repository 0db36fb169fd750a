package php

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
)

// AnyKey is the key of an [Unknown] that stands for every key, named elsewhere or not.
const AnyKey = "*"

// Options are what an evaluation may see and how much it may use. The zero value is usable.
type Options struct {
	// Getenv looks up the environment that PHP would see. Nil means an empty one.
	Getenv func(name string) (value string, found bool)

	Limits Limits
}

// Config is what the files say, merged as Nextcloud merges them.
type Config struct {
	// Values holds the keys whose value is certain.
	Values map[string]Entry

	// Unknown holds the others, ordered by key. If nothing is certain any more, for instance because a file does too much work,
	// it has one element with the key AnyKey, and Values is empty.
	Unknown []Unknown

	// Warnings tell of files that are broken, cannot be read or assign nothing, and of files that they look for in vain.
	Warnings []Problem

	// Broken are those of the Warnings that tell of files at which PHP would end: what they set is not known.
	Broken []Problem

	// Missing are those of the Warnings that tell of files which are included, and are not there.
	Missing []Problem

	// Files are the paths of all files that were evaluated, those that others include, too.
	Files []string

	// Exhausted says that a limit was reached, so that PHP, which has none, may do the work without end.
	Exhausted bool
}

// Entry is the value of a top-level key.
type Entry struct {
	Value Value
	File  string // the base name of the file that gave the value
	Line  int    // the line of the key, from 1
}

// Unknown is a key whose value is beyond the evaluator, or differs with something that is.
type Unknown struct {
	Key    string `json:"key"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// Problem is something wrong with a file. It never quotes a value.
type Problem struct {
	File    string
	Line    int // 0 when the file as a whole is meant
	Message string
}

func (p Problem) String() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.Message)
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
}

// Evaluate runs the files in their order, in one scope, as Nextcloud's \OC\Config::readData includes them: $CONFIG is unset
// before each, and what a file leaves in it is merged into the result, where a later key replaces an earlier one. A file that is
// broken or cannot be read is a warning and gives nothing.
//
// PHP is taken to run on the command line, with its usual settings and without arguments: there is no request, and $_ENV is
// empty. OC::$SERVERROOT is the parent of the folder of the first file.
//
// Evaluate opens regular files only and runs nothing. Its error is that of ctx.
func Evaluate(ctx context.Context, files []string, options Options) (*Config, error) {
	limits := options.Limits.withDefaults()
	limited, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	budget := newBudget(limited, limits)
	sources := newSources(budget)
	choices := &choices{}
	var runs []*run
	for {
		e := newEvaluator(files, options, sources, choices)
		e.runFiles(files)
		runs = append(runs, &e.run)
		if e.lost != nil || !choices.advance() {
			break
		}
		if len(runs) == maxPaths {
			e.lost = &Unknown{AnyKey, filepath.Base(files[0]), 1, choices.tooMany()}
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("evaluate %s: %w", strings.Join(files, ", "), err)
	}
	config := merge(runs, sources)
	config.Exhausted, config.Files = budget.exhausted, slices.Sorted(maps.Keys(sources.files))
	return config, nil
}

// run is what one way through all files gives.
type run struct {
	fork     string // why the condition is not known that it answers otherwise than the run before it
	values   *Array
	warnings []Problem
	failed   []Problem // those of files at which PHP would end
	missing  []Problem // those of included files that are not there
	lost     *Unknown  // why nothing is certain
}

// runFiles evaluates the files one after the other.
func (e *evaluator) runFiles(files []string) {
	for _, file := range files {
		delete(e.outermost, "CONFIG")
		// Nextcloud's method has variables of its own around the files, whose names depend on its version.
		for _, name := range []string{"file", "filePointer", "configFiles", "extra"} {
			e.outermost[name] = e.unknown("$" + name + " is a variable of Nextcloud's own")
		}
		if e.runFile(file); e.lost != nil {
			break
		}
	}
}

// runFile evaluates one file and merges what it leaves, unless PHP would end there, or may do anything.
func (e *evaluator) runFile(path string) {
	base, line := filepath.Base(path), 0
	e.walk = walk{scope: e.outermost}
	defer func() {
		if e.here.file != 0 {
			base, line = e.sources.at(e.here).base, int(e.here.line)
		}
		switch ended := recover().(type) {
		case nil:
		case *thrown:
			e.fail(Problem{base, line, clip("PHP would fail: " + ended.Error())})
		case *fatal:
			e.fail(Problem{base, line, clip("PHP would stop: " + ended.message)})
		case *givenUp:
			e.lost = &Unknown{AnyKey, base, line, ended.reason}
		default:
			panic(ended)
		}
	}()
	f := e.sources.load(path)
	switch {
	case f.problem != nil:
		e.fail(Problem{base, f.problem.Line, f.problem.Message})
	case f.beyond != nil:
		e.lost = &Unknown{AnyKey, base, f.beyond.Line, f.beyond.Message}
	default:
		e.included[f.path] = true
		e.runScript(f)
		e.collect(f)
	}
}

// fail notes a problem at which PHP would end.
func (e *evaluator) fail(p Problem) {
	e.warnings = append(e.warnings, p)
	e.failed = append(e.failed, p)
}

// collect merges what a file left in $CONFIG. That a file beside the first one leaves nothing is a problem only if it never would: those
// of the container images do so while nobody has set their variables.
func (e *evaluator) collect(f *source) {
	switch left := e.outermost["CONFIG"].(type) {
	case *Array:
		e.stepOver(left)
		e.spendCopies(left)
		mergeInto(e.values, left)
		return
	case unknown:
		e.lost = &Unknown{AnyKey, e.sources.at(left.at).base, int(left.at.line), "$CONFIG is not known: " + left.reason}
		return
	case nil:
		if f.sets && f.file > 1 {
			return
		}
	}
	e.warnings = append(e.warnings, Problem{File: f.base, Message: "leaves no array in $CONFIG and was skipped"})
}

// merge makes certain what all runs agree on. Runs in which PHP would fail are left out if there are better ones.
func merge(runs []*run, sources *sources) *Config {
	if last := runs[len(runs)-1]; last.lost != nil {
		return &Config{Unknown: []Unknown{*last.lost}, Warnings: last.warnings}
	}
	best := slices.MinFunc(runs, func(a, b *run) int { return len(a.failed) - len(b.failed) })
	runs = slices.DeleteFunc(runs, func(r *run) bool { return len(r.failed) > len(best.failed) })
	c := &Config{Values: map[string]Entry{}, Warnings: runs[0].warnings, Broken: runs[0].failed, Missing: runs[0].missing}
	seen := map[string]bool{}
	for _, r := range runs {
		for e := range r.values.all() {
			key, file, line := Text(e.key), sources.at(e.at).base, int(e.at.line)
			if seen[key] {
				continue
			}
			seen[key] = true
			if reason := doubt(e, runs); reason != "" {
				c.Unknown = append(c.Unknown, Unknown{key, file, line, reason})
			} else {
				c.Values[key] = Entry{e.value, file, line}
			}
		}
	}
	slices.SortFunc(c.Unknown, func(a, b Unknown) int { return strings.Compare(a.Key, b.Key) })
	return c
}

// doubt says why the value of a key is not certain, or "".
func doubt(e *element, runs []*run) string {
	if u, found := findUnknown(e.value); found {
		return u.reason
	}
	// Where the key first becomes another one, that condition alone makes the difference.
	for i, r := range runs[1:] {
		before, after := runs[i].values.find(e.key), r.values.find(e.key)
		if (before == nil) != (after == nil) || before != nil && !alike(before.value, after.value) {
			return "it depends on a condition that is not known: " + r.fork
		}
	}
	return ""
}

// alike says whether two values are identical, or both not a number, which PHP calls different.
func alike(a, b Value) bool {
	x, isFloat := a.(float64)
	y, isOther := b.(float64)
	return identical(a, b) || isFloat && isOther && math.IsNaN(x) && math.IsNaN(y)
}
