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
