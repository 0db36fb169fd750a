package php

import (
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
