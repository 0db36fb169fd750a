package php

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNegativeKeys takes nothing for certain that depends on PHP's version: what follows a negative key is the next one only from
// PHP 8.3 on.
func TestNegativeKeys(t *testing.T) {
	for code, known := range map[string]bool{
		"$b = []; $b[-3] = 1; $b[] = 2;":            false,
		"$b = [-3 => 1, 2];":                        false,
		"$b = [[-3 => 1, 2]];":                      false,
		"$b = [-3 => 1]; $b['a'] = 'x'; $b[] = 2;":  false,
		"$b = ['a' => [-3 => 1]]; $b['a'][] = 2;":   false,
		"$b = [...[-3 => 1], 2];":                   true,
		"$b = [-3 => 1]; $b[-3] = 2;":               true,
		"$b = [-3 => 1, -1 => 2]; $b[] = 3;":        true,
		"$b = [-3 => 1, 5 => 2]; $b[] = 3;":         true,
		"$b = [-3 => 1, 'x' => 2]; $b['y'] = 3;":    true,
		"$b = array_merge([-3 => 1], [2]);":         true,
		"$b = array_values([-3 => 1]); $b[] = 'z';": true,
	} {
		c, err := Evaluate(t.Context(), []string{writeConfig(t, "<?php "+code+" $CONFIG = ['a' => 1, 'b' => $b];")}, Options{})
		require.NoError(t, err)
		_, isKnown := c.Values["b"]
		require.Equal(t, known, isKnown, code)
		require.Equal(t, int64(1), c.Values["a"].Value, code) // only that key is in doubt
	}
}
