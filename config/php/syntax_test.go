package php

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWordsAreNoOperators fails, as PHP does, where a word stands between two operands that is none of and, or and xor.
func TestWordsAreNoOperators(t *testing.T) {
	for _, word := range []string{"not", "assignment", "PREFIX", "ternary"} {
		c, err := Evaluate(t.Context(), []string{writeConfig(t, "<?php $CONFIG = ['a' => 6 "+word+" 2];")}, Options{})
		require.NoError(t, err)
		require.Empty(t, c.Values, word)
		require.Len(t, c.Broken, 1, word)
	}
}

// TestFunctionsInBraces knows a function above the braces in which it is declared, as PHP does.
func TestFunctionsInBraces(t *testing.T) {
	c, err := Evaluate(t.Context(), []string{writeConfig(t, "<?php f('x'); { function f($name) { define($name, 1); } } $CONFIG = ['a' => x];")}, Options{})
	require.NoError(t, err)
	require.Equal(t, int64(1), c.Values["a"].Value)
}
