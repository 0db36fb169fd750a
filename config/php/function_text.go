package php

import (
	"crypto/md5"  //nolint:gosec // PHP's function of that name
	"crypto/sha1" //nolint:gosec // PHP's function of that name
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
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
	"ucfirst":         {1, 1, ucfirst},
	"str_contains":    {2, 2, func(c *invocation) Value { return strings.Contains(c.string(0), c.string(1)) }},
	"str_starts_with": {2, 2, func(c *invocation) Value { return strings.HasPrefix(c.string(0), c.string(1)) }},
	"str_ends_with":   {2, 2, func(c *invocation) Value { return strings.HasSuffix(c.string(0), c.string(1)) }},
	"strpos":          {2, 2, func(c *invocation) Value { return c.position(strings.Index) }},
	"strrpos":         {2, 2, func(c *invocation) Value { return c.position(strings.LastIndex) }},
	"substr":          {2, 3, substr},
	"explode":         {2, 3, explode},
	"implode":         {1, 2, implode},
	"join":            {1, 2, implode},
	"str_replace":     {3, 3, strReplace},
	"str_repeat":      {2, 2, strRepeat},
	"sprintf":         {1, -1, func(c *invocation) Value { return c.format(c.string(0), c.values[1:]) }},
	"bin2hex":         {1, 1, func(c *invocation) Value { return hex.EncodeToString([]byte(c.accounted(c.accounted(c.string(0))))) }},
	"base64_encode": {1, 1, func(c *invocation) Value {
		return base64.StdEncoding.EncodeToString([]byte(c.accounted(c.accounted(c.string(0)))))
	}},
	"base64_decode": {1, 1, base64Decode},
	"rawurldecode":  {1, 1, func(c *invocation) Value { return percentDecode(c.accounted(c.string(0))) }},
	"urldecode": {1, 1, func(c *invocation) Value {
		return percentDecode(strings.ReplaceAll(c.accounted(c.string(0)), "+", " "))
	}},
	"rawurlencode":        {1, 1, func(c *invocation) Value { return c.urlEncoded("+", "%20") }},
	"urlencode":           {1, 1, func(c *invocation) Value { return c.urlEncoded("~", "%7E") }},
	"md5":                 {1, 1, func(c *invocation) Value { return c.hashed("md5", c.string(0)) }},
	"sha1":                {1, 1, func(c *invocation) Value { return c.hashed("sha1", c.string(0)) }},
	"hash":                {2, 2, func(c *invocation) Value { return c.hashed(lowered(c.string(0)), c.string(1)) }},
	"json_encode":         {1, 2, jsonEncode},
	"json_decode":         {1, 4, jsonDecode},
	"json_last_error":     {0, 0, func(c *invocation) Value { return c.jsonError }},
	"json_last_error_msg": {0, 0, jsonLastErrorMsg},
}

func lowered(s string) string { return mapBytes(s, 'A', 'a') }

// mapBytes moves the letters of one case to the other, those of ASCII: PHP 8 changes no others.
func mapBytes(s string, from, to byte) string {
	for i := range len(s) {
		if s[i] < from || s[i] >= from+26 {
			continue
		}
		b := []byte(s)
		for ; i < len(b); i++ {
			if b[i] >= from && b[i] < from+26 {
				b[i] += to - from
			}
		}
		return string(b)
	}
	return s
}

func ucfirst(c *invocation) Value {
	s := c.accounted(c.string(0))
	first := min(len(s), 1)
	return mapBytes(s[:first], 'a', 'A') + s[first:]
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
		if i+3 < len(set) && set[i+1] == '.' && set[i+2] == '.' && set[i+3] >= set[i] {
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

func (c *invocation) position(find func(s, part string) int) Value {
	if i := find(c.string(0), c.string(1)); i >= 0 {
		return int64(i)
	}
	return false
}

func substr(c *invocation) Value {
	s := c.string(0)
	length := int64(len(s))
	if c.optional(2) {
		length = c.int(2)
	}
	start, end := span(int64(len(s)), c.int(1), length)
	return s[start:end]
}

// span is the part of size elements that an offset and a length mean, either of which may count from the end.
func span(size, offset, length int64) (start, end int64) {
	if offset < 0 {
		offset = max(offset+size, 0)
	}
	start = min(offset, size)
	if length < 0 {
		return start, max(size+length, start)
	}
	return start, start + min(length, size-start)
}

func explode(c *invocation) Value {
	separator, s := c.string(0), c.string(1)
	if separator == "" {
		c.throw("ValueError", "explode(): the separator is empty")
	}
	c.budget.spend((strings.Count(s, separator) + 1) * (elementCost + 16))
	parts := strings.Split(s, separator)
	if c.has(2) {
		limit := c.int(2)
		switch {
		case limit < 0:
			parts = parts[:max(int64(len(parts))+limit, 0)]
		case max(limit, 1) < int64(len(parts)):
			parts = strings.SplitN(s, separator, int(max(limit, 1)))
		}
	}
	list := &Array{}
	for _, part := range parts {
		list.append(part, c.here)
	}
	return list
}

func implode(c *invocation) Value {
	separator := ""
	pieces, isArray := c.values[0].(*Array)
	switch {
	case !isArray:
		separator = c.string(0)
		if !c.has(1) {
			c.wrong(0, "array")
		}
		pieces = c.array(1)
	case c.optional(1):
		c.wrong(0, "string")
	}
	list := make([]Value, 0, 2*pieces.Len())
	c.budget.spend(2 * pieces.Len() * 48)
	for element := range pieces.all() {
		if len(list) > 0 {
			list = append(list, separator)
		}
		list = append(list, element.value)
	}
	return c.concat(list)
}

// strReplace replaces strings in a string, or in each string of an array.
func strReplace(c *invocation) Value {
	subject, isArray := c.values[2].(*Array)
	if !isArray {
		return c.replaceIn(c.string(2))
	}
	result := &Array{}
	for element := range subject.all() {
		c.set(result, element.key, c.replaceIn(c.text(element.value)), element.at)
	}
	return result
}

func (c *invocation) replaceIn(s string) Value {
	search, searchIsArray := c.values[0].(*Array)
	replacement, replacementIsArray := c.values[1].(*Array)
	if !searchIsArray {
		if replacementIsArray {
			c.wrong(1, "string")
		}
		return c.replaceAll(s, c.string(0), c.string(1))
	}
	var result Value = s
	for i := range search.elements {
		with := ""
		switch {
		case !replacementIsArray:
			with = c.string(1)
		case i < replacement.Len():
			with = c.text(replacement.elements[i].value)
		}
		text, isString := result.(string)
		if !isString {
			return result
		}
		result = c.replaceAll(text, c.text(search.elements[i].value), with)
	}
	return result
}

func (c *invocation) replaceAll(s, old, with string) Value {
	if old == "" {
		return s
	}
	c.budget.step(len(s) >> 6)
	count := strings.Count(s, old)
	if count == 0 {
		return s
	}
	return c.sized(len(s)+count*(len(with)-len(old)), func() string { return strings.ReplaceAll(s, old, with) })
}

func strRepeat(c *invocation) Value {
	s, times := c.string(0), c.int(1)
	if times < 0 {
		c.throw("ValueError", "str_repeat(): the number of times is negative")
	}
	size := len(s) * int(min(times, maxStringSize+1))
	return c.sized(size, func() string { return strings.Repeat(s, size/max(len(s), 1)) })
}

// base64Decode skips what is not of the alphabet, as PHP does unless told to be strict.
func base64Decode(c *invocation) Value {
	alphabet := strings.Map(func(r rune) rune {
		if r < 0x80 && (isNameStart(byte(r)) && r != '_' || isDigit(byte(r)) || r == '+' || r == '/') {
			return r
		}
		return -1
	}, c.accounted(c.string(0)))
	if padding := strings.TrimRight(c.string(0), " \t\r\n="); strings.Contains(padding, "=") {
		return c.unknown("base64_decode() of text after the padding is not evaluated")
	}
	if len(alphabet)%4 == 1 {
		alphabet = alphabet[:len(alphabet)-1]
	}
	decoded, err := base64.RawStdEncoding.DecodeString(alphabet)
	if err != nil {
		return c.unknown("base64_decode() of broken text is not evaluated")
	}
	return string(decoded)
}

// percentDecode leaves alone what is not an escape.
func percentDecode(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if decoded, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b = append(b, decoded[0])
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// urlEncoded is as Go encodes, but for one character.
func (c *invocation) urlEncoded(but, as string) Value {
	s := c.string(0)
	return c.sized(3*len(s), func() string { return strings.ReplaceAll(url.QueryEscape(s), but, as) })
}

func (c *invocation) hashed(algorithm, s string) Value {
	data := []byte(c.accounted(s))
	c.budget.step(len(s) >> 4)
	switch algorithm {
	case "md5":
		sum := md5.Sum(data) //nolint:gosec // as above
		return hex.EncodeToString(sum[:])
	case "sha1":
		sum := sha1.Sum(data) //nolint:gosec // as above
		return hex.EncodeToString(sum[:])
	case "sha256":
		sum := sha256.Sum256(data)
		return hex.EncodeToString(sum[:])
	case "sha512":
		sum := sha512.Sum512(data)
		return hex.EncodeToString(sum[:])
	}
	return c.unknown("this hash is not evaluated")
}

// jsonEncode knows texts, integers and what is made of them, with the flags that leave slashes and other alphabets as they are.
func jsonEncode(c *invocation) Value {
	const unescapedSlashes, unescapedUnicode = 64, 256
	flags := c.intOr(1, 0)
	if flags&^(unescapedSlashes|unescapedUnicode) != 0 {
		return c.unknown("json_encode() with these flags is not evaluated")
	}
	var b strings.Builder
	if !c.encode(&b, c.values[0], flags&unescapedSlashes != 0, flags&unescapedUnicode != 0) {
		return c.unknown("json_encode() of this value is not evaluated")
	}
	return b.String()
}

func (c *invocation) encode(b *strings.Builder, v Value, slashes, unicode bool) bool {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case string:
		c.budget.spend(8 * len(v))
		text, err := json.Marshal(v)
		plain := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", "/", `\/`)
		if slashes {
			plain = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&")
		}
		b.WriteString(plain.Replace(string(text)))
		return err == nil && utf8.ValidString(v) && (unicode || isASCII(v)) && !strings.ContainsAny(v, "\\\u2028\u2029\x7f")
	case *Array:
		open, end := "{", "}"
		isList := v.IsList()
		if isList {
			open, end = "[", "]"
		}
		for element := range v.all() {
			b.WriteString(open)
			open = ","
			if !isList {
				if !c.encode(b, toString(element.key), slashes, unicode) {
					return false
				}
				b.WriteString(":")
			}
			if !c.encode(b, element.value, slashes, unicode) {
				return false
			}
		}
		if v.Len() == 0 {
			b.WriteString(open)
		}
		b.WriteString(end)
	default:
		return false
	}
	return true
}

func isASCII(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0 }

const (
	jsonSyntaxError = 4
	jsonUTF8Error   = 5
)

func jsonLastErrorMsg(c *invocation) Value {
	switch c.jsonError {
	case int64(0):
		return "No error"
	case int64(jsonSyntaxError):
		return "Syntax error"
	case int64(jsonUTF8Error):
		return "Malformed UTF-8 characters, possibly incorrectly encoded"
	}
	return c.jsonError
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
		asArray = c.boolOr(1, false)
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
			c.throw("JsonException", "the text is not valid")
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
