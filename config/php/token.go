package php

import "strings"

// kind says what a token is. Operators, punctuation and words are told apart by their sign.
type kind int

const (
	endOfFile    kind = iota
	operator          // also punctuation; a closing tag with what follows it up to the next opening tag is a ";"
	name              // an identifier or keyword, also qualified: Foo\Bar, \Foo, namespace\Foo
	variableName      // text is without the $
	number            // value is an int64 or a float64
	text              // a string without variables in it; value is a string
	template          // the opening quote of a string with variables: the parser reads its parts
	heredoc           // a heredoc with variables in it; text is the body
	castOperator      // (int) and its kind; text is the type in lower case
)

type token struct {
	kind  kind
	sign  string // an operator, or an unqualified name in lower case
	text  string
	value Value
	line  int32
}

func (t token) is(sign string) bool { return t.sign == sign }

// String is how the token is called in a message, which quotes no value.
func (t token) String() string {
	switch t.kind {
	case endOfFile:
		return "the end of the file"
	case number:
		return "a number"
	case text, template, heredoc:
		return "a string"
	}
	return "'" + t.text + "'"
}

// operators in the order in which the lexer tries them, the longest first.
var operators = strings.Fields(`<<= >>= **= === !== <=> ... ??= ?-> => -> :: ++ -- == != <> <= >= && || ?? += -= *= /= .= %= &= |= ^= << >> **
	#[ |> + - * / % = < > ! . , ; : ? ( ) [ ] { } & | ^ ~ @ $` + " `")

// castTypes maps the words that make a cast in parentheses to what they cast to.
var castTypes = map[string]string{
	"int": "int", "integer": "int", "bool": "bool", "boolean": "bool", "float": "float", "double": "float",
	"string": "string", "binary": "string", "array": "array", "object": "object",
}
