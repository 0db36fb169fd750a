package php

import (
	"crypto/md5"  //nolint:gosec // PHP's function of that name
	"crypto/sha1" //nolint:gosec // PHP's function of that name
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"hash"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

var textFunctions = map[string]builtin{
	"strlen":          {1, 1, func(c *invocation) Value { return int64(len(c.string(0))) }},
	"trim":            {1, 2, func(c *invocation) Value { return c.trimmed(true, true) }},
	"ltrim":           {1, 2, func(c *invocation) Value { return c.trimmed(true, false) }},
	"rtrim":           {1, 2, func(c *invocation) Value { return c.trimmed(false, true) }},
	"strtolower":      {1, 1, func(c *invocation) Value { return lowered(c.accounted(c.string(0))) }},
	"strtoupper":      {1, 1, func(c *invocation) Value { return mapBytes(c.accounted(c.string(0)), 'a', 'A') }},
	"str_contains":    {2, 2, func(c *invocation) Value { return strings.Contains(c.string(0), c.string(1)) }},
	"str_starts_with": {2, 2, func(c *invocation) Value { return strings.HasPrefix(c.string(0), c.string(1)) }},
	"str_ends_with":   {2, 2, func(c *invocation) Value { return strings.HasSuffix(c.string(0), c.string(1)) }},
	"strpos":          {2, 2, strpos},
	"substr":          {2, 3, substr},
	"explode":         {2, 3, explode},
	"implode":         {1, 2, implode},
	"join":            {1, 2, implode},
	"str_replace":     {3, 3, strReplace},
	"str_repeat":      {2, 2, strRepeat},
	"sprintf":         {1, -1, sprintf},
	"hash":            {2, 2, func(c *invocation) Value { return c.hashed(c.lower(c.string(0)), c.string(1)) }},
	"md5":             {1, 1, func(c *invocation) Value { return c.hashed("md5", c.string(0)) }},
	"base64_encode": {1, 1, func(c *invocation) Value {
		return base64.StdEncoding.EncodeToString([]byte(c.accounted(c.accounted(c.string(0)))))
	}},
	"base64_decode": {1, 1, func(c *invocation) Value { return c.decoded(fromBase64) }},
	"urldecode":     {1, 1, func(c *invocation) Value { return c.decoded(url.QueryUnescape) }},
	"rawurldecode":  {1, 1, func(c *invocation) Value { return c.decoded(url.PathUnescape) }},
	"rawurlencode": {1, 1, func(c *invocation) Value {
		return strings.ReplaceAll(url.QueryEscape(c.accounted(c.accounted(c.string(0)))), "+", "%20")
	}},
	"json_encode":     {1, 1, jsonEncode},
	"json_decode":     {1, 4, jsonDecode},
	"json_last_error": {0, 0, func(c *invocation) Value { return c.jsonError }},
}

func lowered(s string) string { return mapBytes(s, 'A', 'a') }

// mapBytes moves the letters of one case to the other, those of ASCII: PHP 8 changes no others.
func mapBytes(s string, from, to byte) string {
	if strings.IndexFunc(s, func(r rune) bool { return r >= rune(from) && r < rune(from)+26 }) < 0 {
		return s
	}
	b := []byte(s)
	for i := range b {
		if b[i] >= from && b[i] < from+26 {
			b[i] += to - from
		}
	}
	return string(b)
}

// trimmed is trim without one of its sides, perhaps. In the second argument a..z is a range.
func (c *invocation) trimmed(left, right bool) string {
	s, set := c.string(0), " \n\r\t\v\x00"
	if c.has(1) {
		set = c.string(1)
	}
	var cut [256]bool
	for i := 0; i < len(set); i++ {
		cut[set[i]] = true
		if i+3 < len(set) && set[i+1:i+3] == ".." && set[i+3] >= set[i] {
			for b := int(set[i]); b <= int(set[i+3]); b++ {
				cut[b] = true
			}
			i += 3
		}
	}
	for left && s != "" && cut[s[0]] {
		s = s[1:]
	}
	for right && s != "" && cut[s[len(s)-1]] {
		s = s[:len(s)-1]
	}
	return s
}

func strpos(c *invocation) Value {
	if i := strings.Index(c.string(0), c.string(1)); i >= 0 {
		return int64(i)
	}
	return false
}

// substr has an offset and a length either of which may count from the end.
func substr(c *invocation) Value {
	s, offset := c.string(0), c.int(1)
	size := int64(len(s))
	length := size
	if c.optional(2) {
		length = c.int(2)
	}
	if offset < 0 {
		offset = max(offset+size, 0)
	}
	start := min(offset, size)
	if length < 0 {
		return s[start:max(size+length, start)]
	}
	return s[start : start+min(length, size-start)]
}

func explode(c *invocation) Value {
	separator, s := c.string(0), c.string(1)
	if separator == "" {
		c.throw("ValueError", "explode(): the separator is empty")
	}
	c.budget.spend((strings.Count(s, separator) + 1) * (elementCost + 16))
	parts := strings.Split(s, separator)
	switch limit := c.intOr(2, int64(len(parts))); {
	case limit < 0:
		parts = parts[:max(int64(len(parts))+limit, 0)]
	case max(limit, 1) < int64(len(parts)):
		parts = strings.SplitN(s, separator, int(max(limit, 1)))
	}
	list := &Array{}
	for _, part := range parts {
		list.append(part, c.here)
	}
	return list
}

func implode(c *invocation) Value {
	if !c.has(1) {
		return c.unknown("implode() without a separator is not evaluated")
	}
	pieces := c.array(1)
	list := make([]Value, 0, 2*pieces.Len())
	c.budget.spend(2 * pieces.Len() * 48)
	for element := range pieces.all() {
		if len(list) > 0 {
			list = append(list, c.string(0))
		}
		list = append(list, element.value)
	}
	return c.concat(list)
}

// strReplace replaces a string, or each string of an array, in a string.
func strReplace(c *invocation) Value {
	search := c.listOf(c.values[0])
	replacement, each := c.values[1].(*Array)
	if _, many := c.values[0].(*Array); each && !many {
		c.wrong(1, "string")
	}
	if _, isArray := c.values[2].(*Array); isArray {
		return c.unknown("str_replace() in an array is not evaluated")
	}
	s := c.string(2)
	for i := range search.elements {
		old, with := c.text(search.elements[i].value), ""
		switch {
		case !each:
			with = c.string(1)
		case i < replacement.Len():
			with = c.text(replacement.elements[i].value)
		}
		if old == "" || !strings.Contains(s, old) {
			c.budget.step(len(s) >> 6)
			continue
		}
		replaced := c.sized(len(s)+strings.Count(s, old)*(len(with)-len(old)), func() string { return strings.ReplaceAll(s, old, with) })
		if u, isUnknown := replaced.(unknown); isUnknown {
			return u
		}
		s = replaced.(string)
	}
	return s
}

func strRepeat(c *invocation) Value {
	s, times := c.string(0), c.int(1)
	if times < 0 {
		c.throw("ValueError", "str_repeat(): the number of times is negative")
	}
	size := len(s) * int(min(times, maxStringSize+1))
	return c.sized(size, func() string { return strings.Repeat(s, size/max(len(s), 1)) })
}

// conversions of sprintf that are evaluated: %s, %d, %x and %%, with a width.
var conversions = regexp.MustCompile(`%(?:%|(0?)([0-9]{0,3})([sdx]))`)

func sprintf(c *invocation) Value {
	pattern := c.string(0)
	c.budget.spend(matchCost)
	c.budget.step(len(pattern) >> 2)
	var pieces []Value
	done, next := 0, 1
	for _, match := range conversions.FindAllStringSubmatchIndex(pattern, -1) {
		c.budget.spend(matchCost / 16)
		pieces = append(pieces, pattern[done:match[0]])
		done = match[1]
		if match[2] < 0 {
			pieces = append(pieces, "%")
			continue
		}
		if next >= len(c.values) {
			c.throw("ArgumentCountError", "sprintf() got too few arguments for its format")
		}
		text := ""
		switch verb := pattern[match[1]-1]; verb {
		case 's':
			text = c.text(c.values[next])
		case 'x':
			text = strconv.FormatUint(uint64(toInt(c.values[next])), 16)
		case 'd':
			text = strconv.FormatInt(toInt(c.values[next]), 10)
		}
		next++
		fill := " "
		if match[2] < match[3] {
			fill = "0"
		}
		width, _ := strconv.Atoi(pattern[match[4]:match[5]])
		if fill == "0" && strings.HasPrefix(text, "-") && len(text) < width {
			return c.unknown("sprintf() of a negative number is not evaluated")
		}
		pieces = append(pieces, strings.Repeat(fill, max(width-len(text), 0))+text)
	}
	if strings.Contains(conversions.ReplaceAllString(pattern, ""), "%") {
		return c.unknown("sprintf() with a format that is not evaluated")
	}
	return c.concat(append(pieces, pattern[done:]))
}

var hashes = map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New}

func (c *invocation) hashed(algorithm, s string) Value {
	if hashes[algorithm] == nil {
		return c.unknown("this hash is not evaluated")
	}
	c.budget.step(len(s) >> 4)
	c.budget.spend(512)
	sum := hashes[algorithm]()
	sum.Write([]byte(c.accounted(s)))
	return hex.EncodeToString(sum.Sum(nil))
}

// decoded is what a text without mistakes stands for.
func (c *invocation) decoded(decode func(string) (string, error)) Value {
	text, err := decode(c.accounted(c.string(0)))
	if err != nil {
		return c.unknown(c.name + "() of broken text is not evaluated")
	}
	return text
}

func fromBase64(s string) (string, error) {
	decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.Trim(s, space), "="))
	return string(decoded), err
}

// jsonEncode knows plain texts, integers, and arrays of them.
func jsonEncode(c *invocation) Value {
	var b strings.Builder
	if !c.encode(&b, c.values[0]) {
		return c.unknown("json_encode() of this value is not evaluated")
	}
	return c.accounted(b.String())
}

func (c *invocation) encode(b *strings.Builder, v Value) bool {
	c.budget.spend(32)
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case string:
		b.WriteString(`"` + strings.ReplaceAll(c.accounted(c.accounted(v)), "/", `\/`) + `"`)
		return strings.IndexFunc(v, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) < 0
	case *Array:
		open, between, end := "{", "", "}"
		isList := v.IsList()
		if isList {
			open, end = "[", "]"
		}
		b.WriteString(open)
		for element := range v.all() {
			b.WriteString(between)
			between = ","
			if !isList && !c.encode(b, toString(element.key)) {
				return false
			}
			if !isList {
				b.WriteString(":")
			}
			if !c.encode(b, element.value) {
				return false
			}
		}
		b.WriteString(end)
	default:
		return false
	}
	return true
}

// surrogate is an escape of half a character, on which PHP and Go differ when the other half is missing.
var surrogate = regexp.MustCompile(`\\u[dD][89a-fA-F]`)

func jsonDecode(c *invocation) Value {
	const objectAsArray, throwOnError, syntaxError, utf8Error = 1, 1 << 22, 4, 5
	text, flags := c.string(0), c.intOr(3, 0)
	c.budget.spend(matchCost)
	if flags&^(objectAsArray|throwOnError) != 0 || c.intOr(2, 512) != 512 || surrogate.MatchString(text) {
		c.jsonError = c.unknown("json_decode() in this form is not evaluated")
		return c.jsonError
	}
	asArray := flags&objectAsArray != 0
	if c.optional(1) {
		asArray = c.boolOr(1, false)
	}
	failed := int64(0)
	switch {
	case !utf8.ValidString(text):
		failed = utf8Error
	case !json.Valid([]byte(c.accounted(text))):
		failed = syntaxError
	}
	switch {
	case flags&throwOnError == 0:
		c.jsonError = failed
	case failed != 0:
		c.throw("JsonException", "the text is not valid")
	}
	if failed != 0 {
		return nil
	}
	c.budget.spend(decoderCost + 4*len(text))
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	return c.jsonValue(decoder, asArray)
}

// What decoding allocates in bytes: the decoder with its buffers, and for each value.
const (
	decoderCost = 2048
	jsonCost    = 384
)

// jsonValue reads one value of text that is known to be valid.
func (c *invocation) jsonValue(decoder *json.Decoder, asArray bool) Value {
	c.descend()
	defer func() { c.depth-- }()
	c.budget.spend(jsonCost)
	t, _ := decoder.Token()
	switch t := t.(type) {
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n
		}
		f, _ := t.Float64()
		return f
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
