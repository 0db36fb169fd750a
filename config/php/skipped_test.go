package php

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// setsHost is a function whose effect is not seen where it is called.
const setsHost = "function set($v) { putenv('SKIPPED_HOST=' . $v); }"

// skippedCode is not evaluated, and changes what comes after it.
var skippedCode = map[string]string{
	"a loop that changes the environment": `foreach (parse_ini_file(__DIR__ . '/env.ini') as $k => $v) { putenv("$k=$v"); }`,
	"such a loop in a function": `function load($f) { foreach (parse_ini_file($f) as $k => $v) { putenv("$k=$v"); } }
		load(__DIR__ . '/env.ini');`,
	"a loop that calls a function":          setsHost + ` foreach (parse_ini_file(__DIR__ . '/env.ini') as $v) { set($v); }`,
	"a loop that calls it by a name":        setsHost + ` foreach (parse_ini_file(__DIR__ . '/env.ini') as $v) { call_user_func('set', $v); }`,
	"a loop over a loop":                    `foreach (parse_ini_file(__DIR__ . '/env.ini') as $v) { foreach ([1, 2] as $i) { putenv("SKIPPED_HOST=$v"); } }`,
	"a loop that sets $_SERVER":             `foreach (parse_ini_file(__DIR__ . '/env.ini') as $k => $v) { $_SERVER[$k] = $v; }`,
	"a loop that defines":                   `foreach (parse_ini_file(__DIR__ . '/env.ini') as $v) { define('HOST', $v); } define('HOST', 'later'); $a = HOST;`,
	"a loop that calls a closure":           `$set = function ($v) use (&$a) { $a = $v; }; foreach (parse_ini_file(__DIR__ . '/env.ini') as $v) { $set($v); }`,
	"a loop that makes and calls a closure": `foreach (parse_ini_file(__DIR__ . '/env.ini') as $v) { (function () use (&$a, $v) { $a = $v; })(); }`,
	"a loop that changes an object": `$o = new stdClass; $o->a = 'old'; $p = $o;
		foreach (parse_ini_file(__DIR__ . '/env.ini') as $v) { $p->a = $v; } $a = $o->a;`,
	"a loop that hands over an object": `$o = new stdClass; $o->a = 'old'; $p = $o; function put($to, $v) { $to->a = $v; }
		foreach (parse_ini_file(__DIR__ . '/env.ini') as $v) { put($p, $v); } $a = $o->a;`,
	"a loop that counts in a static variable": `function next_number() { static $n = 0; return ++$n; }
		foreach (parse_ini_file(__DIR__ . '/env.ini') as $v) { next_number(); } $a = next_number();`,
	"a loop that sets a global variable": `function set($v) { global $host; $host = $v; } function host() { global $host; return $host; } set('old');
		foreach (parse_ini_file(__DIR__ . '/env.ini') as $v) { set($v); } $a = host();`,
	"a loop that sets one by its name": `function set($v) { $GLOBALS['host'] = $v; } function host() { global $host; return $host; } set('old');
		foreach (parse_ini_file(__DIR__ . '/env.ini') as $v) { set($v); } $a = host();`,
	"a generator that runs later": `function numbers() { global $host; $host = 'new'; yield 1; } function host($new = null) { global $host; if ($new) $host = $new; return $host; }
		$later = numbers(); host('old'); foreach ($later as $n) {} $a = host();`,
	"a closure that counts": `function counter() { return function () { static $n = 0; return ++$n; }; } $f = counter(); $f();
		array_map($f, preg_split('/,/', 'a,b')); $a = $f();`,
	"a loop that makes a variable global":    `function set($v) { global $host; $host = $v; } set('new'); foreach (preg_split('/,/', 'x') as $v) { global $host; } set('newer'); $a = $host;`,
	"a loop that goes on with one around it": `foreach ([1] as $i) { foreach (parse_ini_file(__DIR__ . '/env.ini') as $v) { continue 2; } $a = 'reached'; }`,
	"a loop that may throw":                  `try { foreach (parse_ini_file(__DIR__ . '/env.ini') as $v) { throw new Exception; } $a = 'through'; } catch (Exception) { $a = 'caught'; }`,
	"a mapped function of PHP's":             `array_map('putenv', preg_split('/,/', 'SKIPPED_HOST=new'));`,
	"a function of PHP's by its name":        `$f = 'putenv'; $f('SKIPPED_HOST=new');`,
	"a function of PHP's that is called":     `call_user_func('putenv', 'SKIPPED_HOST=new');`,
	"a function of PHP's as a value":         `$f = putenv(...); $f('SKIPPED_HOST=new');`,
	"a mapped closure":                       `array_map(function ($v) use (&$a) { $a = $v; }, preg_split('/,/', 'new'));`,
	"a mapped closure over two lists":        `array_map(function ($v, $w) use (&$a) { $a = $v . $w; }, ['n'], ['ew']);`,
	"a filter that is not known":             `array_filter(preg_split('/,/', 'new'), function ($v) use (&$a) { $a = $v; return true; });`,
	"a walk":                                 `$list = ['x' => 'new']; array_walk($list, function ($v, $k) use (&$CONFIG, &$a) { $a = $v; });`,
	"a walk with a closure in a variable":    `$list = ['x' => 'new']; $f = function ($v) use (&$a) { $a = $v; }; array_walk($list, $f);`,
	"a walk with a closure in a closure":     `$list = ['x' => 'new']; $f = function ($v) use (&$a) { $a = $v; }; array_walk($list, fn($v) => $f($v));`,
	"an order":                               `$list = [2, 1]; $a = 0; usort($list, function ($x, $y) use (&$a) { $a = 1; return $x <=> $y; });`,
	"a replacement":                          `preg_replace_callback('/x/', function ($m) use (&$a) { $a = 'new'; return ''; }, 'axb');`,
	"replacements":                           setsHost + ` preg_replace_callback_array(['/x/' => fn($m) => set('new')], 'axb');`,
	"an iterator":                            `function put() { putenv('SKIPPED_HOST=new'); return ''; } iterator_apply(new ArrayIterator([1]), 'put');`,
	"a method of a closure":                  `(function () use (&$a) { $a = 'new'; })->call(new stdClass);`,
	"a static method":                        `class Env { static function load($f) { foreach (parse_ini_file($f) as $k => $v) putenv("$k=$v"); } } Env::load(__DIR__ . '/env.ini');`,
	"a static method by its name":            `class Env { static function load() { putenv('SKIPPED_HOST=new'); } } call_user_func('Env::load'); array_map(['Env', 'load'], []);`,
	"a static method in an array":            `class Env { static function load($v) { putenv('SKIPPED_HOST=' . $v); } } array_map(['Env', 'load'], ['new']);`,
	"a static method of a computed class":    `class Env { static function load() { putenv('SKIPPED_HOST=new'); } } $c = 'Env'; $c::load();`,
	"a constructor":                          `class Env { function __construct() { putenv('SKIPPED_HOST=new'); } } new Env;`,
	"a class without a name":                 `new class { function __construct() { putenv('SKIPPED_HOST=new'); } };`,
	"a destructor":                           `class Env { function __destruct() { putenv('SKIPPED_HOST=new'); } } $e = new Env; unset($e);`,
	"a generator":                            `function numbers() { putenv('SKIPPED_HOST=new'); yield 1; } foreach (numbers() as $n) {}`,
	"a generator that changes its argument":  `function numbers(&$x) { $x = 'new'; yield 1; } foreach (numbers($a) as $n) {}`,
	"a handler of errors":                    `set_error_handler(function () { putenv('SKIPPED_HOST=new'); return true; }); $x = $undefined; restore_error_handler();`,
	"a loader of classes":                    `spl_autoload_register(function ($c) { putenv('SKIPPED_HOST=new'); }); class_exists('Nope');`,
	"a tick": `declare(ticks=1); function tick() { putenv('SKIPPED_HOST=new'); }
		register_tick_function('tick'); $x = 1; unregister_tick_function('tick');`,
	"a function that may be one of two": `$f = crc32('x') ? function () use (&$a) { $a = 'new'; } : null; $f && $f();`,
	"a written file":                    `file_put_contents(__DIR__ . '/written', 'new'); $a = file_get_contents(__DIR__ . '/written');`,
	"a removed file":                    `unlink(__DIR__ . '/env.ini'); $a = file_exists(__DIR__ . '/env.ini');`,
	"a setting of PHP's":                `ini_set('precision', '3'); $a = '' . (1 / 3); ini_restore('precision');`,
	"what stands beside an unknown key": `$b = [crc32('x') => 1, 'b' => $a = 'new'];`,
	"a reference from a function":       `$b = ['a' => 'old']; function &first(&$x) { return $x['a']; } $r = &first($b); $r = 'new'; $a = $b['a'];`,
}

// TestSkippedCode holds what skipped code does against PHP: nothing that it may have changed is certain.
func TestSkippedCode(t *testing.T) {
	requirePHP(t)
	t.Setenv("SKIPPED_HOST", "old")
	known := map[string]*Config{}
	files := map[string][]string{}
	for name, code := range skippedCode {
		path := writeConfig(t, "<?php $a = 'old'; "+code+" $CONFIG = ['a' => $a, 'env' => getenv('SKIPPED_HOST'), 'server' => $_SERVER['SKIPPED_HOST']];")
		require.NoError(t, os.WriteFile(filepath.Dir(path)+"/env.ini", []byte("SKIPPED_HOST=new\n"), 0o600))
		c, err := Evaluate(t.Context(), []string{path}, Options{Getenv: os.LookupEnv})
		require.NoError(t, err)
		known[name], files[name] = c, []string{path}
	}
	answers := askEach(t, files)
	for name, c := range known {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, answers[name].err)
			require.Empty(t, answers[name].Error)
			agree(t, c, answers[name].answer)
		})
	}
}

// TestHarmlessSkippedCode makes no more unknown than has to be.
func TestHarmlessSkippedCode(t *testing.T) {
	for name, code := range map[string]string{
		"a mapped function":               `$CONFIG['u'] = array_map(fn($v) => [trim($v)], u()); $CONFIG['v'] = array_map('trim', u()); $CONFIG['w'] = array_filter(u());`,
		"a class of somebody else":        `$CONFIG['u'] = (new PDO('sqlite::memory:'))->query('select 1')->fetch();`,
		"a function that changes nothing": `function host() { return mb_substr('text', 1); } $CONFIG['u'] = [host(), php_uname(), trim(php_uname())];`,
		"settings of PHP's":               `ini_set('memory_limit', '1G'); error_reporting(E_ALL); set_time_limit(0); date_default_timezone_set('UTC');`,
		"a log of what is not known":      `function set($v) { define('X', $v); } error_log('start ' . php_uname()); $CONFIG['u'] = gethostbyname(php_uname());`,
		"what is by value":                `$CONFIG['u'] = ucwords($CONFIG['dbhost']) . preg_replace('/a/', 'b', $CONFIG['dbhost']);`,
		"what is by reference":            `$found = 'x'; preg_match('/x/', $CONFIG['dbhost'], $found); $CONFIG['u'] = $found;`,
		"conditions":                      `$CONFIG['u'] = class_exists('X') ? 1 : 2; if (extension_loaded('x')) { $CONFIG['u'] = 3; } $CONFIG['v'] = u() ?? 1; $CONFIG['w'] = match (u()) { 1 => 2, default => 3 };`,
		"a long string":                   `$CONFIG['u'] = str_repeat('a', 1 << 30);`,
		"what fails within an array":      `$CONFIG['u'] = [u(), [-5 => 1, 2], 1 . u(), ['x' => u()]]; $CONFIG['v'] = [u() => 1];`,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Evaluate(t.Context(), []string{writeConfig(t, "<?php $CONFIG = ['dbhost' => 'db']; "+code)}, Options{})
			require.NoError(t, err)
			require.Contains(t, c.Values, "dbhost", "%v", c.Unknown)
			require.NotContains(t, c.Values, "u")
		})
	}
}

// TestHandedFunctions hands functions of every form to one that is not known.
func TestHandedFunctions(t *testing.T) {
	for code, known := range map[string]bool{"function () {}": false, "function () { return 1; }": false, "fn() => 1": true, "fn() => $x = 1": false, "[fn() => f()]": false} {
		c, err := Evaluate(t.Context(), []string{writeConfig(t, "<?php $CONFIG = ['dbhost' => 'db']; u("+code+");")}, Options{})
		require.NoError(t, err)
		_, isKnown := c.Values["dbhost"]
		require.Equal(t, known, isKnown, code)
	}
}
