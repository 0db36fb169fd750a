package php

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// singleQuoted reads '…', in which only \' and \\ are escapes.
func (l *lexer) singleQuoted() token {
	t := token{kind: text, line: l.line}
	n := 1
	for l.peek(n) != '\'' || l.offset+n >= len(l.source) {
		if l.offset+n >= len(l.source) {
			l.fail("a string in single quotes does not end")
		}
		if l.peek(n) == '\\' {
			n++
		}
		n++
	}
	quoted := l.take(n + 1)
	t.value = l.unescapeSingle(quoted[1:n])
	return t
}

func (l *lexer) unescapeSingle(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	l.budget.spend(len(s))
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '\'' || s[i+1] == '\\') {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// doubleQuoted reads "…" whole when there is no variable in it, and else only the opening quote.
func (l *lexer) doubleQuoted() token {
	line := l.line
	body := l.source[l.offset+1:]
	n := literalLength(body, '"')
	switch {
	case n == len(body):
		l.fail("a string in double quotes does not end")
	case body[n] != '"':
		l.skip(1)
		return token{kind: template, text: `"`, line: line}
	}
	l.skip(n + 2)
	return token{kind: text, value: l.unescape(body[:n], '"'), line: line}
}

// literalLength is how far s goes without a variable and without the closing quote (0: none).
func literalLength(s string, quote byte) int {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == quote && quote != 0, startsVariable(s[i:]):
			return i
		}
	}
	return len(s)
}

func startsVariable(s string) bool {
	return len(s) > 1 && (s[0] == '$' && (isNameStart(s[1]) || s[1] == '{') || s[0] == '{' && s[1] == '$')
}

// unescape resolves the escapes of a string in double quotes, of a command in backticks, or of a heredoc (quote 0).
func (l *lexer) unescape(s string, quote byte) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	l.budget.spend(2 * len(s))
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		i++
		if plain := strings.IndexByte(`nrtvef\$`, s[i]); plain >= 0 {
			b = append(b, "\n\r\t\v\x1b\f\\$"[plain])
			continue
		}
		switch c := s[i]; {
		case c == quote && quote != 0:
			b = append(b, c)
		case c >= '0' && c <= '7':
			n := 1
			for n < 3 && i+n < len(s) && s[i+n] >= '0' && s[i+n] <= '7' {
				n++
			}
			code, _ := strconv.ParseUint(s[i:i+n], 8, 16)
			b = append(b, byte(code)) //nolint:gosec // G115: octal escapes wrap in PHP; code points are below 0x10FFFF
			i += n - 1
		case c|0x20 == 'x' && i+1 < len(s) && isHex(s[i+1]):
			n := 1
			if i+2 < len(s) && isHex(s[i+2]) {
				n = 2
			}
			code, _ := strconv.ParseUint(s[i+1:i+1+n], 16, 8)
			b = append(b, byte(code))
			i += n
		case c == 'u' && i+1 < len(s) && s[i+1] == '{':
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				l.fail(`an escape \u{…} does not end`)
			}
			b = l.appendCodePoint(b, s[i+2:i+end])
			i += end
		default:
			b = append(b, '\\', c)
		}
	}
	return string(b)
}

// appendCodePoint writes a code point in UTF-8, also the surrogates that Go would refuse.
func (l *lexer) appendCodePoint(b []byte, hex string) []byte {
	code, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || code > utf8.MaxRune {
		l.fail(`\u{` + hex + `} is not a code point`)
	}
	if code >= 0xD800 && code <= 0xDFFF {
		return append(b, 0xE0|byte(code>>12), 0x80|byte(code>>6)&0x3F, 0x80|byte(code)&0x3F) //nolint:gosec // G115: octal escapes wrap in PHP; code points are below 0x10FFFF
	}
	return utf8.AppendRune(b, rune(code))
}

// heredocs begin with <<<LABEL, <<<"LABEL" or <<<'LABEL' and the end of the line.
var heredocs = regexp.MustCompile("^<<<[ \t]*(?:([a-zA-Z_]\\w*)|\"([a-zA-Z_]\\w*)\"|'([a-zA-Z_]\\w*)')(?:\r\n|\n|\r)")

// heredoc reads up to the line that begins with the label.
func (l *lexer) heredoc() token {
	line := l.line
	head := heredocs.FindStringSubmatch(l.rest())
	if head == nil {
		panic(&syntaxError{line: line, message: "a heredoc of this form is not evaluated", beyond: true})
	}
	l.budget.spend(3 * matchCost)
	label := head[1] + head[2] + head[3]
	end := regexp.MustCompile(`(?:^|\r\n|\n|\r)([ \t]*)` + label + `(?:[^a-zA-Z0-9_\x{80}-\x{10ffff}]|$)`)
	at := end.FindStringSubmatchIndex(l.rest()[len(head[0]):])
	if at == nil {
		l.fail("a heredoc does not end with " + label)
	}
	l.skip(len(head[0]))
	body := l.dedent(l.rest()[:at[0]], l.rest()[at[2]:at[3]])
	l.skip(at[3] + len(label))
	switch {
	case head[3] != "":
		return token{kind: text, value: body, line: line}
	case literalLength(body, 0) < len(body):
		return token{kind: heredoc, text: body, line: line}
	}
	return token{kind: text, value: l.unescape(body, 0), line: line}
}

// dedent removes the closing label's indentation from every line.
func (l *lexer) dedent(body, indentation string) string {
	if strings.Contains(indentation, " ") && strings.Contains(indentation, "\t") {
		l.fail("a heredoc is indented by both tabs and spaces")
	}
	if indentation == "" || body == "" {
		return body
	}
	l.budget.spend(len(body))
	var b strings.Builder
	b.Grow(len(body))
	for body != "" {
		line, end := body, len(body)
		if i := strings.IndexAny(body, "\r\n"); i >= 0 {
			line, end = body[:i], i+1 // of \r\n the \n counts as an empty line
		}
		switch {
		case strings.HasPrefix(line, indentation):
			b.WriteString(line[len(indentation):])
		case strings.TrimLeft(line, " \t") != "":
			l.fail("a line of a heredoc is indented less than its end")
		}
		b.WriteString(body[len(line):end])
		body = body[end:]
	}
	return b.String()
}

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
