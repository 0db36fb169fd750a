package php

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// render writes a value so that two values look alike only if they are.
func render(v Value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool, int64:
		return fmt.Sprint(v)
	case float64:
		if v == 0 && math.Signbit(v) {
			return "float(-0)"
		}
		return "float(" + strconv.FormatFloat(v, 'g', -1, 64) + ")"
	case string:
		return strconv.Quote(v)
	case *Object:
		return v.Class + render(v.Properties)
	case *Array:
		var items []string
		for key, item := range v.All() {
			items = append(items, render(key)+" => "+render(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return fmt.Sprintf("%T", v)
}
