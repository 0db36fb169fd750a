package actors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
)

// member is a member of a JSON object that is looked for, and what reads its value. The value is valid,
// and there only until then.
type member struct {
	name string
	into json.Unmarshaler
}

// decodeObject reads the members that are looked for from a JSON object, and ignores the others, those
// that differ in case alone included, which encoding/json would take. null has no members.
func decodeObject(payload []byte, wanted ...member) error {
	if !json.Valid(payload) {
		return decodeJSON(payload, &struct{}{}) // which says where it is not
	}
	switch kind := kindOf(payload); kind {
	case "object":
	case "null":
		return nil
	default:
		return fmt.Errorf("the payload has the wrong type (%s)", kind)
	}
	for name, value := range members(payload) {
		for _, m := range wanted {
			if m.name != string(name) {
				continue
			}
			if err := m.into.UnmarshalJSON(value); err != nil {
				return fmt.Errorf("%q %w", m.name, err)
			}
		}
	}
	return nil
}

// kindOf names what a JSON value is.
func kindOf(value []byte) string {
	switch trimmed(value)[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	case 'n':
		return "null"
	default:
		return "number"
	}
}

// members yields the names and values in a JSON object.
func members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for rest := trimmed(trimmed(object)[1:]); rest[0] == '"'; {
			end := stringEnd(rest)
			name := unescaped(rest[:end])
			rest = trimmed(rest[end:])[1:] // the colon
			end = valueEnd(rest)
			if !yield(name, trimmed(rest[:end])) {
				return
			}
			if rest = rest[end:]; rest[0] == ',' {
				rest = trimmed(rest[1:])
			}
		}
	}
}

func trimmed(text []byte) []byte { return bytes.Trim(text, " \t\r\n") }

// unescaped returns what a string literal means.
func unescaped(literal []byte) []byte {
	if bytes.IndexByte(literal, '\\') < 0 {
		return literal[1 : len(literal)-1]
	}
	var text string
	_ = json.Unmarshal(literal, &text) // it is valid
	return []byte(text)
}

// valueEnd returns where the value ends with which the rest of an object begins: at the comma or brace
// behind it.
func valueEnd(rest []byte) int {
	depth := 0
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			i += stringEnd(rest[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(rest)
}
