package php

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const mebibyte = 1 << 20

// filler writes source up to a size in bytes.
type filler int

// hostile are files that would take without end, or nearly, of something. Each is of the given size where that helps it.
func hostile(size int) map[string]string {
	f := filler(size)
	return map[string]string{
		"a list":                      "<?php $CONFIG = [" + f.fill("1,") + "];",
		"a map":                       "<?php $CONFIG = [" + f.fill("'a'=>1,") + "];",
		"long keys":                   "<?php $CONFIG = [" + f.numbered("'%dx'=>%d,") + "];",
		"open brackets":               "<?php $CONFIG = " + f.fill("["),
		"nested arrays":               "<?php $CONFIG = " + f.nested("[", "1", "]") + ";",
		"nested array()":              "<?php $CONFIG = " + f.nested("array(", "1", ")") + ";",
		"nested parentheses":          "<?php $CONFIG = " + f.nested("(", "1", ")") + ";",
		"nested conditions":           "<?php " + f.nested("if(1){", "$CONFIG=[];", "}"),
		"nested else":                 "<?php " + f.fill("if(0);else ") + ";",
		"nested functions":            "<?php $CONFIG = " + f.nested("fn()=>[", "1", "]") + ";",
		"nested ternaries":            "<?php $CONFIG = " + f.nested("(1?", "1", ":1)") + ";",
		"nested strings":              "<?php $CONFIG = " + f.nested(`"{$a[`, "1", `]}"`) + ";",
		"nested assignments":          "<?php " + f.fill("$a=") + "1;",
		"nots":                        "<?php $CONFIG = " + f.fill("!") + "1;",
		"minuses":                     "<?php $CONFIG = " + f.fill("- ") + "1;",
		"casts":                       "<?php $CONFIG = " + f.fill("(int)") + "1;",
		"coalescing":                  "<?php $CONFIG = " + f.fill("$a??") + "1;",
		"powers":                      "<?php $CONFIG = " + f.fill("2**") + "1;",
		"dollars":                     "<?php $CONFIG = " + f.fill("$") + "a;",
		"a sum":                       "<?php $CONFIG = [1" + f.fill("+1") + "];",
		"a chain of strings":          "<?php $CONFIG = [''" + f.fill(".'a'") + "];",
		"a chain of indexes":          "<?php $CONFIG = $a" + f.fill("[0]") + ";",
		"a chain of calls":            "<?php $CONFIG = $a" + f.fill("()") + ";",
		"a chain of properties":       "<?php $CONFIG = $a" + f.fill("->b") + ";",
		"statements":                  "<?php " + f.fill("$a[]=1;"),
		"functions":                   "<?php " + f.numbered("function f%[2]d(){}"),
		"parameters":                  "<?php function f(" + f.numbered("$a%[2]d,") + "){}",
		"imports":                     "<?php " + f.numbered("use A\\B%[2]d;"),
		"a long namespace":            "<?php namespace A" + (f / 2).fill("a") + ";" + (f / 2).fill("a;"),
		"a long import":               "<?php use A" + (f / 2).fill("a") + " as B;" + (f / 2).fill(`B\a();`),
		"parameters without names":    "<?php function f(" + f.fill("$a,") + "){}",
		"variables":                   "<?php " + f.numbered("$v%[2]d=1;"),
		"one string":                  "<?php $CONFIG = ['a' => '" + f.fill("a") + "'];",
		"one string with escapes":     "<?php $CONFIG = ['a' => \"" + f.fill(`\n`) + "\"];",
		"one string with variables":   "<?php $CONFIG = ['a' => \"" + f.fill("$a") + "\"];",
		"one heredoc":                 "<?php $CONFIG = ['a' => <<<A\n" + f.fill(" a\n") + " A\n];",
		"a heredoc without end":       "<?php $CONFIG = <<<A\n" + f.fill("a\n"),
		"heredocs without end":        "<?php " + f.fill("<<<A\n"),
		"one comment":                 "<?php /*" + f.fill("*") + "/",
		"comments":                    "<?php " + f.fill("/**/"),
		"tags":                        f.fill("<?php ?>"),
		"one name":                    "<?php $CONFIG = " + f.fill("a") + ";",
		"one qualified name":          "<?php $CONFIG = " + f.fill(`\a`) + ";",
		"one number":                  "<?php $CONFIG = [" + f.fill("1") + "];",
		"unknown conditions":          "<?php $CONFIG = [];" + f.fill("if(u()){$CONFIG[]=1;}"),
		"unknown loop":                "<?php $CONFIG = []; while(u()) { $CONFIG[] = str_repeat('a', 100000); }",
		"an endless loop":             "<?php while(true);",
		"an endless for":              "<?php for(;;) $a[] = 1;",
		"an endless recursion":        "<?php function f() { f(); } f();",
		"an endless recursion inside": "<?php $f = function() use (&$f) { return [$f()]; }; $CONFIG = $f();",
		"doubled strings":             "<?php $s = 'a'; while (true) { $s .= $s; }",
		"doubled strings by quotes":   "<?php $s = 'a'; for ($i = 0; $i < 100; $i++) { $s = \"$s$s\"; } $CONFIG = [$s];",
		"repeated strings":            "<?php $CONFIG = []; while (true) $CONFIG[] = str_repeat('a', 1000000);",
		"replaced strings":            "<?php $s = str_repeat('a', 1000000); while (true) $s = str_replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaa', $s);",
		"searched strings":            "<?php $s = str_repeat('a', 2000000); while (true) strpos($s, 'b');",
		"imploded":                    "<?php $CONFIG = [implode(str_repeat('a', 1000000), range(1, 1000))];",
		"counted strings":             "<?php $s = str_repeat('1', 1900000); for (;;) (float) $s;",
		"added strings":               "<?php $s = str_repeat('1', 1900000); for (;;) $s + 1;",
		"strings for numbers":         "<?php function f(int $x) {} $s = str_repeat('1', 1900000); for (;;) { try { f($s); } catch (Error) {} }",
		"strings for offsets":         "<?php $s = str_repeat('1', 1900000); for (;;) $s[$s] ?? 1;",
		"a width":                     "<?php $CONFIG = [sprintf('%999999d', 1), sprintf('%099999999999d', 1)];",
		"many formats":                "<?php $CONFIG = [sprintf(str_repeat('%1$999d', 250000), 1)];",
		"many percent signs":          "<?php $CONFIG = [sprintf(str_repeat('%%', 900000))];",
		"many translations":           "<?php $CONFIG = [strtr(str_repeat('ab', 900000), ['a' => 'bc', 'b' => 'ca'])];",
		"a padding":                   "<?php while (true) str_pad('a', 2000000, 'ab', STR_PAD_BOTH);",
		"differences":                 "<?php $a = range(1, 20000); while (true) array_diff($a, $a, $a);",
		"chunks":                      "<?php $a = range(1, 20000); while (true) array_chunk($a, 1);",
		"compared, the largest":       "<?php $a = [1]; for ($i = 0; $i < 60; $i++) { $a = [$a, $a]; $b = [$b, $b]; } $CONFIG = [max($a, $b), array_unique($a)];",
		"a range":                     "<?php $CONFIG = range(1, 1000000000);",
		"a fill":                      "<?php $CONFIG = array_fill(0, 1000000000, 1);",
		"a pad":                       "<?php $CONFIG = array_pad([], 1000000000, 1);",
		"doubled arrays":              "<?php $a = [1]; while (true) { $a = [$a, $a]; }",
		"doubled arrays, compared":    "<?php $a = [1]; for ($i = 0; $i < 60; $i++) { $a = [$a, $a]; $b = [$b, $b]; } $CONFIG = [$a == $b, $a === $b];",
		"doubled arrays, kept":        "<?php $a = [u()]; for ($i = 0; $i < 60; $i++) { $a = [$a, $a]; } $CONFIG = $a;",
		"doubled objects":             "<?php $a = [new stdClass]; for ($i = 0; $i < 60; $i++) { $a = [$a, $a]; } $CONFIG = ['a' => $a]; in_array(1, $a);",
		"merged arrays":               "<?php $a = [1]; while (true) { $a = array_merge($a, $a); }",
		"merged deep":                 "<?php $a = ['a' => 1]; while (true) { $a = array_merge_recursive($a, $a); }",
		"an array in itself":          "<?php $a = []; while (true) { $a = [$a]; }",
		"an array in itself by index": "<?php $a = []; while (true) { $a['x'] = $a; } ",
		"an object in itself":         "<?php $o = new stdClass; $o->o = $o; $CONFIG = ['o' => $o, 'x' => [$o] == [$o]];",
		"objects in each other":       "<?php $o = new stdClass; while (true) { $n = new stdClass; $n->o = $o; $o = $n; }",
		"copies":                      "<?php $a = range(1, 10000); while (true) { $b = $a; $b[] = 1; }",
		"sorting":                     "<?php $a = range(10000, 1); while (true) { $b = $a; sort($b); }",
		"json":                        "<?php $CONFIG = [json_decode(str_repeat('[', 1000000) . str_repeat(']', 1000000))];",
		"much json":                   "<?php $CONFIG = [json_decode('[' . str_repeat('1,', 400000) . '1]')];",
		"inclusion of itself":         "<?php include __FILE__;",
		"inclusion without end":       "<?php while (true) { include __FILE__; }",
		"devices":                     "<?php $CONFIG = [file_get_contents('/dev/zero'), file('/dev/urandom')]; include '/dev/zero';",
		"closures":                    "<?php while (true) { $f = fn() => $f; }",
		"callbacks":                   "<?php function f($x) { return array_map('f', [$x]); } f(1);",
		"exceptions":                  "<?php while (true) { try { throw new Exception; } catch (Exception) {} }",
		"exceptions in each other":    "<?php function f() { try { f(); } finally { f(); } } f();",
		"extraction":                  "<?php while (true) { extract(['a' . $i++ => 1]); }",
		"constants":                   "<?php while (true) { define('A' . $i++, 1); }",
		"variables by name":           "<?php while (true) { ${'a' . $i++} = 1; }",
		"translation":                 "<?php $s = str_repeat('ab', 500000); $CONFIG = [strtr($s, [str_repeat('a', 100000) => 'x', 'b' => str_repeat('y', 1000)])];",
		"powers of powers":            "<?php $CONFIG = [2 ** 1000000000, 1.0000001 ** 1000000000, PHP_INT_MAX ** PHP_INT_MAX];",
		"shifts":                      "<?php $CONFIG = [1 << 1000000000, 1 << PHP_INT_MAX, -1 >> 1000000000];",
		"levels":                      "<?php $CONFIG = [dirname(str_repeat('/a', 500000), 1000000000)];",
		"skipped loops":               "<?php " + f.fill("foreach(u() as $v){trim($v);}"),
		"skipped loops in each other": "<?php " + f.nested("foreach(u() as $v){", "f($v);", "}"),
		"skipped functions in a row":  "<?php " + f.callChain() + "foreach(u() as $v){f0();}",
		"skipped functions, all":      "<?php " + f.callChain() + "while(true)u(u());",
		"skipped sums":                "<?php while(true) { $a = u() ? 1" + filler(7100).fill("+1") + " : 2; }",
		"files that are not there":    `<?php for ($i = 0; $i < 1000000; $i++) { @include "/nonexistent$i"; } $CONFIG = ['x' => 1];`,
		"reading what is not there":   `<?php for ($i = 0; $i < 1000000; $i++) { @file_get_contents("/nonexistent$i"); } $CONFIG = ['x' => 1];`,
		"many ways, many keys":        "<?php " + strings.Repeat("if(u()){$a=1;}", 6) + "$CONFIG=[" + filler(200_000).numbered("'k%[2]d'=>$a,") + "];",
		"kept references":             "<?php $CONFIG = ['a' => 1]; $r = &$CONFIG['a']; while (true) { $x = [$r, $CONFIG['a'], $r, $r, $r]; $r = 1; $CONFIG['a'] = $r; }",
		"kept references, read":       "<?php $CONFIG = ['a' => 1]; $r = &$CONFIG['a']; while (true) { $r; $r; $r; $r; $r; $r; $r; $r; $r; $r; }",
		"a break out of many":         "<?php while (1) break 499999999999;",
	}
}

// fill repeats a piece of source.
func (f filler) fill(piece string) string { return strings.Repeat(piece, (int(f)-100)/len(piece)) }

// nested fills it with brackets around something.
func (f filler) nested(open, inside, end string) string {
	n := (int(f) - 100) / (len(open) + len(end))
	return strings.Repeat(open, n) + inside + strings.Repeat(end, n)
}

// callChain declares functions that call each other from the first to the last.
func (f filler) callChain() string {
	var b strings.Builder
	for i := 0; b.Len() < int(f)-200; i++ {
		fmt.Fprintf(&b, "function f%d(){return [[[[f%d()]]]];}", i, i+1)
	}
	return b.String()
}

func (f filler) numbered(format string) string {
	var b strings.Builder
	for i := 0; b.Len() < int(f)-200; i++ {
		fmt.Fprintf(&b, format, i, i)
	}
	return b.String()
}

// raceDetector says that memory is not what it is in the program: frames of the stack are larger, and pools
// forget. .ci/run has the tests that look at memory without the race detector, too.
var raceDetector bool

// largeTime is the time for a large file: the default, but with the race detector, which takes twenty times as long.
var largeTime time.Duration

// requireAllocated looks at what was allocated.
func requireAllocated(t *testing.T, allocated, most uint64, what ...any) {
	t.Helper()
	if !raceDetector {
		assert.Less(t, allocated, most, what...)
	}
}

// TestHostile evaluates what means harm. It must come to an end within the memory that is allowed, which is held against all that
// was allocated, whether it could have been collected or not, and against the growth of the stack. Sizes and memory are a quarter here of
// what they are in TestLoadHostile, so that it takes a quarter of the time.
func TestHostile(t *testing.T) {
	const size, memory = mebibyte / 4, defaultMemory / 4
	for name, content := range hostile(size) {
		t.Run(name, func(t *testing.T) {
			path := writeConfig(t, content)
			require.Less(t, len(content), size)
			allocated := measure(func() {
				c, err := Evaluate(context.Background(), []string{path}, Options{Limits: Limits{Memory: memory}})
				require.NoError(t, err)
				for key, e := range c.Values {
					require.NotPanics(t, func() { _ = key + render(e.Value) })
				}
			})
			requireAllocated(t, allocated, memory, "bytes")
		})
	}
}

// TestSyntaxTree has each kind of node as often as the memory allows: what the tree takes is accounted for by the token.
func TestSyntaxTree(t *testing.T) {
	const size, memory = mebibyte / 4, defaultMemory / 4
	for _, source := range []string{
		"isset(§$a,§$b);", "f(§1,§1);", "f(§$a,§1);", "$a = [§$a,§];", "$a = [§a,§];", "$a = match(1) {§1=>1,§};", "switch(1) {§case 1:§}",
		"if(1);§elseif(1);§", "const §A=1,§B=1;", "§a;§", "§{}§", "§1;§", "§A::B;§", "§fn()=>1;§", "function f(§$a,§){}",
		"function() use(§$a,§){};", "function f(§a|§a $x){}", "try{}catch(§a|§a){}", "for(§1,§1;;){};", "echo §1,§1;", `$a="§$a[0]§";`,
		"§++$a;§", "§(int)$a;§", "§new A;§", "§while(1);§", "§for(;;);§", "§do;while(1);§", "§break;§", "§unset($a);§", "§try{}catch(A){}§",
		"§foreach(a as$b);§", "§switch(1){}§", "§[[]];§",
	} {
		parts := strings.Split("<?php "+source, "§")
		path := writeConfig(t, parts[0]+filler(size).fill(parts[1])+parts[2])
		allocated := measure(func() {
			_, err := Evaluate(t.Context(), []string{path}, Options{Limits: Limits{Memory: memory}})
			require.NoError(t, err)
		})
		requireAllocated(t, allocated, memory, "bytes, by %s", source)
	}
}

// measure returns how many bytes a function allocates, its growth of the stack included.
func measure(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan struct{})
	go func() { // on a stack of its own, which begins small
		defer close(done)
		f()
		runtime.ReadMemStats(&after)
	}()
	<-done
	return after.TotalAlloc - before.TotalAlloc + after.StackInuse - min(after.StackInuse, before.StackInuse)
}

// TestSpecialFiles reads nothing but regular files, and waits for none.
func TestSpecialFiles(t *testing.T) {
	folder := t.TempDir()
	pipe := folder + "/pipe"
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	large := folder + "/large"
	require.NoError(t, os.WriteFile(large, make([]byte, defaultFileSize+1), 0o600))
	for name, path := range map[string]string{"a pipe": pipe, "a device": "/dev/zero", "a folder": folder, "a large file": large, "nothing": folder + "/none"} {
		t.Run(name, func(t *testing.T) {
			c, err := Evaluate(t.Context(), []string{path}, Options{})
			require.NoError(t, err)
			require.Empty(t, c.Values)
			require.Len(t, c.Warnings, 1)
			require.Contains(t, c.Warnings[0].File, path[strings.LastIndex(path, "/")+1:])
		})
	}
	c, err := Evaluate(t.Context(), []string{writeConfig(t, "<?php $CONFIG = ['a' => file_get_contents('"+pipe+"'), 'b' => file_get_contents('"+large+"'), 'c' => 1];")}, Options{})
	require.NoError(t, err)
	require.Len(t, c.Unknown, 2)
	require.Equal(t, int64(1), c.Values["c"].Value)
}

// TestLimits sets limits of its own.
func TestLimits(t *testing.T) {
	path := writeConfig(t, "<?php $CONFIG = ['a' => str_repeat('a', 1000000)];")
	c, err := Evaluate(t.Context(), []string{path}, Options{Limits: Limits{Memory: mebibyte}})
	require.NoError(t, err)
	require.True(t, c.Exhausted)
	require.Equal(t, AnyKey, c.Unknown[0].Key)

	c, err = Evaluate(t.Context(), []string{path}, Options{Limits: Limits{FileSize: 10}})
	require.NoError(t, err)
	require.Len(t, c.Warnings, 1)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Evaluate(ended, []string{path}, Options{})
	require.ErrorIs(t, err, context.Canceled)
}

// TestLarge reads files that are large without meaning harm, as large as config lets them be.
func TestLarge(t *testing.T) {
	domains := strings.Repeat("    'cloud.of-a-department.example.com',\n", 150_000)
	for name, content := range map[string]string{
		"a list":           "<?php $CONFIG = ['dbhost' => 'db', 'trusted_domains' => [" + domains + "], 'x' => getenv('X')];",
		"a map":            "<?php $CONFIG = ['dbhost' => 'db'," + filler(mebibyte).numbered("\n  'a key with a number %d' => 'value %d',") + "];",
		"a comment":        "<?php /*" + strings.Repeat("* a comment\n", 600_000) + "*/ $CONFIG = ['dbhost' => 'db'];",
		"comments":         "<?php $CONFIG = ['dbhost' => 'db']; " + strings.Repeat("// a comment\n", 600_000),
		"a string":         "<?php $CONFIG = ['dbhost' => 'db', 'x' => '" + strings.Repeat("a", 8_000_000) + "'];",
		"a joined string":  "<?php $CONFIG = ['dbhost' => 'db', 'x' => ''" + strings.Repeat(" . 'text'", 50_000) + "];",
		"another":          "<?php $x = 'a'; $CONFIG = ['dbhost' => 'db', 'x' => $x" + strings.Repeat(" . $x . getenv('X')", 10_000) + "];",
		"a sum":            "<?php $CONFIG = ['dbhost' => 'db', 'x' => 1" + strings.Repeat(" + 1", 50_000) + "];",
		"text before":      strings.Repeat("text\n", 1_000_000) + "<?php $CONFIG = ['dbhost' => 'db'];",
		"many assignments": "<?php $CONFIG = ['dbhost' => 'db'];" + strings.Repeat("$CONFIG['a'] = 'a value of some length';\n", 30_000),
	} {
		t.Run(name, func(t *testing.T) {
			path := writeConfig(t, content)
			const memory = 40 * mebibyte
			allocated := measure(func() {
				c, err := Evaluate(t.Context(), []string{path}, Options{Limits: Limits{Memory: memory, Time: largeTime}})
				require.NoError(t, err)
				require.Empty(t, c.Unknown)
				require.Equal(t, "db", c.Values["dbhost"].Value)
			})
			requireAllocated(t, allocated, uint64(memory+len(content)), "bytes")
		})
	}
}
