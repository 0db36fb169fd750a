package php

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator writes random configurations: literals, nested arrays, expressions, comments, quotes, line ends and odd bytes.
type generator struct {
	*rand.Rand
	depth int
}

func newGenerator(seed uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
}

func (g *generator) pick(options ...string) string { return options[g.IntN(len(options))] }

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

// config writes a whole file.
func (g *generator) config() string {
	var b strings.Builder
	b.WriteString(g.pick("<?php\n", "<?php ", "<?php\n\n// $CONFIG = 1\n", "\xef\xbb\xbf<?php\n", "text\n<?PHP\n", "<?php\n/* x */\n# y\n"))
	b.WriteString("$s = " + g.str() + "; $n = " + g.integer() + "; $f = " + g.float() + "; $l = $CONFIG = []; $u = null;\n")
	b.WriteString("try { $l = " + g.array() + "; } catch (Error $e) {}\n")
	if g.chance(50) {
		b.WriteString("try { $CONFIG = " + g.array() + "; } catch (Error) {}\n")
	}
	for i := range 2 + g.IntN(12) {
		b.WriteString(g.statement(i))
	}
	b.WriteString(g.pick("", "return $CONFIG;\n", "?>\n", "?>after", "// end"))
	return g.lineEnds(b.String())
}

func (g *generator) lineEnds(s string) string {
	switch g.IntN(6) {
	case 0:
		return strings.ReplaceAll(s, "\n", "\r\n")
	case 1:
		return strings.ReplaceAll(s, "\n", "\n"+g.pick(" ", "\t", "\n", "/**/", "# c\n", "// ]\n"))
	}
	return s
}

// statement changes $CONFIG. What throws leaves the class of the exception.
func (g *generator) statement(i int) string {
	key := fmt.Sprintf("$CONFIG['k%d']", i)
	var body string
	switch g.IntN(12) {
	case 0:
		body = key + g.pick("[]", "['a']", "[1]['b']", "['a'][]") + " = " + g.expression() + ";"
	case 1:
		body = "$CONFIG += ['k" + fmt.Sprint(i) + "' => " + g.expression() + ", 'k0' => " + g.expression() + "];"
	case 2:
		body = "if (" + g.expression() + ") { " + key + " = " + g.expression() + "; } else { " + key + " = " + g.expression() + "; }"
	case 3:
		body = "foreach (" + g.array() + " as $k => $v) { " + key + "[] = [$k => $v]; if ($v === " + g.scalar() + ") break; }"
	case 4:
		body = key + " " + g.pick("??=", ".=", "+=", "-=", "*=", "|=", "**=") + " " + g.expression() + ";"
	case 5:
		body = "$x = " + g.pick("$n", "$s", "$f", "$u", g.scalar()) + "; " + key + " = [$x" + g.pick("++", "--") + ", " + g.pick("++", "--") + "$x, $x];"
	case 6:
		body = "switch (" + g.scalar() + ") { case " + g.scalar() + ": " + key + " = 1; break; case " + g.scalar() + ": " + key + " = 2; default: " + key + " = " + g.expression() + "; }"
	case 7:
		body = "[$p, 'q' => $q] = [" + g.expression() + ", 'q' => " + g.expression() + "]; " + key + " = [$q, $p];"
		body = strings.Replace(body, "[$p, 'q'", "[0 => $p, 'q'", 1)
	default:
		body = key + " = " + g.expression() + ";"
	}
	return "try { " + body + " } catch (\\Throwable $e) { " + key + " = get_class($e); }\n"
}

func (g *generator) expression() string {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > 4 {
		return g.scalar()
	}
	switch g.IntN(22) {
	case 0, 1, 2:
		return g.scalar()
	case 3, 4:
		return g.array()
	case 5, 6, 7, 8:
		return g.expression() + g.gap() + g.pick("+", "-", "*", "/", "%", ".", ".", "<<", ">>", "&", "|", "^", "**") + g.gap() + g.expression()
	case 9, 10:
		return "(" + g.expression() + " " + g.pick("==", "!=", "===", "!==", "<", "<=", ">", ">=", "<=>", "<>") + " " + g.expression() + ")"
	case 11:
		return "(" + g.expression() + " " + g.pick("&&", "||", "and", "or", "xor") + " " + g.expression() + ")"
	case 12:
		return g.pick("!", "-", "+", "@", "(int)", "(string)", "(bool)", "(float)", "(array)", "( integer )") + " " + g.expression()
	case 13:
		return "(" + g.expression() + " ? " + g.expression() + " : " + g.expression() + ")"
	case 14:
		return "(" + g.expression() + " ?: " + g.expression() + ")"
	case 15:
		return "(" + g.place() + " ?? " + g.expression() + ")"
	case 16:
		return g.pick("isset(", "empty(") + g.place() + ")"
	case 17:
		return "match(true) { " + g.expression() + " => " + g.expression() + ", default => " + g.expression() + " }"
	case 18:
		return "(fn($x) => " + g.expression() + " . $x)(" + g.scalar() + ")"
	}
	return g.call()
}

func (g *generator) gap() string { return g.pick(" ", " ", " ", "\n", " /* + */ ", " # c\n", "\t") }

func (g *generator) place() string {
	return g.pick("$s", "$n", "$u", "$undefined", "$l[0]", "$l['a']", "$l['a']['b']", "$s[0]", "$s[-1]", "$s[99]", "$l[1][2]", "$_ENV['X']", "$_SERVER['NOT_THERE']")
}

func (g *generator) scalar() string {
	switch g.IntN(10) {
	case 0, 1, 2:
		return g.integer()
	case 3:
		return g.float()
	case 4:
		return g.pick("true", "false", "null", "TRUE", "False", "NULL", `\true`, `\False`, `\null`)
	case 5:
		return g.pick("$s", "$n", "$f", "$u", "$l")
	case 6:
		return g.pick("PHP_INT_MAX", `\PHP_INT_MAX`, "PHP_INT_MIN", "PHP_EOL", `\PHP_EOL`, "M_PI", "INF", "getenv('NOT_THERE')", "PHP_INT_SIZE")
	}
	return g.str()
}

func (g *generator) integer() string {
	n := g.Int64N(1 << uint(1+g.IntN(62)))
	switch g.IntN(9) {
	case 0:
		return fmt.Sprintf("0x%X", n)
	case 1:
		return fmt.Sprintf("0%o", n)
	case 2:
		return fmt.Sprintf("0b%b", n)
	case 3:
		return fmt.Sprintf("0o%o", n)
	case 4:
		return g.pick("9223372036854775807", "9223372036854775808", "0", "1_000_000", "00", "-0", "99999999999999999999")
	case 5:
		return fmt.Sprintf("-%d", n)
	}
	return fmt.Sprint(g.IntN(100))
}

func (g *generator) float() string {
	switch g.IntN(5) {
	case 0:
		return fmt.Sprintf("%d.", g.IntN(1000))
	case 1:
		return fmt.Sprintf(".%d", g.IntN(1000))
	case 2:
		return fmt.Sprintf("%de%d", g.IntN(1000), g.IntN(60)-30)
	case 3:
		return fmt.Sprintf("%g", g.NormFloat64()*1e6)
	}
	return fmt.Sprintf("%d.%d", g.IntN(1000), g.IntN(1000))
}

// str writes a string in one of PHP's quotations.
func (g *generator) str() string {
	switch g.IntN(9) {
	case 0:
		return "\"" + g.interpolated("\"") + "\""
	case 1:
		return "<<<EOT\n" + g.interpolated("") + "\nEOT"
	case 2:
		return "<<<'EOT'\n  " + strings.NewReplacer("EOT", "", "\n", "").Replace(g.bytes()) + "\n  EOT"
	case 3:
		return "'" + g.pick("0", "1", " 1", "1 ", "1e3", "0x1A", "abc", "", "-5", "1.5", "12abc", ".5", "1.", "08", "null", "9223372036854775808", "+7", "1_000", "\t3\n") + "'"
	case 4:
		return "\"" + g.pick("0", "1", " 1", "1e3", "abc", "", "-5", "1.5") + "\""
	}
	escaped := strings.NewReplacer("\\", g.pick("\\\\", "\\"), "'", "\\'").Replace(g.bytes())
	if strings.HasSuffix(escaped, "\\") {
		escaped += "."
	}
	return "'" + escaped + "'"
}

// bytes are printable, white space, or anything at all, but none that would end a quotation or begin a tag.
func (g *generator) bytes() string {
	var b strings.Builder
	for range g.IntN(12) {
		switch g.IntN(8) {
		case 0:
			b.WriteByte(byte(g.IntN(256)))
		case 1:
			b.WriteString(g.pick("é", "日本", "😀", "ß"))
		case 2:
			b.WriteString(g.pick("$", "{", "}", "\\", "#", "//", "/*", "*/", "%", "=>", "<?php", "n", "\""))
		default:
			b.WriteByte(byte(' ' + g.IntN(95)))
		}
	}
	return strings.NewReplacer("'", "", "\r", "", "?>", "").Replace(b.String())
}

func (g *generator) interpolated(quote string) string {
	var b strings.Builder
	for range g.IntN(8) {
		switch g.IntN(6) {
		case 0:
			b.WriteString(g.pick("$n", "{$n}", "$s", "{$l[0]}", "$l[0]", "$l[a]", "{$l['a']}", "$u", "${n}", "$n->p", "{$n}[0]", "$n[0]"))
		case 1:
			b.WriteString(g.pick("\\n", "\\t", "\\\\", "\\$", "\\x41", "\\101", "\\u{e9}", "\\u{1F600}", "\\e", "\\q", "\\x", "\\7", "\\400", "\\0"))
		case 2:
			b.WriteString(g.pick("$", "{ ", "}", "$ ", "é", "\xff", "\x00", "'"))
		default:
			b.WriteByte(byte('a' + g.IntN(26)))
		}
	}
	s := strings.NewReplacer("$l", "$n", "${ ", "$").Replace(b.String())
	if quote == "\"" {
		s = strings.ReplaceAll(s, "\"", "")
	}
	return strings.TrimRight(s, "\\{$")
}

func (g *generator) array() string {
	g.depth++
	defer func() { g.depth-- }()
	open, end := g.pick("[", "array(", "Array (", "array\n("), ")"
	if open == "[" {
		end = "]"
	}
	if g.depth > 5 {
		return open + end
	}
	var items []string
	for range g.IntN(6) {
		value := g.expression()
		switch g.IntN(5) {
		case 0, 1:
			items = append(items, "'"+g.pick("a", "b", "0", "1", "-1", "01", "1.5", "", "dbhost", "é")+"' => "+value)
		case 2:
			items = append(items, g.pick("0", "1", "5", "-1", "1.7", "true", "false", "null", "'x' . 'y'")+g.gap()+"=>"+g.gap()+value)
		case 3:
			if g.chance(20) {
				items = append(items, "..."+g.pick("[1, 2]", "['a' => 1]", "$l"))
				continue
			}
			items = append(items, value)
		default:
			items = append(items, value)
		}
	}
	body := strings.Join(items, ","+g.gap())
	if len(items) > 0 && g.chance(40) {
		body += ","
	}
	return open + g.pick("", " ", "\n") + body + end
}

// call writes a call of a function that is known, mostly with arguments of the right types.
func (g *generator) call() string {
	list := func() string {
		return g.pick(g.array(), g.array(), "['b', 'a', 'c']", "[3, 1, 2]", "['x' => 1, 'y' => 2]", "$l", "explode(',', 'a,b,,c')", "[' a', 'b ']")
	}
	str := func() string { return g.pick(g.str(), g.str(), g.scalar(), "'banana'", "'/var/www/html'", "' True '") }
	num := func() string { return g.pick("0", "1", "2", "-1", "3", "10", g.integer()) }
	switch g.IntN(30) {
	case 0:
		return g.pick("strtolower", "strtoupper", "trim", "rtrim", "ltrim", "ucfirst", "lcfirst", "strlen", "strrev", "bin2hex", "base64_encode", "urlencode", "rawurlencode", "urldecode", "basename", "dirname", "md5") + "(" + str() + ")"
	case 1:
		return g.pick("trim", "rtrim", "ltrim", "explode", "str_contains", "str_starts_with", "str_ends_with", "strpos", "strrpos", "stripos", "strstr", "substr_count") + "(" + str() + ", " + g.pick("'a'", "'/'", "', '", "'an'", "'x'") + ")"
	case 2:
		return g.pick("intval", "floatval", "boolval", "strval", "is_string", "is_int", "is_float", "is_bool", "is_null", "is_array", "is_numeric", "gettype", "is_scalar", "json_encode") + "(" + g.expression() + ")"
	case 3:
		return g.pick("count", "array_keys", "array_values", "array_reverse", "array_key_first", "array_key_last", "array_is_list", "array_filter", "array_unique", "array_flip", "array_sum") + "(" + list() + ")"
	case 4:
		return g.pick("array_merge", "array_replace", "array_replace_recursive", "array_merge_recursive", "array_diff_key", "array_intersect_key") + "(" + list() + ", " + list() + ")"
	case 5:
		return g.pick("in_array", "array_search") + "(" + g.scalar() + ", " + list() + g.pick("", ", true", ", false") + ")"
	case 6:
		return "array_key_exists(" + g.pick("'a'", "0", "'x'", "null", "'1'") + ", " + list() + ")"
	case 7:
		return "substr(" + str() + ", " + num() + g.pick("", ", "+num(), ", null") + ")"
	case 8:
		return "str_replace(" + g.pick("'a'", "['a', 'n']", "''") + ", " + g.pick("'b'", "''", "'\\\\1'") + ", " + str() + ")"
	case 9:
		return g.pick("implode", "join") + "(" + g.pick("', '", "''", "'é'") + ", " + g.pick("['a', 1, 2.5, true, null]", "explode('n', 'banana')", "array_keys("+list()+")") + ")"
	case 10:
		return "sprintf(" + g.pick("'%s-%s'", "'%d%%%s'", "'%05d|%-5s|'", "'%x %X'", "'%.2f %s'", "'%2$s %1$s'", "\"%'*10s|%u\"") + ", " + g.scalar() + ", " + g.scalar() + ")"
	case 11:
		return "array_slice(" + list() + ", " + num() + g.pick("", ", "+num(), ", null, true") + ")"
	case 12:
		return "array_map(" + g.pick("'trim'", "'strtoupper'", "fn($v) => [$v]", "'is_string'") + ", " + g.pick("[' a ', 'b']", "['x' => 'y', 3 => ' z']", "explode(',', 'a, b,c')") + ")"
	case 13:
		return "array_filter(" + list() + ", " + g.pick("fn($v) => $v > 1", "'is_string'", "fn($v) => $v") + ")"
	case 14:
		return g.pick("min", "max") + "(" + g.pick("1, 2", "[3, 1, 2]", "'a', 'b'", "1.5, 2", g.array()) + ")"
	case 15:
		return "str_pad(" + str() + ", " + g.pick("5", "10", "0", "-1") + g.pick("", ", '0'", ", 'ab', STR_PAD_BOTH", ", '-', STR_PAD_LEFT") + ")"
	case 16:
		return g.pick("floor", "ceil", "abs") + "(" + g.pick(g.float(), "-"+g.float(), num()) + ")"
	case 17:
		return "json_decode(" + g.pick("'{\"a\": [1, 2.5, \"x\\u00e9\"], \"b\": {\"c\": null}}'", "'[1, 2'", "'\"str\"'", "'-1.5e3'", "''", "'12345678901234567890'", "'{\"0\": 1, \"\": 2}'", "' [true] '", "'\"\\\\ud83d\\\\ude00\"'") + ", true)"
	case 18:
		return "filter_var(" + str() + ", " + g.pick("FILTER_VALIDATE_BOOLEAN", "FILTER_VALIDATE_INT", "FILTER_VALIDATE_BOOL, FILTER_NULL_ON_FAILURE") + ")"
	case 19:
		return "strtr(" + str() + ", " + g.pick("'ab', 'xy'", "'abc', 'x'", "['a' => 'b', 'an' => 'q']", "['x' => '']") + ")"
	case 20:
		return "range(" + g.pick("0, 3", "5, 1", "1, 10, 3", "2, 2") + ")"
	case 21:
		return "array_combine(" + g.pick("['a', 'b']", "[1, 'x']", "['a']") + ", " + g.pick("[1, 2]", "['p', null]") + ")"
	case 22:
		return "dirname(" + g.pick("'/a/b/c'", "'/a//b/'", "'a/b'", "'/'", "''", "'a'", "'//x'") + g.pick("", ", 2", ", 3") + ")"
	case 23:
		return "array_fill_keys(" + g.pick("['a', 5, 'b']", "['1', 'x']") + ", " + g.scalar() + ")"
	case 24:
		return "intdiv(" + num() + ", " + num() + ")"
	case 25:
		return "pathinfo(" + g.pick("'/a/b.tar.gz'", "'x'", "'/x/.y'", "'a/'", "'/a.b/c'", "''") + ")"
	case 26:
		return "parse_url(" + g.pick("'https://u:p@h.example:8080/p/q?x=1#f'", "'redis://h'", "'https://[::1]:80/'", "'http://h?q'") + g.pick("", ", PHP_URL_HOST", ", PHP_URL_PORT") + ")"
	case 27:
		return "array_column([['a' => 1, 'b' => 2], ['a' => 3]], " + g.pick("'a'", "'b'", "0") + ")"
	case 28:
		return g.pick("array_diff", "array_intersect") + "(['a', 'b', '1'], " + g.pick("['a']", "[1, 'b']", "[]") + ")"
	}
	return "array_chunk(" + list() + ", " + g.pick("1", "2", "3") + g.pick("", ", true") + ")"
}
