package actors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// object is a JSON object. Its texts are valid as long as the payload that it was decoded from.
//
// encoding/json finds out whether a payload is valid, and the members are then cut out of it here: a map of
// json.RawMessage costs a third more for each custom message, from payload to socket
// (Benchmark100kCustomEvents), and for the fields of a struct encoding/json takes members whose names differ in case.
type object []member

type member struct{ name, value []byte }

// fewMembers is as many as the app's events have, and room for one more.
const fewMembers = 4

// decodeObject returns an object that is all of the payload; null has no members. They are appended to room,
// which may be nil.
func decodeObject(payload []byte, room object) (object, error) {
	rest := trimmed(payload)
	if !json.Valid(payload) || rest[0] != '{' {
		return nil, decodeJSON(payload, &struct{}{}) // which says why, unless it is null
	}
	members := room
	for rest = trimmed(rest[1:]); rest[0] == '"'; {
		end := literalEnd(rest)
		name := rest[1 : end-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			name = []byte(unquote(rest[:end]))
		}
		rest = trimmed(rest[end:])[1:] // the colon
		end = valueEnd(rest)
		members = append(members, member{name, trimmed(rest[:end])})
		if rest = rest[end:]; rest[0] == ',' {
			rest = trimmed(rest[1:])
		}
	}
	return members, nil
}

func trimmed(text []byte) []byte { return bytes.Trim(text, " \t\r\n") }

// literalEnd returns the length of the string literal that valid JSON begins with.
func literalEnd(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// valueEnd returns where the value ends with which the rest of an object begins: at the comma or brace
// behind it.
func valueEnd(rest []byte) int {
	depth := 0
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			i += literalEnd(rest[i:]) - 1
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

// raw returns a member's value, of several the last; nil where there is none.
func (o object) raw(name string) (value []byte) {
	for _, m := range o {
		if string(m.name) == name {
			value = m.value
		}
	}
	return value
}

// text returns a text, which may be empty, but must be there.
func (o object) text(name string) (text string, err error) {
	switch raw := o.raw(name); {
	case len(raw) == 0 || raw[0] == 'n':
		return "", fmt.Errorf("%q is missing or null", name)
	case raw[0] != '"':
		return "", fmt.Errorf("%q is not a text", name)
	default:
		return unquote(raw), nil
	}
}

// maxID bounds an id, in bytes; those of Nextcloud's users have 64 characters at most.
const maxID = 255

// id returns an id of Nextcloud. PHP makes a number of one that has digits only.
func (o object) id(name string) (id string, err error) {
	raw := o.raw(name)
	switch {
	case len(raw) == 0 || raw[0] == 'n':
	case raw[0] == '"':
		id = unquote(raw)
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		id = string(raw)
	default:
		return "", fmt.Errorf("%q is neither a text nor a number", name)
	}
	switch {
	case id == "" || id[0] == 0:
		return "", fmt.Errorf("%q is missing or empty", name)
	case len(id) > maxID:
		return "", fmt.Errorf("%q has %d bytes, more than the %d of an id", name, len(id), maxID)
	}
	return id, nil
}

// userOrSession returns the id of a user or, where none is named, what stands for a session.
func (o object) userOrSession() (string, error) {
	if user := o.raw("user"); (user == nil || user[0] == 'n') && o.raw("session") != nil {
		session, err := o.id("session")
		return SessionUser(session), err
	}
	return o.id("user")
}

// unsigned returns a whole number, which may come as a text.
func (o object) unsigned(name string) (uint64, error) {
	return unsigned(o.raw(name), strconv.Quote(name), 64)
}

func unsigned(raw []byte, name string, bits int) (uint64, error) {
	number, err := strconv.ParseUint(string(bytes.Trim(raw, `"`)), 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%s is not a whole number from 0 to %d", name, uint64(math.MaxUint64)>>(64-bits))
	}
	return number, nil
}

// unquote returns what a valid string literal means.
func unquote(literal []byte) string {
	if bytes.IndexByte(literal, '\\') < 0 {
		return string(literal[1 : len(literal)-1])
	}
	var text string // which goes to the heap, and a named result would do so in each case
	_ = json.Unmarshal(literal, &text)
	return text
}
