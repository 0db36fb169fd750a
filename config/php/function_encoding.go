package php

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

var encodingFunctions = map[string]builtin{
	"json_decode":         {1, 4, jsonDecode, false},
	"json_last_error":     {0, 0, func(c *invocation) Value { return c.jsonError }, false},
	"json_last_error_msg": {0, 0, func(c *invocation) Value { return jsonMessages[c.jsonError] }, false},
}

const (
	jsonSyntaxError = 4
	jsonUTF8Error   = 5
)

var jsonMessages = map[int64]string{
	0:               "No error",
	jsonSyntaxError: "Syntax error",
	jsonUTF8Error:   "Malformed UTF-8 characters, possibly incorrectly encoded",
}

// surrogate is an escape of half a character, on which PHP and Go differ when the other half is missing.
var surrogate = regexp.MustCompile(`\\u[dD][89a-fA-F]`)

func jsonDecode(c *invocation) Value {
	const objectAsArray, throwOnError = 1, 1 << 22
	text, flags := c.string(0), c.intOr(3, 0)
	c.budget.spend(matchCost)
	if flags&^(objectAsArray|throwOnError) != 0 || c.intOr(2, 512) != 512 || surrogate.MatchString(text) {
		return c.unknown("json_decode() in this form is not evaluated")
	}
	asArray := flags&objectAsArray != 0
	if c.optional(1) {
		asArray = c.bool(1)
	}
	failed := int64(0)
	switch {
	case !utf8.ValidString(text):
		failed = jsonUTF8Error
	case !json.Valid([]byte(c.accounted(text))):
		failed = jsonSyntaxError
	}
	if flags&throwOnError == 0 {
		c.jsonError = failed
	}
	if failed != 0 {
		if flags&throwOnError != 0 {
			c.throw("JsonException", jsonMessages[failed])
		}
		return nil
	}
	c.budget.spend(decoderCost + 4*len(text))
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	return c.jsonValue(decoder, asArray)
}

// decoderCost is what a decoder allocates, in bytes, with its buffers.
const decoderCost = 2048

// jsonCost is what the decoder allocates for a value, in bytes.
const jsonCost = 384

// jsonValue reads one value of text that is known to be valid.
func (c *invocation) jsonValue(decoder *json.Decoder, asArray bool) Value {
	c.descend()
	defer func() { c.depth-- }()
	c.budget.spend(jsonCost)
	t, _ := decoder.Token()
	switch t := t.(type) {
	case json.Number:
		return jsonNumber(t.String())
	case json.Delim:
		a := &Array{}
		for decoder.More() {
			if t == '[' {
				c.appendTo(a, c.jsonValue(decoder, asArray), c.here)
				continue
			}
			key, _ := decoder.Token()
			c.set(a, stringKey(key.(string)), c.jsonValue(decoder, asArray), c.here)
		}
		_, _ = decoder.Token() // the closing bracket
		if t == '{' && !asArray {
			return &Object{Class: "stdClass", Properties: a}
		}
		return a
	}
	return t // nil, a bool or a string
}

func jsonNumber(s string) Value {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	f, _ := strconv.ParseFloat(s, 64)
	return f
}
