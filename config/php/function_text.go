package php

import (
	"cmp"
	"crypto/md5"  //nolint:gosec // PHP's function of that name
	"crypto/sha1" //nolint:gosec // PHP's function of that name
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

var textFunctions = map[string]builtin{
	"strlen":          {1, 1, func(c *invocation) Value { return int64(len(c.string(0))) }},
	"trim":            {1, 2, func(c *invocation) Value { return c.trimmed(true, true) }},
	"ltrim":           {1, 2, func(c *invocation) Value { return c.trimmed(true, false) }},
	"rtrim":           {1, 2, func(c *invocation) Value { return c.trimmed(false, true) }},
	"strtolower":      {1, 1, func(c *invocation) Value { return lowered(c.copied(0)) }},
	"strtoupper":      {1, 1, func(c *invocation) Value { return mapBytes(c.copied(0), 'a', 'A') }},
	"str_contains":    {2, 2, func(c *invocation) Value { return strings.Contains(c.string(0), c.string(1)) }},
	"str_starts_with": {2, 2, func(c *invocation) Value { return strings.HasPrefix(c.string(0), c.string(1)) }},
	"str_ends_with":   {2, 2, func(c *invocation) Value { return strings.HasSuffix(c.string(0), c.string(1)) }},
	"strpos":          {2, 3, func(c *invocation) Value { return c.position(strings.Index, c.string(0), c.string(1)) }},
	"strrpos":         {2, 2, func(c *invocation) Value { return c.position(strings.LastIndex, c.string(0), c.string(1)) }},
	"strrev":          {1, 1, strrev},
	"bin2hex":         {1, 1, func(c *invocation) Value { return hex.EncodeToString([]byte(c.copied(0))) }},
	"substr":          {2, 3, substr},
	"explode":         {2, 3, explode},
	"implode":         {1, 2, implode},
	"join":            {1, 2, implode},
	"str_repeat":      {2, 2, strRepeat},
	"sprintf":         {1, -1, sprintf},
	"hash":            {2, 2, func(c *invocation) Value { return c.hashed(c.lower(c.string(0)), c.string(1)) }},
	"md5":             {1, 1, func(c *invocation) Value { return c.hashed("md5", c.string(0)) }},
	"base64_encode":   {1, 1, func(c *invocation) Value { return base64.StdEncoding.EncodeToString([]byte(c.copied(0))) }},
	"base64_decode":   {1, 1, base64Decode},
	"urldecode":       {1, 1, func(c *invocation) Value { return c.percentDecoded(strings.ReplaceAll(c.copied(0), "+", " ")) }},
	"rawurldecode":    {1, 1, func(c *invocation) Value { return c.percentDecoded(c.string(0)) }},
	"urlencode":       {1, 1, func(c *invocation) Value { return strings.ReplaceAll(url.QueryEscape(c.copied(0)), "~", "%7E") }},
	"rawurlencode":    {1, 1, func(c *invocation) Value { return strings.ReplaceAll(url.QueryEscape(c.copied(0)), "+", "%20") }},
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
		first, last := set[i], set[i]
		if i+3 < len(set) && set[i+1:i+3] == ".." && set[i+3] >= first {
			last = set[i+3]
			i += 3
		}
		for b := int(first); b <= int(last); b++ {
			cut[b] = true
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

// position finds a needle, from an offset that may count from the end.
func (c *invocation) position(find func(s, part string) int, s, part string) Value {
	offset := c.intOr(2, 0)
	if offset < 0 {
		offset += int64(len(s))
	}
	c.demand(offset >= 0 && offset <= int64(len(s)), "ValueError")
	if i := find(s[offset:], part); i >= 0 {
		return int64(i) + offset
	}
	return false
}

func strrev(c *invocation) Value {
	b := []byte(c.copied(0))
	slices.Reverse(b)
	return string(b)
}

func substr(c *invocation) Value {
	s, start, length := c.string(0), c.int(1), int64(len(c.string(0)))
	size := length
	if c.optional(2) {
		length = c.int(2)
	}
	if start < 0 {
		start = max(start+size, 0)
	}
	start = min(start, size)
	if length < 0 {
		return s[start:max(start, size+length)]
	}
	return s[start : start+min(length, size-start)]
}

func explode(c *invocation) Value {
	separator, s := c.string(0), c.string(1)
	c.demand(separator != "", "ValueError")
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
	last, separator := 0, ""
	if c.optional(1) {
		last, separator = 1, c.string(0)
	}
	pieces := c.array(last)
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

func strRepeat(c *invocation) Value {
	s, times := c.string(0), c.int(1)
	c.demand(times >= 0, "ValueError")
	size := len(s) * int(min(times, maxStringSize+1))
	return c.sized(size, func() string { return strings.Repeat(s, size/max(len(s), 1)) })
}

// conversions of sprintf that are evaluated: %%, and those of texts and numbers with position, side, padding, width and precision.
var conversions = regexp.MustCompile(`%(?:%|(?:([1-9])\$)?(-?)(0|'[ -~])?([0-9]{0,3})(?:\.([0-9]{1,2}))?([sduxXf]))`)

func sprintf(c *invocation) Value {
	pattern := c.string(0)
	c.budget.spend(matchCost + matchCost/16*strings.Count(pattern, "%"))
	c.budget.step(len(pattern) >> 2)
	var pieces []Value
	done, next, understood := 0, 1, true
	for _, match := range conversions.FindAllStringSubmatchIndex(pattern, -1) {
		group := func(i int) string { return pattern[max(match[2*i], 0):max(match[2*i+1], 0)] }
		pieces = append(pieces, pattern[done:match[0]])
		done = match[1]
		if group(6) == "" {
			pieces = append(pieces, "%")
			continue
		}
		position := next
		if chosen := group(1); chosen != "" {
			position = int(chosen[0] - '0')
		} else {
			next++
		}
		c.demand(position < len(c.values), "ArgumentCountError")
		text, converted := c.convert(c.values[position], group(6), group(5))
		understood = understood && converted && (group(2) == "" || group(3) == "")
		text = padded(text, group(6), group(4), strings.TrimPrefix(group(3), "'"), group(2) != "")
		c.budget.spend(2 * min(len(text), 1000))
		pieces = append(pieces, text)
	}
	if !understood || strings.Contains(conversions.ReplaceAllString(pattern, ""), "%") {
		return c.unknown("sprintf() with a format that is not evaluated")
	}
	return c.concat(append(pieces, pattern[done:]))
}

// convert writes a value as a verb of sprintf does. The precision is "" where there is none.
func (c *invocation) convert(v Value, verb, precision string) (text string, understood bool) {
	digits, err := strconv.Atoi(precision)
	c.stepText(v)
	switch verb {
	case "s":
		text = c.text(v)
		if err != nil {
			return text, true
		}
		return text[:min(digits, len(text))], true
	case "f":
		if err != nil {
			digits = 6
		}
		f := Float(v)
		return strconv.FormatFloat(f, 'f', digits, 64), math.Abs(f) < 1e15
	case "d":
		return strconv.FormatInt(Int(v), 10), precision == ""
	case "u":
		return strconv.FormatUint(uint64(Int(v)), 10), precision == "" //nolint:gosec // G115: PHP prints a negative number so
	}
	return fmt.Sprintf("%"+verb, uint64(Int(v))), precision == "" //nolint:gosec // G115: PHP prints a negative number so
}

// padded fills a text up to a width, a number with zeros behind its sign.
func padded(text, verb, width, fill string, left bool) string {
	n, _ := strconv.Atoi(width)
	filling := strings.Repeat(cmp.Or(fill, " "), max(n-len(text), 0))
	switch {
	case left:
		return text + filling
	case fill == "0" && verb != "s" && strings.HasPrefix(text, "-"):
		return "-" + filling + text[1:]
	}
	return filling + text
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

func base64Decode(c *invocation) Value {
	decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.Trim(c.copied(0), space), "="))
	if err != nil {
		return c.unknown("base64_decode() of broken text is not evaluated")
	}
	return string(decoded)
}

var percentEscapes = regexp.MustCompile(`%[0-9a-fA-F]{2}`)

// percentDecoded leaves alone what is not an escape.
func (c *invocation) percentDecoded(s string) Value {
	c.budget.spend(2*len(s) + 64*strings.Count(s, "%"))
	return percentEscapes.ReplaceAllStringFunc(s, func(escape string) string {
		decoded, _ := hex.DecodeString(escape[1:])
		return string(decoded)
	})
}

func jsonDecode(c *invocation) Value {
	const objectAsArray, throwOnError, syntaxError, utf8Error = 1, 1 << 22, 4, 5
	text, flags := c.copied(0), c.intOr(3, 0)
	if flags&^(objectAsArray|throwOnError) != 0 || c.intOr(2, 512) != 512 {
		c.jsonError = c.unknown("json_decode() in this form is not evaluated")
		return c.jsonError
	}
	asArray := flags&objectAsArray != 0
	if c.optional(1) {
		asArray = c.argument(1, "bool") == true
	}
	failed := int64(0)
	switch {
	case !utf8.ValidString(text):
		failed = utf8Error
	case !json.Valid([]byte(text)):
		failed = syntaxError
	}
	c.demand(failed == 0 || flags&throwOnError == 0, "JsonException")
	r := jsonReader{invocation: c, asArray: asArray}
	var v Value
	if failed == 0 {
		c.budget.spend(decoderCost + 4*len(text))
		r.decoder = json.NewDecoder(strings.NewReader(text))
		r.decoder.UseNumber()
		v = r.read()
	}
	switch {
	case r.doubtful:
		c.jsonError = c.unknown("json_decode() of what may be half a character is not evaluated")
		return c.jsonError
	case flags&throwOnError == 0:
		c.jsonError = failed
	}
	return v
}

// What decoding allocates in bytes: the decoder with its buffers, and for each value.
const (
	decoderCost = 2048
	jsonCost    = 384
)

type jsonReader struct {
	*invocation
	decoder  *json.Decoder
	asArray  bool
	doubtful bool // a text may come from an escape of half a character, which is an error to PHP
}

// read reads one value of text that is known to be valid.
func (r *jsonReader) read() Value {
	r.descend()
	defer func() { r.depth-- }()
	r.budget.spend(jsonCost)
	t, _ := r.decoder.Token()
	switch t := t.(type) {
	case string:
		r.doubtful = r.doubtful || strings.ContainsRune(t, utf8.RuneError)
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n
		}
		f, _ := t.Float64()
		return f
	case json.Delim:
		a := &Array{}
		for r.decoder.More() {
			var key any
			if t == '{' {
				key = stringKey(r.read().(string))
			}
			r.put(a, key, r.read(), r.here)
		}
		_, _ = r.decoder.Token() // the closing bracket
		if t == '{' && !r.asArray {
			return &Object{Class: "stdClass", Properties: a}
		}
		return a
	}
	return t // nil, a bool or a string
}
