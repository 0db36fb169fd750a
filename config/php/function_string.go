package php

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
)

var stringFunctions = map[string]builtin{
	"strlen":  {1, 1, func(c *invocation) Value { return int64(len(c.string(0))) }, false},
	"trim":    {1, 2, func(c *invocation) Value { return strings.Trim(c.string(0), c.cutset()) }, false},
	"ltrim":   {1, 2, func(c *invocation) Value { return strings.TrimLeft(c.string(0), c.cutset()) }, false},
	"rtrim":   {1, 2, func(c *invocation) Value { return strings.TrimRight(c.string(0), c.cutset()) }, false},
	"chop":    {1, 2, func(c *invocation) Value { return strings.TrimRight(c.string(0), c.cutset()) }, false},
	"ucfirst": {1, 1, func(c *invocation) Value { return mapFirst(c.accounted(c.string(0)), lower, upper) }, false},
	"lcfirst": {1, 1, func(c *invocation) Value { return mapFirst(c.accounted(c.string(0)), upper, lower) }, false},
	"strrev":  {1, 1, reverseString, false},

	"strtolower":      {1, 1, func(c *invocation) Value { return mapBytes(c.accounted(c.string(0)), upper, lower) }, false},
	"strtoupper":      {1, 1, func(c *invocation) Value { return mapBytes(c.accounted(c.string(0)), lower, upper) }, false},
	"mb_strtolower":   {1, 1, func(c *invocation) Value { return c.ascii(mapBytes(c.accounted(c.string(0)), upper, lower)) }, false},
	"mb_strtoupper":   {1, 1, func(c *invocation) Value { return c.ascii(mapBytes(c.accounted(c.string(0)), lower, upper)) }, false},
	"str_contains":    {2, 2, func(c *invocation) Value { return strings.Contains(c.string(0), c.string(1)) }, false},
	"str_starts_with": {2, 2, func(c *invocation) Value { return strings.HasPrefix(c.string(0), c.string(1)) }, false},
	"str_ends_with":   {2, 2, func(c *invocation) Value { return strings.HasSuffix(c.string(0), c.string(1)) }, false},
	"strpos":          {2, 3, func(c *invocation) Value { return c.position(strings.Index, same) }, false},
	"stripos":         {2, 3, func(c *invocation) Value { return c.position(strings.Index, lowered) }, false},
	"strrpos":         {2, 2, func(c *invocation) Value { return c.position(strings.LastIndex, same) }, false},
	"strstr":          {2, 3, strstr, false},
	"strrchr":         {2, 2, strrchr, false},
	"substr":          {2, 3, substr, false},
	"substr_count":    {2, 2, substrCount, false},

	"explode":     {2, 3, explode, false},
	"implode":     {1, 2, implode, false},
	"join":        {1, 2, implode, false},
	"str_replace": {3, 3, strReplace, false},
	"str_repeat":  {2, 2, strRepeat, false},
	"str_pad":     {2, 4, strPad, false},
	"strtr":       {2, 3, strtr, false},
	"sprintf":     {1, -1, func(c *invocation) Value { return c.format(c.string(0), c.values[1:]) }, false},
	"vsprintf":    {2, 2, func(c *invocation) Value { return c.format(c.string(0), values(c.array(1))) }, false},

	"bin2hex": {1, 1, func(c *invocation) Value { return hex.EncodeToString([]byte(c.accounted(c.accounted(c.string(0))))) }, false},
	"base64_encode": {1, 1, func(c *invocation) Value {
		return base64.StdEncoding.EncodeToString([]byte(c.accounted(c.accounted(c.string(0)))))
	}, false},
	"base64_decode": {1, 1, base64Decode, false},
	"rawurldecode":  {1, 1, func(c *invocation) Value { return percentDecode(c.accounted(c.string(0))) }, false},
	"urldecode": {1, 1, func(c *invocation) Value {
		return percentDecode(strings.ReplaceAll(c.accounted(c.string(0)), "+", " "))
	}, false},
	"urlencode":    {1, 1, func(c *invocation) Value { return urlEncode(c, "+") }, false},
	"rawurlencode": {1, 1, func(c *invocation) Value { return urlEncode(c, "%20") }, false},
	"chr":          {1, 1, func(c *invocation) Value { return string([]byte{byte(c.int(0))}) }, false},
	"ord":          {1, 1, func(c *invocation) Value { return int64((c.string(0) + "\x00")[0]) }, false},
}

func same(s string) string { return s }

func lowered(s string) string { return mapBytes(s, upper, lower) }

// Letters of ASCII: PHP 8 changes no others.
const (
	upper = 'A'
	lower = 'a'
)

// mapBytes moves the letters of one case to the other.
func mapBytes(s string, from, to byte) string {
	b := []byte(s)
	for i, c := range b {
		if c >= from && c < from+26 {
			b[i] = c - from + to
		}
	}
	return string(b)
}

func mapFirst(s string, from, to byte) string {
	if s == "" {
		return s
	}
	return mapBytes(s[:1], from, to) + s[1:]
}

// ascii returns a string unless the function would have to know about other alphabets.
func (c *invocation) ascii(s string) Value {
	for _, b := range []byte(s) {
		if b >= 0x80 {
			return c.unknown(c.name + "() of letters that are not ASCII is not evaluated")
		}
	}
	return s
}

func reverseString(c *invocation) Value {
	b := []byte(c.accounted(c.string(0)))
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

// cutset is the second argument of trim, in which a..z is a range.
func (c *invocation) cutset() string {
	if !c.has(1) {
		return " \n\r\t\v\x00"
	}
	set := c.string(1)
	var expanded []byte
	for i := 0; i < len(set); i++ {
		if i+3 < len(set) && set[i+1] == '.' && set[i+2] == '.' && set[i+3] >= set[i] {
			for b := int(set[i]); b <= int(set[i+3]); b++ {
				expanded = append(expanded, byte(b))
			}
			i += 3
			continue
		}
		expanded = append(expanded, set[i])
	}
	for _, b := range expanded {
		if b >= 0x80 {
			c.giveUp(c.name + "() of bytes that are not ASCII is not evaluated")
		}
	}
	return string(expanded)
}

// position finds a needle, from an offset that may count from the end.
func (c *invocation) position(find func(s, part string) int, fold func(string) string) Value {
	s, part := fold(c.accounted(c.string(0))), fold(c.string(1))
	offset := c.intOr(2, 0)
	if offset < 0 {
		offset += int64(len(s))
	}
	if offset < 0 || offset > int64(len(s)) {
		c.throw("ValueError", c.name+"(): the offset lies outside of the string")
	}
	i := find(s[offset:], part)
	if i < 0 {
		return false
	}
	return int64(i) + offset
}

func strstr(c *invocation) Value {
	s, part := c.string(0), c.string(1)
	i := strings.Index(s, part)
	switch {
	case i < 0:
		return false
	case c.boolOr(2, false):
		return s[:i]
	}
	return s[i:]
}

func strrchr(c *invocation) Value {
	s, part := c.string(0), c.string(1)
	i := strings.LastIndexByte(s, (part + "\x00")[0])
	if i < 0 {
		return false
	}
	return s[i:]
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

func substrCount(c *invocation) Value {
	s, part := c.string(0), c.string(1)
	if part == "" {
		c.throw("ValueError", "substr_count(): the needle is empty")
	}
	return int64(strings.Count(s, part))
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
	result := c.copied(subject.Len())
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
	var replacements []Value
	if replacementIsArray {
		replacements = values(replacement)
	}
	var result Value = s
	i := 0
	for element := range search.all() {
		with := ""
		switch {
		case !replacementIsArray:
			with = c.string(1)
		case i < len(replacements):
			with = c.text(replacements[i])
		}
		i++
		text, isString := result.(string)
		if !isString {
			return result
		}
		result = c.replaceAll(text, c.text(element.value), with)
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
	if s == "" {
		return ""
	}
	size := len(s) * int(min(times, maxStringSize+1))
	return c.sized(size, func() string { return strings.Repeat(s, int(times)) })
}

func strPad(c *invocation) Value {
	s, length, with, kind := c.string(0), c.int(1), " ", c.intOr(3, 1)
	if c.has(2) {
		with = c.string(2)
	}
	missing := length - int64(len(s))
	if missing <= 0 {
		return s
	}
	if with == "" || kind < 0 || kind > 2 {
		c.throw("ValueError", "str_pad(): an argument is not one of those allowed")
	}
	if length > maxStringSize {
		return c.unknown("a string of more than 2 MiB")
	}
	left, right := int64(0), missing
	switch kind {
	case 0:
		left, right = missing, 0
	case 2:
		left, right = missing/2, missing-missing/2
	}
	fill := func(n int64) string { return strings.Repeat(with, int(n)/len(with)+1)[:n] }
	return c.sized(3*int(length)+len(with), func() string { return fill(left) + s + fill(right) })
}

// strtr translates bytes, or, with an array, replaces the longest keys first.
func strtr(c *invocation) Value {
	s := c.string(0)
	if c.has(2) {
		from, to := c.string(1), c.string(2)
		b := []byte(c.accounted(s))
		for i, old := range b {
			if j := strings.LastIndexByte(from[:min(len(from), len(to))], old); j >= 0 {
				b[i] = to[j]
			}
		}
		return string(b)
	}
	pairs := c.array(1)
	longest := 0
	for element := range pairs.all() {
		key := toString(element.key)
		if key == "" {
			return c.unknown("strtr() with an empty key is not evaluated")
		}
		longest = max(longest, len(key))
	}
	return c.translate(s, pairs, longest)
}

func (c *invocation) translate(s string, pairs *Array, longest int) Value {
	var b strings.Builder
	for i := 0; i < len(s); {
		found := false
		for n := min(longest, len(s)-i); n > 0 && !found; n-- {
			c.budget.step(1)
			if with := pairs.find(stringKey(s[i : i+n])); with != nil {
				text := c.text(with.value)
				c.budget.spend(2 * len(text))
				b.WriteString(text)
				i += n
				found = true
			}
		}
		if !found {
			b.WriteByte(s[i])
			i++
		}
		if b.Len() > maxStringSize {
			return c.unknown("a string of more than 2 MiB")
		}
	}
	return c.accounted(b.String())
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

func urlEncode(c *invocation, blank string) Value {
	s := c.string(0)
	return c.sized(3*len(s), func() string {
		encoded := strings.ReplaceAll(url.QueryEscape(s), "+", blank)
		if blank == "+" {
			return strings.ReplaceAll(encoded, "~", "%7E")
		}
		return encoded
	})
}

func values(a *Array) []Value {
	list := make([]Value, 0, a.Len())
	for element := range a.all() {
		list = append(list, element.value)
	}
	return list
}
