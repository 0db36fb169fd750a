package php

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRound knows no whole number for what only some versions of PHP take for a half.
func TestRound(t *testing.T) {
	for number, known := range map[string]bool{
		"0.5": true, "-2.5": true, "1234.4999": true, "1e15": true, "0.0": true, "2.4999999999": true,
		"0.285 * 100": false, "0.49999999999999994": false, "1.4999999999999998": false, "1.005 * 100": false,
	} {
		c, err := Evaluate(t.Context(), []string{writeConfig(t, "<?php $CONFIG = ['b' => round("+number+")];")}, Options{})
		require.NoError(t, err)
		_, isKnown := c.Values["b"]
		require.Equal(t, known, isKnown, number)
	}
}

// TestNegativeKeys takes nothing for certain that depends on PHP's version: what follows a negative key is the next one only from
// PHP 8.3 on.
func TestNegativeKeys(t *testing.T) {
	for code, known := range map[string]bool{
		"$b = []; $b[-3] = 1; $b[] = 2;":            false,
		"$b = [-3 => 1, 2];":                        false,
		"$b = [-3 => 1]; array_push($b, 2);":        false,
		"$b = array_fill(-5, 3, 'z');":              false,
		"$b = [-3 => 1, -1 => 2]; $b[] = 3;":        true,
		"$b = [-3 => 1, 5 => 2]; $b[] = 3;":         true,
		"$b = [-3 => 1, 'x' => 2]; $b['y'] = 3;":    true,
		"$b = array_merge([-3 => 1], [2]);":         true,
		"$b = array_values([-3 => 1]); $b[] = 'z';": true,
	} {
		c, err := Evaluate(t.Context(), []string{writeConfig(t, "<?php "+code+" $CONFIG = ['b' => $b];")}, Options{})
		require.NoError(t, err)
		_, isKnown := c.Values["b"]
		require.Equal(t, known, isKnown, code)
	}
}
