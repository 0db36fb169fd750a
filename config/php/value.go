package php

// Value is what a PHP expression yields. The values of a [Config] are one of
//
//	nil       null
//	bool      true, false
//	int64     an integer
//	float64   a floating point number, INF and NAN included
//	string    bytes, not always valid UTF-8
//	*Array    an array, whether list or map
//	*Object   a stdClass
//
// A value that could not be found out is never among them: its key is in [Config.Unknown].
type Value = any

// Object is a PHP object with its public properties, in their order. In a [Config] it is always a stdClass.
type Object struct {
	Class      string
	Properties *Array
}

// unknown is the value of an expression beyond the evaluator. It spreads to everything that is computed from it.
type unknown struct {
	reason string
	at     origin
}

// origin is the place in the sources where something was written: an index into the evaluator's list of files and a line,
// counted from 1. The zero value is nowhere.
type origin struct {
	file int32
	line int32
}

// firstUnknown returns the first of some values that is not known.
func firstUnknown(values ...Value) (unknown, bool) {
	for _, v := range values {
		if u, isUnknown := v.(unknown); isUnknown {
			return u, true
		}
	}
	return unknown{}, false
}

// findUnknown returns the first unknown value in v, at any depth.
func findUnknown(v Value) (unknown, bool) {
	switch v := v.(type) {
	case unknown:
		return v, true
	case *closure:
		return unknown{reason: "a function is not a setting", at: v.function.at}, true
	case *Object:
		if v.Class != "stdClass" {
			return unknown{reason: "an object of class " + v.Class + " is not a setting"}, true
		}
		return findUnknown(v.Properties)
	case *Array:
		if !v.opaque {
			return unknown{}, false
		}
		for i := range v.elements {
			if u, found := findUnknown(v.elements[i].value); found {
				return u, true
			}
		}
	}
	return unknown{}, false
}
