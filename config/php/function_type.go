package php

import (
	"slices"
	"strconv"
	"strings"
)

var typeFunctions = map[string]builtin{
	"intval":     {1, 2, intval},
	"floatval":   {1, 1, func(c *invocation) Value { return toFloat(c.values[0]) }},
	"boolval":    {1, 1, func(c *invocation) Value { return toBool(c.values[0]) }},
	"strval":     {1, 1, func(c *invocation) Value { return c.text(c.values[0]) }},
	"is_null":    {1, 1, isOf("null")},
	"is_bool":    {1, 1, isOf("bool")},
	"is_int":     {1, 1, isOf("int")},
	"is_float":   {1, 1, isOf("float")},
	"is_string":  {1, 1, isOf("string")},
	"is_array":   {1, 1, isOf("array")},
	"is_scalar":  {1, 1, isOf("bool", "int", "float", "string")},
	"is_object":  {1, 1, func(c *invocation) Value { return isObject(c.values[0]) }},
	"is_numeric": {1, 1, isNumeric},
}

func intval(c *invocation) Value {
	s, isString := c.values[0].(string)
	base := c.intOr(1, 10)
	if base == 10 || !isString {
		return toInt(c.values[0])
	}
	prefix, known := map[int64]string{2: "0b", 8: "0o", 16: "0x"}[base]
	digits := strings.TrimPrefix(strings.ToLower(strings.TrimLeft(s, space)), prefix)
	n, err := strconv.ParseInt(digits, int(base), 64)
	if !known || err != nil {
		return c.unknown("intval() of this text is not evaluated")
	}
	return n
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
