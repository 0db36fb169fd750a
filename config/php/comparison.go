package php

import (
	"cmp"
	"math"
	"strings"
)

// uncomparable is what compare says of two values of which neither is smaller, nor are they equal.
const uncomparable = 2

// identical is ===.
func identical(a, b Value) bool {
	switch a := a.(type) {
	case *Array:
		b, isArray := b.(*Array)
		return isArray && identicalArrays(a, b)
	case float64:
		b, isFloat := b.(float64)
		return isFloat && a == b
	}
	switch b.(type) {
	case *Array, float64:
		return false
	}
	return a == b
}

func identicalArrays(a, b *Array) bool {
	if a == b {
		return true
	}
	if a.Len() != b.Len() {
		return false
	}
	j := 0
	for e := range a.all() {
		for b.elements[j].key == nil {
			j++
		}
		other := &b.elements[j]
		if e.key != other.key || !identical(e.value, other.value) {
			return false
		}
		j++
	}
	return true
}

// compare is <=> as PHP 8 does it, and uncomparable where even that has no answer.
func compare(a, b Value) int {
	switch x := a.(type) {
	case nil:
		if s, isString := b.(string); isString {
			return cmp.Compare("", s)
		}
	case string:
		switch y := b.(type) {
		case nil:
			return cmp.Compare(x, "")
		case string:
			return compareStrings(x, y)
		case int64, float64:
			return reverse(compareNumberWithString(y, x))
		}
	case int64:
		switch y := b.(type) {
		case int64:
			return cmp.Compare(x, y)
		case float64:
			return compareFloats(float64(x), y)
		case string:
			return compareNumberWithString(x, y)
		}
	case float64:
		switch y := b.(type) {
		case int64:
			return compareFloats(x, float64(y))
		case float64:
			return compareFloats(x, y)
		case string:
			return compareNumberWithString(x, y)
		}
	case *Array:
		if y, isArray := b.(*Array); isArray {
			return compareArrays(x, y)
		}
	case *Object:
		if y, isObject := b.(*Object); isObject {
			return compareObjects(x, y)
		}
	}
	return compareMixed(a, b)
}

// compareMixed compares values of types that have no rule of their own.
func compareMixed(a, b Value) int {
	if isBoolOrNull(a) || isBoolOrNull(b) {
		return compareBools(toBool(a), toBool(b))
	}
	_, leftIsArray := a.(*Array)
	_, rightIsArray := b.(*Array)
	switch {
	case leftIsArray:
		return 1
	case rightIsArray:
		return -1
	}
	return uncomparable
}

func isBoolOrNull(v Value) bool {
	if v == nil {
		return true
	}
	_, isBool := v.(bool)
	return isBool
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func compareFloats(a, b float64) int {
	if math.IsNaN(a) || math.IsNaN(b) {
		return uncomparable
	}
	return cmp.Compare(a, b)
}

func reverse(c int) int {
	if c == uncomparable {
		return c
	}
	return -c
}

// compareNumberWithString compares as numbers when the string is one, and as strings otherwise.
func compareNumberWithString(number Value, s string) int {
	if f, isFloat := number.(float64); isFloat && math.IsNaN(f) {
		return uncomparable
	}
	if other, isNumber := numeric(s); isNumber {
		return compare(number, other)
	}
	return cmp.Compare(toString(number), s)
}

// compareStrings compares two numeric strings as numbers, unless both are too large to be told apart so.
func compareStrings(a, b string) int {
	x, xIsNumber := numeric(a)
	if !xIsNumber {
		return cmp.Compare(a, b)
	}
	y, yIsNumber := numeric(b)
	if !yIsNumber {
		return cmp.Compare(a, b)
	}
	if overflows(a, x) && overflows(b, y) && asFloat(x) == asFloat(y) {
		return cmp.Compare(a, b)
	}
	return compare(x, y)
}

// overflows says whether the number in s is too large for its kind: an integer that became a float, or infinity.
func overflows(s string, number Value) bool {
	f, isFloat := number.(float64)
	return isFloat && (math.IsInf(f, 0) || !strings.ContainsAny(s, ".eE"))
}

func compareArrays(a, b *Array) int {
	if c := cmp.Compare(a.Len(), b.Len()); c != 0 {
		return c
	}
	for e := range a.all() {
		other := b.find(e.key)
		if other == nil {
			return uncomparable
		}
		if c := compare(e.value, other.value); c != 0 {
			return c
		}
	}
	return 0
}

func compareObjects(a, b *Object) int {
	switch {
	case a == b:
		return 0
	case a.Class != b.Class:
		return uncomparable
	}
	return compareArrays(a.Properties, b.Properties)
}
