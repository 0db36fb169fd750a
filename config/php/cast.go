package php

// Bool is what PHP's (bool) makes of a value.
func Bool(v Value) bool { return toBool(v) }

// Int is what PHP's (int) makes of a value: a string counts as far as it begins with a number.
func Int(v Value) int64 { return toInt(v) }

// Float is what PHP's (float) makes of a value.
func Float(v Value) float64 { return toFloat(v) }

// Text is what PHP's (string) makes of a value.
func Text(v Value) string { return toString(v) }
