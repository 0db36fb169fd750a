package php

import (
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
			b = append(b, byte(code))
			i += n - 1
		case c|0x20 == 'x' && numeralLength(s[i+1:], 16) > 0 && s[i+1] != '_':
			n := 1
			if i+2 < len(s) && numeralLength(s[i+2:i+3], 16) > 0 {
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
		return append(b, 0xE0|byte(code>>12), 0x80|byte(code>>6)&0x3F, 0x80|byte(code)&0x3F)
	}
	return utf8.AppendRune(b, rune(code))
}

// heredoc reads <<<LABEL, <<<"LABEL" or <<<'LABEL' up to the line that begins with the label.
func (l *lexer) heredoc() (token, bool) {
	line := l.line
	head, _, found := cutLine(l.rest())
	label := strings.Trim(head[len("<<<"):], " \t")
	quote := byte(0)
	if label != "" && (label[0] == '\'' || label[0] == '"') {
		quote = label[0]
		if len(label) < 2 || label[len(label)-1] != quote {
			return token{}, false
		}
		label = label[1 : len(label)-1]
	}
	if !found || label == "" || nameLength(label) != len(label) {
		return token{}, false
	}
	// Blanks are allowed before the label, not after it.
	if last := head[len(head)-1]; last == ' ' || last == '\t' {
		return token{}, false
	}
	body, indentation, length := l.heredocBody(l.rest()[len(head):], label)
	l.skip(len(head))
	body = l.dedent(body, indentation)
	l.skip(length)
	switch {
	case quote == '\'':
		return token{kind: text, value: body, line: line}, true
	case literalLength(body, 0) < len(body):
		return token{kind: heredoc, text: body, line: line}, true
	}
	return token{kind: text, value: l.unescape(body, 0), line: line}, true
}

// heredocBody finds the closing label in s, which begins with the line end after the opening one. It returns the text
// between, how far the closing label is indented, and the length of it all.
func (l *lexer) heredocBody(s, label string) (body, indentation string, length int) {
	at := lineEnd(s)
	for start := at; ; {
		blanks := len(s[at:]) - len(strings.TrimLeft(s[at:], " \t"))
		closing := s[at+blanks:]
		if strings.HasPrefix(closing, label) {
			after := closing[len(label):]
			if after == "" || !isNameStart(after[0]) && !isDigit(after[0]) {
				return trimLineEnd(s[start:at]), s[at : at+blanks], at + blanks + len(label)
			}
		}
		line, _, found := cutLine(s[at:])
		if !found {
			l.fail("a heredoc does not end with " + label)
		}
		at += len(line) + lineEnd(s[at+len(line):])
	}
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
		line, _, _ := cutLine(body)
		end := lineEnd(body[len(line):])
		switch {
		case strings.HasPrefix(line, indentation):
			b.WriteString(line[len(indentation):])
		case strings.TrimLeft(line, " \t") != "":
			l.fail("a line of a heredoc is indented less than its end")
		}
		b.WriteString(body[len(line) : len(line)+end])
		body = body[len(line)+end:]
	}
	return b.String()
}

// cutLine returns the first line without its end, what follows, and whether there was an end.
func cutLine(s string) (line, rest string, found bool) {
	i := strings.IndexAny(s, "\r\n")
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+lineEnd(s[i:]):], true
}

// lineEnd is the length of the line end at the start of s: \n, \r\n or \r.
func lineEnd(s string) int {
	switch {
	case strings.HasPrefix(s, "\r\n"):
		return 2
	case strings.HasPrefix(s, "\n"), strings.HasPrefix(s, "\r"):
		return 1
	}
	return 0
}

func trimLineEnd(s string) string {
	switch {
	case strings.HasSuffix(s, "\r\n"):
		return s[:len(s)-2]
	case strings.HasSuffix(s, "\n"), strings.HasSuffix(s, "\r"):
		return s[:len(s)-1]
	}
	return s
}
