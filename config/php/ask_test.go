package php

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAskPHP asks for keys of every type.
func TestAskPHP(t *testing.T) {
	requirePHP(t)
	t.Setenv("ASKED", "from the environment")
	path := writeConfig(t, `output <?php
		$CONFIG = ['s' => "\xff\0", 'i' => PHP_INT_MIN, 'f' => 0.1, 'b' => true, 'n' => null, 'l' => [1, ['x' => 'y']],
			'o' => (object) ['p' => 1], 'e' => getenv('ASKED'), 'root' => OC::$SERVERROOT, 'version' => PHP_MAJOR_VERSION, 'unasked' => 1,
			'object' => [new ArrayObject()]];`)
	second := writeConfig(t, `<?php $CONFIG['i'] = isset($CONFIG) ? 1 : 2;`)
	found, err := AskPHP(t.Context(), nil, []string{path, second}, []string{"s", "i", "f", "b", "n", "l", "o", "e", "root", "version", "missing", "object"})
	require.NoError(t, err)
	require.NotContains(t, found, "unasked")
	require.NotContains(t, found, "missing")
	require.NotContains(t, found, "object")
	require.Contains(t, found, "n")
	require.Equal(t, "\xff\x00", found["s"])
	require.Equal(t, int64(2), found["i"])
	require.Equal(t, 0.1, found["f"])
	require.Equal(t, true, found["b"])
	require.Equal(t, `[0 => 1, 1 => ["x" => "y"]]`, render(found["l"]))
	require.Equal(t, `stdClass["p" => 1]`, render(found["o"]))
	require.Equal(t, "from the environment", found["e"])
	require.Equal(t, path[:len(path)-len("/config/config.php")], found["root"])
	require.GreaterOrEqual(t, found["version"], int64(7))
}

// TestAskPHPFails says why there is no answer, without quoting the file.
func TestAskPHPFails(t *testing.T) {
	requirePHP(t)
	for name, test := range map[string]struct{ content, want string }{
		"an exception":    {`<?php throw new Exception('secret');`, "Exception in config.php:1"},
		"a syntax error":  {`<?php $CONFIG = 'secret`, "ParseError in config.php:1"},
		"exit":            {`<?php exit('secret');`, "ended before it answered"},
		"no memory":       {`<?php $s = str_repeat('secret', 1 << 30);`, "failed"},
		"too much output": {`<?php fwrite(STDOUT, str_repeat('secret', 2 << 20));`, "php"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := AskPHP(t.Context(), nil, []string{writeConfig(t, test.content)}, []string{"a"})
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "secret")
		})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := AskPHP(ended, nil, []string{writeConfig(t, "<?php while (true);")}, nil)
	require.Error(t, err)
}

func TestAskWithoutPHP(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := AskPHP(t.Context(), nil, []string{writeConfig(t, "<?php")}, nil)
	require.ErrorIs(t, err, ErrNoPHP)
}

// TestUnreadable is not PHP's false: PHP may run as somebody who can read the file.
func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	secret := t.TempDir() + "/secret"
	require.NoError(t, os.WriteFile(secret, []byte("x"), 0o000))
	c, err := Evaluate(t.Context(), []string{writeConfig(t, "<?php $CONFIG = ['a' => file_get_contents('"+secret+"'), 'b' => is_readable('"+secret+"')];")}, Options{})
	require.NoError(t, err)
	require.Len(t, c.Unknown, 2)
	require.Contains(t, c.Unknown[0].Reason, "permission denied")
}
