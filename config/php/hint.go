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
	types := slices.DeleteFunc(slices.Clone(hint), func(t string) bool { return t == "null" })
	if len(types) != 1 || partial[types[0]] {
		return e.mayThrow(e.unknown("whether a value fits its declared type is not evaluated"))
	}
	converted, possible := e.weakly(v, types[0])
	if !possible {
		e.throw("TypeError", what+" must be of type "+types[0]+", "+typeName(v)+" given")
	}
	if u, isUnknown := converted.(unknown); isUnknown {
		return e.mayThrow(u)
	}
	return converted
}

// Declared types that no object is of, and those that are of some values of another type.
var (
	objectless = wordSet("null bool int float string array iterable true false")
	partial    = wordSet("callable iterable true false")
)

// fits says whether a value is of a type as it is. Classes are taken on trust.
func fits(v Value, t string) bool {
	return t == typeName(v) || t == "mixed" || t == "void" && v == nil || isObject(v) && !objectless[t]
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
