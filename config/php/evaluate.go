package php

import (
	"context"
	"fmt"
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
		e := newEvaluator(files, options, sources, budget, choices)
		r := e.run(files)
		r.number = len(runs)
		runs = append(runs, r)
		if r.lost != nil || !choices.advance() {
			break
		}
		if len(runs) == maxPaths {
			r.lost = &Unknown{File: filepath.Base(files[0]), Line: 1, Reason: choices.tooMany()}
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("evaluate %s: %w", strings.Join(files, ", "), err)
	}
	config := merge(runs, sources, choices)
	config.Exhausted, config.Files = budget.exhausted, sources.paths()
	return config, nil
}

// run is one way through all files.
type run struct {
	number   int
	values   *Array
	warnings []Problem
	failed   []Problem // those of files at which PHP would end
	missing  []Problem
	lost     *Unknown // why nothing is certain
}

// run evaluates the files one after the other.
func (e *evaluator) run(files []string) *run {
	r := &run{values: &Array{}}
	for _, file := range files {
		delete(e.outermost, "CONFIG")
		// Nextcloud's method has variables of its own around the files, whose names depend on its version.
		for _, name := range []string{"file", "filePointer", "configFiles", "extra"} {
			e.outermost[name] = e.unknown("$" + name + " is a variable of Nextcloud's own")
		}
		problem, ends, lost := e.runFile(file, r)
		if problem != nil {
			e.warnings = append(e.warnings, *problem)
		}
		if ends {
			r.failed = append(r.failed, *problem)
		}
		if r.lost = lost; lost != nil {
			break
		}
	}
	r.warnings, r.missing = e.warnings, e.missing
	return r
}

// runFile evaluates one file and merges what it leaves. A problem is why PHP ends there, or why the file gives nothing; lost says that PHP
// may do anything.
func (e *evaluator) runFile(path string, r *run) (problem *Problem, ends bool, lost *Unknown) {
	base := filepath.Base(path)
	e.walk = walk{scope: e.outermost}
	defer func() {
		line := 0
		if e.here.file != 0 {
			base, line = e.sources.base(e.here), int(e.here.line)
		}
		switch ended := recover().(type) {
		case nil:
		case *thrown:
			problem, ends = &Problem{base, line, clip("PHP would fail: " + ended.Error())}, true
		case *fatal:
			problem, ends = &Problem{base, line, clip("PHP would stop: " + ended.message)}, true
		case *givenUp:
			lost = &Unknown{Key: AnyKey, File: base, Line: line, Reason: ended.reason}
		default:
			panic(ended)
		}
	}()
	f := e.sources.load(path)
	switch {
	case f.problem != nil:
		return &Problem{base, f.problem.Line, f.problem.Message}, true, nil
	case f.beyond != nil:
		return nil, false, &Unknown{Key: AnyKey, File: base, Line: f.beyond.Line, Reason: f.beyond.Message}
	}
	e.included[f.path] = true
	e.runScript(f)
	problem, lost = e.collect(r.values, f)
	return problem, false, lost
}

// collect merges what a file left in $CONFIG. That a file beside the first one leaves nothing is a problem only if it never would: those
// of the container images do so while nobody has set their variables.
func (e *evaluator) collect(into *Array, f *source) (problem *Problem, lost *Unknown) {
	switch left := e.outermost["CONFIG"].(type) {
	case *Array:
		e.stepOver(left)
		e.spendCopies(left)
		mergeInto(into, left)
		return nil, nil
	case unknown:
		return nil, &Unknown{Key: AnyKey, File: e.sources.base(left.at), Line: int(left.at.line), Reason: "$CONFIG is not known: " + left.reason}
	case nil:
		if f.sets && f.file > 1 {
			return nil, nil
		}
	}
	return &Problem{File: f.base, Message: "leaves no array in $CONFIG and was skipped"}, nil
}

// merge makes certain what all runs agree on. Runs in which PHP would fail are left out if there are better ones.
func merge(runs []*run, sources *sources, choices *choices) *Config {
	last := runs[len(runs)-1]
	if last.lost != nil {
		lost := *last.lost
		lost.Key = AnyKey
		return &Config{Unknown: []Unknown{lost}, Warnings: last.warnings}
	}
	best := slices.MinFunc(runs, func(a, b *run) int { return len(a.failed) - len(b.failed) })
	runs = slices.DeleteFunc(runs, func(r *run) bool { return len(r.failed) > len(best.failed) })
	c := &Config{Values: map[string]Entry{}, Warnings: runs[0].warnings, Broken: runs[0].failed, Missing: runs[0].missing}
	seen := map[string]bool{}
	for _, r := range runs {
		for e := range r.values.all() {
			key, file, line := keyText(e), sources.base(e.at), int(e.at.line)
			if seen[key] {
				continue
			}
			seen[key] = true
			if reason := doubt(e, runs, choices); reason != "" {
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
func doubt(e *element, runs []*run, choices *choices) string {
	if u, found := findUnknown(e.value); found {
		return u.reason
	}
	// Where the key first becomes another one, that condition alone makes the difference.
	for i, r := range runs[1:] {
		before, after := runs[i].values.find(e.key), r.values.find(e.key)
		if (before == nil) != (after == nil) || before != nil && !alike(before.value, after.value) {
			return "it depends on a condition that is not known: " + choices.forks[r.number]
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
