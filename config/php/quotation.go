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
	body := l.source[l.offset+1:]
	n := literalLength(body, '\'')
	if n == len(body) {
		l.fail("a string in single quotes does not end")
	}
	l.skip(n + 2)
	quoted := body[:n]
	if t.value = quoted; strings.Contains(quoted, `\`) {
		l.budget.spend(2 * len(quoted))
		t.value = singleEscapes.Replace(quoted)
	}
	return t
}

var singleEscapes = strings.NewReplacer(`\\`, `\`, `\'`, `'`)

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

// literalLength is how far s goes without the closing quote (0: none), and without a variable unless that quote is a single one.
func literalLength(s string, quote byte) int {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == quote && quote != 0, quote != '\'' && startsVariable(s[i:]):
			return i
		}
	}
	return len(s)
}

func startsVariable(s string) bool {
	return len(s) > 1 && (s[0] == '$' && (isNameStart(s[1]) || s[1] == '{') || s[0] == '{' && s[1] == '$')
}

// escapes are those of a string in double quotes, and of a heredoc but for the quote.
var escapes = regexp.MustCompile(`\\(?:[nrtvef\\$"]|[0-7]{1,3}|[xX][0-9a-fA-F]{1,2}|u\{[^}]*\}?)`)

// escapeCost is what an escape may allocate, in bytes.
const escapeCost = 64

// unescape resolves the escapes of a string in double quotes, or of a heredoc (quote 0).
func (l *lexer) unescape(s string, quote byte) string {
	count := strings.Count(s, `\`)
	if count == 0 {
		return s
	}
	l.budget.spend(2*len(s) + escapeCost*count)
	return escapes.ReplaceAllStringFunc(s, func(escape string) string {
		c := escape[1]
		plain := strings.IndexByte(`nrtvef\$`, c)
		switch {
		case plain >= 0:
			return "\n\r\t\v\x1b\f\\$"[plain : plain+1]
		case c == '"' && quote == '"':
			return `"`
		case c == '"':
			return escape
		case c == 'u':
			return l.codePoint(strings.TrimPrefix(escape, `\u{`))
		case isDigit(c):
			code, _ := strconv.ParseUint(escape[1:], 8, 16)
			return string([]byte{byte(code)}) //nolint:gosec // G115: octal escapes wrap in PHP
		}
		code, _ := strconv.ParseUint(escape[2:], 16, 8)
		return string([]byte{byte(code)})
	})
}

// codePoint writes a code point in UTF-8.
func (l *lexer) codePoint(escaped string) string {
	hex, ended := strings.CutSuffix(escaped, "}")
	code, err := strconv.ParseInt(hex, 16, 32)
	if !ended || err != nil || !utf8.ValidRune(rune(code)) {
		l.beyond(`\u{%s`, hex)
	}
	return string(rune(code))
}

// heredocs begin with <<<LABEL, <<<"LABEL" or <<<'LABEL' and the end of the line.
var heredocs = regexp.MustCompile("^<<<[ \t]*(?:([a-zA-Z_]\\w*)|\"([a-zA-Z_]\\w*)\"|'([a-zA-Z_]\\w*)')(?:\r\n|\n|\r)")

// heredoc reads up to the line that begins with the label.
func (l *lexer) heredoc() token {
	line := l.line
	head := heredocs.FindStringSubmatch(l.rest())
	if head == nil {
		l.beyond("a heredoc of this form")
	}
	l.budget.spend(3 * matchCost)
	label := head[1] + head[2] + head[3]
	end := regexp.MustCompile(`(?:^|\r\n|\n|\r)([ \t]*)` + label + `(?:[^a-zA-Z0-9_\x{80}-\x{10ffff}]|$)`)
	at := end.FindStringSubmatchIndex(l.rest()[len(head[0]):])
	if at == nil {
		l.fail("a heredoc does not end with %s", label)
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
	l.budget.spend(2*len(body) + escapeCost*(strings.Count(body, "\n")+strings.Count(body, "\r")))
	return lines.ReplaceAllStringFunc(body, func(line string) string {
		rest, indented := strings.CutPrefix(line, indentation)
		if blank := strings.TrimLeft(line, " \t"); !indented && strings.Trim(blank, "\r\n") == "" {
			return blank
		}
		if !indented {
			l.fail("a line of a heredoc is indented less than its end")
		}
		return rest
	})
}

// lines end with \n or \r; that of \r\n counts as an empty one.
var lines = regexp.MustCompile(`[^\r\n]*[\r\n]|[^\r\n]+`)
