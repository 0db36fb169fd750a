package php

import (
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPrelude evaluates with functions of the prelude at the same time: what all evaluations share, none may change.
func TestPrelude(t *testing.T) {
	path := writeConfig(t, `<?php $CONFIG = ['a' => array_merge_recursive(['x' => [1]], ['x' => [2]]), 'b' => array_chunk(array_reverse(range(1, 5)), 2),
		'c' => pathinfo('/a/b.c'), 'd' => strtr('banana', ['an' => 'q']), 'e' => \PDO::MYSQL_ATTR_SSL_CA,
		'f' => array_combine(['k']),
	];`)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			c, err := Evaluate(t.Context(), []string{path}, Options{})
			if err != nil || len(c.Warnings) != 1 {
				t.Errorf("%v %v", err, c)
			}
		})
	}
	group.Wait()
	c, err := Evaluate(t.Context(), []string{path}, Options{})
	require.NoError(t, err)
	require.Equal(t, []Problem{{"config.php", 3, "PHP would fail: an exception is thrown: ArgumentCountError: array_combine() got an argument that is not allowed"}}, c.Warnings)

	c, err = Evaluate(t.Context(), []string{writeConfig(t, "<?php $CONFIG = ['a' => str_pad('a', 5, '')];")}, Options{})
	require.NoError(t, err)
	require.Equal(t, []Problem{{"config.php", 1, "PHP would fail: an exception is thrown: ValueError: str_pad() got an argument that is not allowed"}}, c.Warnings)
}

// TestPreludeLines keeps the line of a key where it goes through a function of the prelude.
func TestPreludeLines(t *testing.T) {
	c, err := Evaluate(t.Context(), []string{writeConfig(t, `<?php
		$CONFIG = ['dbhost' => 'db',
			'dbuser' => 'u',
			'x' => ['y' => 1]];
		$CONFIG = array_diff_key($CONFIG, ['x' => 1]);
		$CONFIG = array_map('strtoupper', array_merge_recursive($CONFIG, ['z' => 'new']));
	`)}, Options{})
	require.NoError(t, err)
	require.Equal(t, map[string]Entry{"dbhost": {"DB", "config.php", 2}, "dbuser": {"U", "config.php", 3}, "z": {"NEW", "config.php", 6}}, c.Values)
}

// oddArguments are those that a configuration hands to no function.
var oddArguments = []string{
	"null", "true", "false", "0", "1", "-1", "2", "1.5", "''", "'a'", "'abcab'", "'12'", "' 5'", "'1.5'", "'/a/b.c'", "'Abc'",
	"[]", "[1, 2, 3]", "['a' => 1, 'b' => [1]]", "['b', 'a', '1']", "[3 => 'x', 'k' => null, -2 => 1.5]", "[[1], ['a' => 2]]", "(object) ['p' => 1]",
}

// TestFunctionsAgainstPHP calls every function that is known with arguments of all kinds: what it gives has to be what PHP gives, and where
// PHP fails it has to fail or give nothing.
func TestFunctionsAgainstPHP(t *testing.T) {
	requirePHP(t)
	first := *seed
	if first == 0 {
		first = rand.Uint64()
	}
	t.Logf("the first seed is %d", first)
	g := newGenerator(first)
	folder := t.TempDir()
	var jobs [][]string
	var calls []string
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		if slices.Contains([]string{"define", "ini_set", "getenv", "glob", "file_get_contents"}, name) {
			continue
		}
		f := functions[name]
		most := max(f.most, f.least, 3*min(1, -min(f.most, 0)))
		for range 30 {
			var arguments []string
			for range f.least + g.IntN(most-f.least+1) {
				arguments = append(arguments, g.pick(oddArguments...))
			}
			call := name + "(" + strings.Join(arguments, ", ") + ")"
			path := folder + "/" + stringOf(len(calls)) + ".php"
			require.NoError(t, os.WriteFile(path, []byte("<?php $CONFIG = ['v' => "+call+"];"), 0o600))
			calls, jobs = append(calls, call), append(jobs, []string{path})
		}
	}
	answers, err := ask(t.Context(), nil, jobs)
	require.NoError(t, err)
	for i, files := range jobs {
		c, err := Evaluate(t.Context(), files, Options{Getenv: os.LookupEnv})
		require.NoError(t, err)
		t.Run(calls[i], func(t *testing.T) { agree(t, c, answers[i]) })
	}
}
