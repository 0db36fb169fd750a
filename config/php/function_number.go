package php

import (
	"math"
	"slices"
)

var numberFunctions = map[string]builtin{
	"floatval": {1, 1, func(c *invocation) Value { return Float(c.values[0]) }},
	"boolval":  {1, 1, func(c *invocation) Value { return Bool(c.values[0]) }},
	"strval":   {1, 1, func(c *invocation) Value { return c.text(c.values[0]) }},

	"floor": {1, 1, func(c *invocation) Value { return math.Floor(c.argument(0, "float").(float64)) }},
	"ceil":  {1, 1, func(c *invocation) Value { return math.Ceil(c.argument(0, "float").(float64)) }},
	"min":   {1, -1, func(c *invocation) Value { return c.extreme(-1) }},
	"max":   {1, -1, func(c *invocation) Value { return c.extreme(1) }},

	"is_null":    isOf("null"),
	"is_bool":    isOf("bool"),
	"is_int":     isOf("int"),
	"is_integer": isOf("int"),
	"is_float":   isOf("float"),
	"is_string":  isOf("string"),
	"is_array":   isOf("array"),
	"is_scalar":  isOf("bool", "int", "float", "string"),
	"is_numeric": {1, 1, isNumeric},
	"is_object":  {1, 1, func(c *invocation) Value { return isObject(c.values[0]) }},

	"get_debug_type": {1, 1, func(c *invocation) Value { return typeName(c.values[0]) }},
}

// extreme is min or max, which of equal values give the first.
func (c *invocation) extreme(sign int) Value {
	list := newList(c.here, c.values...)
	if len(c.values) == 1 {
		list = c.array(0)
	}
	c.demand(list.Len() > 0, "ValueError")
	best := list.elements[0].value
	for _, element := range list.elements {
		c.stepText(best, element.value)
		if c.holdsObject(best) || c.holdsObject(element.value) {
			return c.unknown(c.name + "() of objects is not evaluated")
		}
		order := compare(element.value, best)
		if order == uncomparable {
			return c.unknown(c.name + "() of values that have no order")
		}
		if order == sign {
			best = element.value
		}
	}
	return best
}

func isOf(types ...string) builtin {
	return builtin{1, 1, func(c *invocation) Value { return slices.Contains(types, typeName(c.values[0])) }}
}

func isNumeric(c *invocation) Value {
	kind := typeName(c.values[0])
	_, isNumber := numeric(Text(c.values[0]))
	return kind == "int" || kind == "float" || kind == "string" && isNumber
}
