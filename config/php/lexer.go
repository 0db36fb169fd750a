package php

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// lexer cuts PHP source into tokens on demand. It is a plain value: a copy of it is a place to come back to.
type lexer struct {
	source string
	offset int
	line   int32
	echo   bool // the tag <?= was read, the echo that it stands for not yet
	budget *budget
}

// syntaxError is what the lexer and the parser panic with. parse returns it.
type syntaxError struct {
	line    int32
	message string
	beyond  bool // PHP may well accept it, this package does not
}

func (l *lexer) fail(format string, values ...any) {
	panic(&syntaxError{line: l.line, message: clip(fmt.Sprintf(format, values...))})
}

// beyond gives up on a file that PHP may accept.
func (l *lexer) beyond(format string, values ...any) {
	panic(&syntaxError{line: l.line, message: clip(fmt.Sprintf(format, values...) + " is not evaluated"), beyond: true})
}

func (l *lexer) rest() string { return l.source[l.offset:] }

func (l *lexer) starts(prefix string) bool { return strings.HasPrefix(l.rest(), prefix) }

// peek returns the byte that lies distance ahead, and 0 after the end.
func (l *lexer) peek(distance int) byte {
	if l.offset+distance < len(l.source) {
		return l.source[l.offset+distance]
	}
	return 0
}

// skip moves forward and counts lines: \n, \r\n and \r each end one.
func (l *lexer) skip(n int) {
	for _, c := range []byte(l.source[l.offset : l.offset+n]) {
		l.offset++
		if c == '\n' || c == '\r' && l.peek(0) != '\n' {
			l.line++
		}
	}
}

func (l *lexer) take(n int) string {
	start := l.offset
	l.skip(n)
	return l.source[start:l.offset]
}

// openingTags end text outside of PHP.
var openingTags = regexp.MustCompile(`<\?(=|(?i:php)(?:[ \t\n\r]|$))`)

// skipHTML skips text outside of PHP and the tag that ends it.
func (l *lexer) skipHTML() {
	tag := openingTags.FindStringSubmatchIndex(l.rest())
	if tag == nil {
		l.skip(len(l.rest()))
		return
	}
	l.skip(tag[1])
	l.echo = l.source[l.offset-1] == '='
}

func (l *lexer) next() token {
	if l.echo {
		l.echo = false
		return token{kind: name, sign: "echo", text: "echo", line: l.line}
	}
	if l.skipBlanks() {
		return token{kind: operator, sign: ";", text: ";", line: l.line}
	}
	if l.peek(0)|0x20 == 'b' && (l.peek(1) == '"' || l.peek(1) == '\'' || strings.HasPrefix(l.rest()[1:], "<<<")) {
		l.skip(1) // a "binary" string is like any other
	}
	line := l.line
	c := l.peek(0)
	switch {
	case l.offset == len(l.source):
		return token{kind: endOfFile, line: line}
	case c == '$' && isNameStart(l.peek(1)):
		l.skip(1)
		return token{kind: variableName, text: l.take(nameLength(l.rest())), line: line}
	case isNameStart(c) || c == '\\' && isNameStart(l.peek(1)):
		t := token{kind: name, text: l.take(names.FindStringIndex(l.rest())[1]), line: line}
		if !strings.Contains(t.text, `\`) {
			l.budget.spend(2 * len(t.text))
			t.sign = lowered(t.text)
		}
		return t
	case isDigit(c) || c == '.' && isDigit(l.peek(1)):
		return l.number()
	case c == '\'':
		return l.singleQuoted()
	case c == '"':
		return l.doubleQuoted()
	case l.starts("<<<"):
		return l.heredoc()
	case c == '(':
		if t, found := l.cast(); found {
			return t
		}
	}
	return l.operator()
}

// skipBlanks skips white space and comments. It reports true when it skipped a closing tag and the text that follows, which
// together end a statement.
func (l *lexer) skipBlanks() (closed bool) {
	for l.offset < len(l.source) {
		switch {
		case isSpace(l.peek(0)):
			l.skip(1)
		case l.starts("#["):
			return false
		case l.starts("#"), l.starts("//"):
			l.skipLine()
		case l.starts("/*"):
			end := strings.Index(l.source[l.offset+2:], "*/")
			if end < 0 {
				l.fail("a comment does not end")
			}
			l.skip(2 + end + 2)
		case l.starts("?>"):
			l.skip(len("?>"))
			l.skipHTML()
			return true
		default:
			return false
		}
	}
	return false
}

// skipLine skips a comment up to the end of the line or a closing tag, whichever comes first.
func (l *lexer) skipLine() {
	for l.offset < len(l.source) && l.peek(0) != '\n' && l.peek(0) != '\r' && !l.starts("?>") {
		l.offset++
	}
}

// names are identifiers and keywords, also qualified ones; with A\{ ends the name of a group that is imported.
var names = regexp.MustCompile(`^(?:\\?[a-zA-Z_\x{80}-\x{10ffff}][a-zA-Z0-9_\x{80}-\x{10ffff}]*)+(?:\\\{)?`)

func (l *lexer) operator() token {
	for _, op := range operators {
		if l.starts(op) {
			return token{kind: operator, sign: op, text: l.take(len(op)), line: l.line}
		}
	}
	l.fail("the character %+q has no meaning here", l.rest()[:1])
	return token{}
}

// cast recognises a type in parentheses.
func (l *lexer) cast() (token, bool) {
	inside, _, found := strings.Cut(l.rest()[1:min(len(l.rest()), 64)], ")")
	if !found {
		return token{}, false
	}
	to, isType := castTypes[strings.ToLower(strings.Trim(inside, " \t"))]
	if !isType {
		return token{}, false
	}
	t := token{kind: castOperator, text: to, line: l.line}
	l.skip(len(inside) + 2)
	return t, true
}

// numerals are integers of all bases, and floats. Underscores may stand between digits.
var numerals = regexp.MustCompile(`^(?i:0x[0-9a-f]+(_[0-9a-f]+)*|0b[01]+(_[01]+)*|0o[0-7]+(_[0-7]+)*|` +
	`([0-9]+(_[0-9]+)*)?(\.([0-9]+(_[0-9]+)*)?)?(e[+-]?[0-9]+(_[0-9]+)*)?)`)

func (l *lexer) number() token {
	t := token{kind: number, line: l.line}
	l.budget.spend(64)
	plain := strings.ReplaceAll(l.take(numerals.FindStringIndex(l.rest())[1]), "_", "")
	n, err := strconv.ParseInt(plain, 0, 64)
	switch {
	case err == nil:
		t.value = n
	case strings.ContainsAny(plain, "xXbBoO") || plain[0] == '0' && !strings.ContainsAny(plain, ".eE"):
		if len(plain) > maxNumeral {
			l.beyond("so long a number")
		}
		large, isNumber := new(big.Int).SetString(plain, 0)
		if !isNumber {
			l.fail("a number has a digit that is not allowed")
		}
		t.value, _ = new(big.Float).SetInt(large).Float64()
	default:
		t.value, _ = strconv.ParseFloat(plain, 64)
	}
	return t
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNameStart(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= 0x80 }

// nameLength measures the identifier at the start of s.
func nameLength(s string) int {
	if s == "" || !isNameStart(s[0]) {
		return 0
	}
	n := 1
	for n < len(s) && (isNameStart(s[n]) || isDigit(s[n])) {
		n++
	}
	return n
}
