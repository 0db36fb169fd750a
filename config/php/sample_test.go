package php

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the expected results of the samples anew")

const samples = "../../testdata/config/php"

// sample is a configuration with what is expected of it: NAME.php, or a folder with config.php and others beside it.
//
// NAME.expected holds a line for every key and warning. NAME.env holds lines NAME=value, the environment.
type sample struct {
	name  string
	files []string
}

func loadSamples(t *testing.T) []sample {
	entries, err := os.ReadDir(samples)
	require.NoError(t, err)
	var list []sample
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), ".php")
		path := filepath.Join(samples, entry.Name())
		switch {
		case entry.IsDir() && entry.Name() != "parts":
			files, err := filepath.Glob(path + "/*.config.php")
			require.NoError(t, err)
			list = append(list, sample{name, append([]string{path + "/config.php"}, files...)})
		case strings.HasSuffix(entry.Name(), ".php"):
			list = append(list, sample{name, []string{path}})
		}
	}
	require.NotEmpty(t, list)
	return list
}

func (s sample) path(extension string) string { return filepath.Join(samples, s.name+extension) }

func (s sample) environment(t *testing.T) map[string]string {
	text, err := os.ReadFile(s.path(".env"))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	variables := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		variables[name] = value
	}
	return variables
}

// describeResult lists what an evaluation gave, a line each, without paths of this machine.
func describeResult(t *testing.T, c *Config) string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(c.Values)) {
		e := c.Values[key]
		lines = append(lines, fmt.Sprintf("%s:%d %s = %s", e.File, e.Line, key, render(e.Value)))
	}
	for _, u := range c.Unknown {
		lines = append(lines, fmt.Sprintf("%s:%d %s is unknown: %s", u.File, u.Line, u.Key, u.Reason))
	}
	for _, w := range c.Warnings {
		lines = append(lines, "warning: "+w.String())
	}
	return portable(t, strings.Join(lines, "\n")+"\n")
}

func portable(t *testing.T, text string) string {
	absolute, err := filepath.Abs(samples)
	require.NoError(t, err)
	text = strings.ReplaceAll(text, absolute, "SAMPLES")
	text = strings.ReplaceAll(text, filepath.Dir(absolute), "SERVERROOT")
	return strings.ReplaceAll(text, filepath.Dir(filepath.Dir(filepath.Dir(absolute))), "ABOVE")
}

// TestSamples evaluates every sample and compares with the expectation beside it.
func TestSamples(t *testing.T) {
	for _, s := range loadSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			environment := s.environment(t)
			c, err := Evaluate(t.Context(), s.files, Options{Getenv: lookup(environment)})
			require.NoError(t, err)
			got := describeResult(t, c)
			if *update {
				require.NoError(t, os.WriteFile(s.path(".expected"), []byte(got), 0o644))
			}
			want, err := os.ReadFile(s.path(".expected"))
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

func lookup(environment map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, found := environment[name]
		return value, found
	}
}

// notForPHP are samples that PHP at hand cannot answer: for want of the extensions pdo_mysql and redis, or because they are made to
// bring it down.
var notForPHP = regexp.MustCompile("^(class_constants|use_aliases|guarded_exit|hostile_.*)$")

// TestSamplesAgainstPHP holds every sample against PHP itself: what the evaluator knows has to be what PHP finds, no key may
// be missing, and where PHP fails the evaluator has to say so.
func TestSamplesAgainstPHP(t *testing.T) {
	requirePHP(t)
	alone := map[string][]string{} // those without an environment of their own
	for _, s := range loadSamples(t) {
		if s.environment(t) == nil && !notForPHP.MatchString(s.name) {
			alone[s.name] = s.files
		}
	}
	answers := askEach(t, alone)
	for _, s := range loadSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			if notForPHP.MatchString(s.name) {
				return
			}
			environment := s.environment(t)
			for name, value := range environment {
				t.Setenv(name, value)
			}
			c, err := Evaluate(t.Context(), s.files, Options{Getenv: lookup(environment)})
			require.NoError(t, err)
			found, asked := answers[s.name]
			if !asked {
				found = askEach(t, map[string][]string{s.name: s.files})[s.name]
			}
			if found.err != nil {
				require.NotEmpty(t, c.Warnings, "PHP fails: %v", found.err)
				return
			}
			agree(t, c, found.answer)
		})
	}
}

// outcomeOfPHP is what a process of PHP answers.
type outcomeOfPHP struct {
	answer
	err error
}

// askEach asks PHP for each of the named files in a process of its own, a few at a time.
func askEach(t *testing.T, files map[string][]string) map[string]outcomeOfPHP {
	var group sync.WaitGroup
	var lock sync.Mutex
	places := make(chan struct{}, 8)
	outcomes := map[string]outcomeOfPHP{}
	for name, list := range files {
		group.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			answers, err := ask(t.Context(), nil, [][]string{list})
			lock.Lock()
			defer lock.Unlock()
			if err != nil {
				answers = make([]answer, 1)
			}
			outcomes[name] = outcomeOfPHP{answers[0], err}
		})
	}
	group.Wait()
	return outcomes
}

// agree compares an evaluation with PHP's answer.
func agree(t *testing.T, c *Config, a answer) {
	t.Helper()
	if a.Error != "" {
		require.True(t, len(c.Warnings)+len(c.Unknown) > 0, "PHP fails, the evaluator does not notice: %s", a.Error)
		return
	}
	found := map[string]Value{}
	require.NoError(t, a.read(t.Context(), func(key string, v Value) { found[key] = v }))
	unknown := map[string]bool{}
	for _, u := range c.Unknown {
		unknown[u.Key] = true
	}
	if unknown[AnyKey] {
		return
	}
	for key, want := range found {
		if entry, known := c.Values[key]; known {
			require.Equal(t, render(want), render(entry.Value), "key %s", key)
		} else {
			require.True(t, unknown[key], "key %s is missing, PHP finds %s", key, render(want))
		}
	}
	for key := range c.Values {
		require.Contains(t, found, key, "key %s is not there for PHP", key)
	}
}

// TestBeyondTheSubset holds the list in decision 7: the samples of which something is unknown because of what the subset leaves out. Of all
// others whole files are known, but for those that are unknown in any case.
func TestBeyondTheSubset(t *testing.T) {
	text, err := os.ReadFile("../../docs/adr/0007-php-subset.md")
	require.NoError(t, err)
	listed := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([a-z_, ]+) \|`).FindAllStringSubmatch(string(text), -1) {
		for name := range strings.SplitSeq(row[1], ", ") {
			listed[name] = true
		}
	}
	delete(listed, "sample") // the head of the table
	require.Contains(t, string(text), fmt.Sprintf("%d give less", len(listed)))
	inAnyCase := regexp.MustCompile("^(hostile_.*|unknown_config|attribute_comment)$")
	for _, s := range loadSamples(t) {
		expected, err := os.ReadFile(s.path(".expected"))
		require.NoError(t, err)
		if listed[s.name] {
			require.Contains(t, string(expected), " is unknown: ", s.name)
			delete(listed, s.name)
		} else if !inAnyCase.MatchString(s.name) {
			require.NotContains(t, string(expected), " * is unknown: ", s.name)
		}
	}
	require.Empty(t, listed, "samples that are not there")
}
