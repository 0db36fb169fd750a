package php

import (
	"math"
	"strconv"
	"strings"
)

// conversion is one %… of sprintf.
type conversion struct {
	argument  int // from 1; 0 is the next
	plus      bool
	left      bool
	pad       byte
	width     int
	precision int // -1: not given
	verb      byte
}

// format is sprintf.
func (c *invocation) format(pattern string, arguments []Value) Value {
	var pieces []Value
	next := 0
	for {
		before, rest, found := strings.Cut(pattern, "%")
		pieces = append(pieces, before)
		c.budget.spend(nodeCost)
		if !found {
			return c.concat(pieces)
		}
		if strings.HasPrefix(rest, "%") {
			pieces = append(pieces, "%")
			pattern = rest[1:]
			continue
		}
		conversion, length, understood := parseConversion(rest)
		if !understood {
			return c.unknown(c.name + "() with a format that is not evaluated")
		}
		i := conversion.argument - 1
		if i < 0 {
			i = next
			next++
		}
		if i >= len(arguments) {
			c.throw("ArgumentCountError", c.name+"() got too few arguments for its format")
		}
		pieces = append(pieces, c.convert(conversion, arguments[i]))
		pattern = rest[length:]
	}
}

// parseConversion reads what follows a %. It knows the verbs whose result is the same in all versions of PHP.
func parseConversion(s string) (conversion, int, bool) {
	f := conversion{pad: ' ', precision: -1}
	i := digits(s)
	if i > 0 && i < 4 && i < len(s) && s[i] == '$' {
		f.argument, _ = strconv.Atoi(s[:i])
		if f.argument == 0 {
			return f, 0, false
		}
		i++
	} else {
		i = 0
	}
flags:
	for ; i < len(s); i++ {
		switch s[i] {
		case '+':
			f.plus = true
		case '-':
			f.left = true
		case '0', ' ':
			f.pad = s[i]
		case '\'':
			i++
			if i == len(s) {
				return f, 0, false
			}
			f.pad = s[i]
		default:
			break flags
		}
	}
	if n := digits(s[i:]); n > 0 && n < 7 {
		f.width, _ = strconv.Atoi(s[i : i+n])
		i += n
	}
	if i < len(s) && s[i] == '.' {
		n := digits(s[i+1:])
		if n > 2 {
			return f, 0, false
		}
		f.precision, _ = strconv.Atoi(s[i+1 : i+1+n])
		i += 1 + n
	}
	if i == len(s) || strings.IndexByte("sdxf", s[i]) < 0 {
		return f, 0, false
	}
	f.verb = s[i]
	return f, i + 1, !f.left || f.pad == ' '
}

func (c *invocation) convert(f conversion, v Value) Value {
	var s string
	switch f.verb {
	case 's':
		s = c.text(v)
		if f.precision >= 0 {
			s = s[:min(f.precision, len(s))]
		}
	case 'd':
		s = strconv.FormatInt(toInt(v), 10)
		if f.plus && s[0] != '-' {
			s = "+" + s
		}
	case 'x':
		s = strconv.FormatUint(uint64(toInt(v)), 16)
	default:
		x := toFloat(v)
		if math.IsNaN(x) || math.IsInf(x, 0) || math.Abs(x) >= 1e15 {
			return c.unknown(c.name + "() of a very large number is not evaluated")
		}
		digits := f.precision
		if digits < 0 {
			digits = 6
		}
		s = strconv.FormatFloat(x, 'f', digits, 64)
		if f.plus && s[0] != '-' {
			s = "+" + s
		}
	}
	return c.padded(f, s)
}

func (c *invocation) padded(f conversion, s string) Value {
	missing := f.width - len(s)
	if missing <= 0 {
		return s
	}
	return c.sized(f.width, func() string {
		fill := strings.Repeat(string([]byte{f.pad}), missing)
		switch {
		case f.left:
			return s + fill
		case f.pad == '0' && f.verb != 's' && (strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+")):
			return s[:1] + fill + s[1:]
		}
		return fill + s
	})
}
