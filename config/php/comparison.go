package php

import (
	"cmp"
	"math"
	"strings"
)

// uncomparable is what compare says of two values of which neither is smaller, nor are they equal.
const uncomparable = 2

// identical is ===. Objects are the same only if they are one.
func identical(a, b Value) bool {
	x, isArray := a.(*Array)
	y, areArrays := b.(*Array)
	if !isArray || !areArrays {
		return a == b
	}
	if x.Len() != y.Len() {
		return false
	}
	for i := range x.elements {
		if m, n := &x.elements[i], &y.elements[i]; m.key != n.key || !identical(m.value, n.value) {
			return false
		}
	}
	return true
}

// compare is <=> as PHP 8 does it, and uncomparable where even that has no answer. Objects are not compared.
func compare(a, b Value) int {
	x, xIsText := a.(string)
	y, yIsText := b.(string)
	p, pIsArray := a.(*Array)
	q, qIsArray := b.(*Array)
	switch {
	case (xIsText || a == nil) && (yIsText || b == nil): // null is ""
		return compareStrings(x, y)
	case isBoolOrNull(a) || isBoolOrNull(b):
		return int(boolToInt(Bool(a)) - boolToInt(Bool(b)))
	case pIsArray && qIsArray:
		return compareArrays(p, q)
	case pIsArray:
		return 1
	case qIsArray:
		return -1
	case xIsText:
		c := compareNumberWithString(b, x)
		if c == uncomparable {
			return c
		}
		return -c
	case yIsText:
		return compareNumberWithString(a, y)
	}
	return compareNumbers(a, b)
}

func isBoolOrNull(v Value) bool {
	_, isBool := v.(bool)
	return isBool || v == nil
}

func compareNumbers(a, b Value) int {
	m, mIsInt := a.(int64)
	n, nIsInt := b.(int64)
	if mIsInt && nIsInt {
		return cmp.Compare(m, n)
	}
	x, y := Float(a), Float(b)
	if math.IsNaN(x) || math.IsNaN(y) {
		return uncomparable
	}
	return cmp.Compare(x, y)
}

// compareNumberWithString compares as numbers when the string is one, and as strings otherwise.
func compareNumberWithString(number Value, s string) int {
	if other, isNumber := numeric(s); isNumber {
		return compareNumbers(number, other)
	}
	if f, isFloat := number.(float64); isFloat && math.IsNaN(f) {
		return uncomparable
	}
	return cmp.Compare(Text(number), s)
}

// compareStrings compares two numeric strings as numbers, unless both are too large to be told apart so.
func compareStrings(a, b string) int {
	x, xIsNumber := numeric(a)
	y, yIsNumber := numeric(b)
	if !xIsNumber || !yIsNumber || overflows(a, x) && overflows(b, y) && Float(x) == Float(y) {
		return cmp.Compare(a, b)
	}
	return compareNumbers(x, y)
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
