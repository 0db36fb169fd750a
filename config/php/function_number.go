package php

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

var numberFunctions = map[string]builtin{
	"intval":    {1, 2, intval, false},
	"floatval":  {1, 1, func(c *invocation) Value { return toFloat(c.values[0]) }, false},
	"doubleval": {1, 1, func(c *invocation) Value { return toFloat(c.values[0]) }, false},
	"boolval":   {1, 1, func(c *invocation) Value { return toBool(c.values[0]) }, false},
	"strval":    {1, 1, func(c *invocation) Value { return c.text(c.values[0]) }, false},
	"abs":       {1, 1, abs, false},
	"intdiv":    {2, 2, intdiv, false},
	"floor":     {1, 1, func(c *invocation) Value { return math.Floor(asFloat(c.number(0))) }, false},
	"ceil":      {1, 1, func(c *invocation) Value { return math.Ceil(asFloat(c.number(0))) }, false},
	"round":     {1, 1, round, false},
	"min":       {1, -1, func(c *invocation) Value { return c.extreme(-1) }, false},
	"max":       {1, -1, func(c *invocation) Value { return c.extreme(1) }, false},
	"hexdec":    {1, 1, func(c *invocation) Value { return c.digitsOf(16) }, false},
	"octdec":    {1, 1, func(c *invocation) Value { return c.digitsOf(8) }, false},
	"bindec":    {1, 1, func(c *invocation) Value { return c.digitsOf(2) }, false},
	"dechex":    {1, 1, func(c *invocation) Value { return strconv.FormatUint(uint64(c.int(0)), 16) }, false},
	"decoct":    {1, 1, func(c *invocation) Value { return strconv.FormatUint(uint64(c.int(0)), 8) }, false},
	"decbin":    {1, 1, func(c *invocation) Value { return strconv.FormatUint(uint64(c.int(0)), 2) }, false},
}

func intval(c *invocation) Value {
	s, isString := c.values[0].(string)
	base := c.intOr(1, 10)
	if base == 10 || !isString {
		return toInt(c.values[0])
	}
	prefix, known := map[int64]string{2: "0b", 8: "0o", 16: "0x"}[base]
	if !known {
		return c.unknown("intval() with this base is not evaluated")
	}
	digits := strings.TrimPrefix(strings.ToLower(strings.TrimLeft(s, space)), prefix)
	n, err := strconv.ParseInt(digits, int(base), 64)
	if err != nil {
		return c.unknown("intval() of this text is not evaluated")
	}
	return n
}

func abs(c *invocation) Value {
	switch n := c.number(0).(type) {
	case int64:
		if n == math.MinInt64 {
			return -float64(n)
		}
		return max(n, -n)
	case float64:
		return math.Abs(n)
	}
	return nil
}

// round rounds halves away from zero. Up to PHP 8.3 what is a half but for the last digits of a float counts as one.
func round(c *invocation) Value {
	v := asFloat(c.number(0))
	_, fraction := math.Modf(math.Abs(v))
	if distance := math.Abs(fraction - 0.5); fraction > 0 && distance > 0 && distance <= math.Abs(v)*1e-14 {
		return c.unknown("round() of nearly a half depends on PHP's version")
	}
	return math.Round(v)
}

func intdiv(c *invocation) Value {
	m, n := c.int(0), c.int(1)
	switch {
	case n == 0:
		c.throw("DivisionByZeroError", "division by zero")
	case m == math.MinInt64 && n == -1:
		c.throw("ArithmeticError", "the result of intdiv() is not an integer")
	}
	return m / n
}

// extreme is min or max. Values of different types have no order that can be relied on.
func (c *invocation) extreme(sign int) Value {
	list := c.values
	if len(list) == 1 {
		list = values(c.array(0))
	}
	if len(list) == 0 {
		c.throw("ValueError", c.name+"() of nothing")
	}
	if !ordered(list) {
		return c.unknown(c.name + "() of values of different types is not evaluated")
	}
	best := list[0]
	for _, v := range list[1:] {
		if compare(v, best) == sign {
			best = v
		}
	}
	return best
}

// ordered says whether values are all numbers, or all strings that are no numbers, so that comparing them gives one order.
func ordered(list []Value) bool {
	numbers, strings := 0, 0
	for _, v := range list {
		switch v := v.(type) {
		case int64:
			numbers++
		case float64:
			if math.IsNaN(v) {
				return false
			}
			numbers++
		case string:
			if _, isNumber := numeric(v); !isNumber {
				strings++
			}
		}
	}
	return max(numbers, strings) == len(list)
}

func (c *invocation) digitsOf(base int) Value {
	s := c.lower(c.string(0))
	n, err := strconv.ParseInt(s, base, 64)
	if err != nil || strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
		return c.unknown(c.name + "() of this text is not evaluated")
	}
	return n
}

var typeFunctions = map[string]builtin{
	"is_null":      {1, 1, isOf("null"), true},
	"is_bool":      {1, 1, isOf("bool"), true},
	"is_int":       {1, 1, isOf("int"), true},
	"is_integer":   {1, 1, isOf("int"), true},
	"is_long":      {1, 1, isOf("int"), true},
	"is_float":     {1, 1, isOf("float"), true},
	"is_double":    {1, 1, isOf("float"), true},
	"is_string":    {1, 1, isOf("string"), true},
	"is_array":     {1, 1, isOf("array"), true},
	"is_iterable":  {1, 1, isOf("array"), true},
	"is_scalar":    {1, 1, isOf("bool", "int", "float", "string"), true},
	"is_object":    {1, 1, func(c *invocation) Value { return isObject(c.values[0]) }, true},
	"is_numeric":   {1, 1, isNumeric, true},
	"gettype":      {1, 1, gettype, true},
	"get_class":    {1, 1, getClass, true},
	"is_countable": {1, 1, isOf("array"), true},
}

func isOf(types ...string) func(c *invocation) Value {
	return func(c *invocation) Value {
		return slices.Contains(types, typeName(c.values[0])) && !isObject(c.values[0])
	}
}

func isNumeric(c *invocation) Value {
	switch v := c.values[0].(type) {
	case int64, float64:
		return true
	case string:
		_, isNumber := numeric(v)
		return isNumber
	}
	return false
}

func gettype(c *invocation) Value {
	switch c.values[0].(type) {
	case nil:
		return "NULL"
	case bool:
		return "boolean"
	case int64:
		return "integer"
	case float64:
		return "double"
	case string:
		return "string"
	case *Array:
		return "array"
	}
	return "object"
}

func getClass(c *invocation) Value {
	if !isObject(c.values[0]) {
		c.wrong(0, "object")
	}
	return typeName(c.values[0])
}
