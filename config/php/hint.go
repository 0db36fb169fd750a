package php

import (
	"math"
	"slices"
)

// coerce makes a value fit a declared type, as PHP does without strict types, and throws where it does not.
func (e *evaluator) coerce(v Value, hint *typeHint, strict bool, what string) Value {
	if hint == nil || fits(v, hint.alternatives) {
		return v
	}
	if u, isUnknown := v.(unknown); isUnknown {
		return e.mayThrow(u)
	}
	if n, isInt := v.(int64); isInt && slices.Contains(hint.alternatives, "float") {
		return float64(n)
	}
	scalars := slices.DeleteFunc(slices.Clone(hint.alternatives), func(t string) bool { return t == "null" })
	if len(scalars) != 1 {
		return e.unknown("a value has to be made to fit a type of several alternatives")
	}
	e.stepText(v)
	converted, possible := weakly(v, scalars[0])
	if u, isUnknown := converted.(unknown); isUnknown {
		return e.unknown(u.reason)
	}
	if strict || !possible {
		e.throw("TypeError", what+" must be of type "+scalars[0]+", "+typeName(v)+" given")
	}
	return converted
}

// fits says whether a value is of one of the types as it is. Classes are taken on trust.
func fits(v Value, alternatives []string) bool {
	own := typeName(v)
	for _, t := range alternatives {
		switch t {
		case own, "mixed":
			return true
		case "void", "never":
			return v == nil
		case "false", "true":
			if b, isBool := v.(bool); isBool && b == (t == "true") {
				return true
			}
		case "iterable":
			if own == "array" {
				return true
			}
		case "callable":
			if own == "Closure" || own == "string" || own == "array" {
				return true
			}
		case "null", "int", "float", "string", "bool", "array":
		default:
			if isObject(v) {
				return true
			}
		}
	}
	return false
}

// weakly converts a scalar to another scalar type.
func weakly(v Value, to string) (Value, bool) {
	switch v.(type) {
	case bool, int64, float64, string:
	default:
		return nil, false
	}
	switch to {
	case "string":
		return toString(v), true
	case "bool":
		return toBool(v), true
	case "int":
		return weaklyInt(v)
	case "float":
		if s, isString := v.(string); isString {
			return weaklyNumber(s, func(number Value) (Value, bool) { return asFloat(number), true })
		}
		return toFloat(v), true
	}
	return nil, false
}

func weaklyInt(v Value) (Value, bool) {
	switch v := v.(type) {
	case string:
		return weaklyNumber(v, weaklyInt)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) || v < -0x1p63 || v >= 0x1p63 {
			return nil, false
		}
		return int64(v), true // PHP deprecates a fraction and drops it
	}
	return toInt(v), true
}

// weaklyNumber converts a numeric string. What only begins with a number is not decided here.
func weaklyNumber(s string, convert func(Value) (Value, bool)) (Value, bool) {
	if number, isNumber := numeric(s); isNumber {
		return convert(number)
	}
	if _, rest := numberPrefix(s); len(rest) < len(s) {
		return unknown{reason: "a string that only begins with a number stands for one"}, true
	}
	return nil, false
}
