package php

import (
	"cmp"
	"slices"
)

func byValue(e *element) Value { return e.value }

func byKey(e *element) Value { return e.key }

// sorter makes one of the sort functions with its default flags. Only values that have one order are sorted: PHP's result for
// others depends on how it sorts.
func sorter(of func(*element) Value, sign int, keepKeys bool) func(*evaluator, *Array, []given) (Value, *Array) {
	return func(e *evaluator, a *Array, rest []given) (Value, *Array) {
		var elements []*element
		var list []Value
		for element := range a.all() {
			elements = append(elements, element)
			list = append(list, of(element))
		}
		if len(rest) > 0 || !ordered(list) {
			return e.unknown("sorting values of different types, or with flags, is not evaluated"), nil
		}
		slices.SortStableFunc(elements, func(x, y *element) int { return sign * compareOrdered(of(x), of(y)) })
		sorted := &Array{}
		for _, element := range elements {
			if keepKeys {
				sorted.set(element.key, element.value, element.at)
			} else {
				sorted.append(element.value, element.at)
			}
		}
		return true, sorted
	}
}

// compareOrdered compares values of which ordered is true.
func compareOrdered(a, b Value) int {
	if x, isString := a.(string); isString {
		return cmp.Compare(x, b.(string))
	}
	return compare(a, b)
}
