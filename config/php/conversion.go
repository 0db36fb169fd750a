package php

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

const space = " \t\n\r\v\f" // what PHP skips around a number

// Bool is what PHP's (bool) makes of a value.
func Bool(v Value) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != "" && v != "0"
	case *Array:
		return v.Len() > 0
	}
	return true
}

func boolToInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Int is what PHP's (int) makes of a value: a string counts as far as it begins with a number.
func Int(v Value) int64 {
	switch v := v.(type) {
	case bool:
		return boolToInt(v)
	case int64:
		return v
	case float64:
		return floatToInt(v)
	case string:
		n, _ := numberPrefix(v)
		f := Float(n)
		_, isFloat := n.(float64)
		switch {
		case isFloat && f >= 0x1p63 && !math.IsInf(f, 1): // here PHP takes the nearest integer
			return math.MaxInt64
		case isFloat && f < -0x1p63 && !math.IsInf(f, -1):
			return math.MinInt64
		}
		return Int(n)
	case *Array:
		return min(int64(v.Len()), 1)
	case *Object, *closure:
		return 1
	}
	return 0
}

// Float is what PHP's (float) makes of a value.
func Float(v Value) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case string:
		n, _ := numberPrefix(v)
		return Float(n)
	}
	return float64(Int(v))
}

// floatToInt drops the fraction and, as PHP does on 64 bits, what does not fit into 64 bits.
func floatToInt(f float64) int64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	f = math.Trunc(f)
	if f >= -0x1p63 && f < 0x1p63 {
		return int64(f)
	}
	f = math.Mod(f, 0x1p64)
	if f < 0 {
		f += 0x1p64
	}
	return int64(uint64(f)) //nolint:gosec // G115: it wraps, as PHP has it
}

// numbers begin a text that counts as one.
var numbers = regexp.MustCompile(`^[ \t\n\r\v\f]*([+-]?(?:[0-9]+(\.[0-9]*)?|(\.[0-9]+))([eE][+-]?[0-9]+)?)`)

// numberPrefix reads the number that s begins with, an int64 or a float64, and returns what follows it. Without a
// number it returns int64(0) and the whole string.
func numberPrefix(s string) (number Value, rest string) {
	if s == "" || s[0] > '9' {
		return int64(0), s
	}
	match := numbers.FindStringSubmatchIndex(s)
	if match == nil {
		return int64(0), s
	}
	literal, rest := s[match[2]:match[3]], s[match[3]:]
	if match[4] < 0 && match[6] < 0 && match[8] < 0 {
		// With anything behind it the least integer is a float to PHP.
		if n, err := strconv.ParseInt(literal, 10, 64); err == nil && (n != math.MinInt64 || rest == "") {
			return n, rest
		}
	}
	f, _ := strconv.ParseFloat(literal, 64) // out of range is ±Inf, as in PHP
	return f, rest
}

// numeric returns the number that the whole string is, white space around it allowed.
func numeric(s string) (Value, bool) {
	number, rest := numberPrefix(s)
	if len(rest) == len(s) || strings.TrimLeft(rest, space) != "" {
		return nil, false
	}
	return number, true
}

// Text is what PHP's (string) makes of a value. Of objects it knows none that has a text.
func Text(v Value) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "1"
		}
		return ""
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return formatFloat(v)
	case string:
		return v
	case *Array:
		return "Array"
	}
	return ""
}

// precision is PHP's setting of that name, the number of digits of a float that becomes a string.
const precision = 14

func formatFloat(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strings.TrimPrefix(strings.ToUpper(strconv.FormatFloat(f, 'g', -1, 64)), "+")
	}
	mantissa, exponent, scientific := strings.Cut(strconv.FormatFloat(f, 'G', precision, 64), "E")
	if !scientific {
		return mantissa
	}
	// PHP keeps the zeros of an integer that lies just between two texts.
	if exponent == "+14" && math.Abs(math.Mod(f, 10)) == 5 {
		mantissa, _, _ = strings.Cut(strconv.FormatFloat(f, 'E', precision-1, 64), "E")
	}
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	return mantissa + "E" + exponent[:1] + strings.TrimLeft(exponent[1:], "0")
}

// toArray follows (array).
func toArray(v Value, at origin) *Array {
	switch v := v.(type) {
	case nil:
		return &Array{}
	case *Array:
		return v
	case *Object:
		return v.Properties.clone()
	}
	return newList(at, v)
}

// typeName is how PHP calls the type of v in its messages.
func typeName(v Value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case string:
		return "string"
	case *Array:
		return "array"
	case *Object:
		return v.Class
	case *closure:
		return "Closure"
	}
	return "unknown"
}
