package php

import (
	"math"
	"slices"
)

// coerce makes a value fit a declared type, as PHP does without strict types, and throws where it cannot.
func (e *evaluator) coerce(v Value, hint []string, what string) Value {
	if hint == nil || slices.ContainsFunc(hint, func(t string) bool { return fits(v, t) }) {
		return v
	}
	if u, isUnknown := v.(unknown); isUnknown {
		return e.mayThrow(u)
	}
	scalars := slices.DeleteFunc(slices.Clone(hint), func(t string) bool { return t == "null" })
	if len(scalars) != 1 {
		return e.mayThrow(e.unknown("a value has to be made to fit a type of several alternatives"))
	}
	converted, possible := e.weakly(v, scalars[0])
	if !possible {
		e.throw("TypeError", what+" must be of type "+scalars[0]+", "+typeName(v)+" given")
	}
	if u, isUnknown := converted.(unknown); isUnknown {
		return e.mayThrow(u)
	}
	return converted
}

// fits says whether a value is of a type as it is. Classes are taken on trust.
func fits(v Value, t string) bool {
	own := typeName(v)
	switch t {
	case own, "mixed":
		return true
	case "void", "never":
		return v == nil
	case "iterable":
		return own == "array"
	case "callable":
		return own == "Closure" || own == "string" || own == "array"
	case "false", "true":
		return v == (t == "true")
	case "null", "int", "float", "string", "bool", "array":
		return false
	}
	return isObject(v)
}

// weakly converts a scalar to another scalar type. Which files have strict types, so that PHP throws instead, is not looked at.
func (e *evaluator) weakly(v Value, to string) (Value, bool) {
	switch v.(type) {
	case bool, int64, float64, string:
	default:
		return nil, false
	}
	if e.sources.strict {
		e.giveUp("a conversion where types are strict is not evaluated")
	}
	e.stepText(v)
	if s, isString := v.(string); isString && (to == "int" || to == "float") {
		number, isNumber := numeric(s)
		if _, rest := numberPrefix(s); !isNumber {
			return e.unknown("a string that only begins with a number stands for one"), len(rest) < len(s)
		}
		v = number
	}
	switch to {
	case "string":
		return Text(v), true
	case "bool":
		return Bool(v), true
	case "float":
		return Float(v), true
	case "int":
		if f, isFloat := v.(float64); isFloat && (math.IsNaN(f) || f < -0x1p63 || f >= 0x1p63) {
			return nil, false
		}
		return Int(v), true // PHP deprecates a fraction and drops it
	}
	return nil, false
}
