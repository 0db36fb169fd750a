package php

import (
	"fmt"
	"math"
	"math/big"
	"strings"
)

// failure is an error that PHP would throw for an operation: the class and the message of the exception.
type failure struct {
	class   string
	message string
}

func (f *failure) Error() string { return f.class + ": " + f.message }

// arithmetic computes a op b for + - * / % ** & | ^ << and >>. It returns a *failure where PHP throws.
func arithmetic(op string, a, b Value) (Value, error) {
	if x, isArray := a.(*Array); isArray && op == "+" {
		if y, isArray := b.(*Array); isArray {
			return union(x, y), nil
		}
	}
	left, leftIsText := a.(string)
	right, rightIsText := b.(string)
	if leftIsText && rightIsText && strings.Contains("&|^", op) {
		return combine(op, left, right), nil
	}
	x, xIsNumber := operand(a)
	y, yIsNumber := operand(b)
	if !xIsNumber || !yIsNumber {
		return nil, &failure{"TypeError", fmt.Sprintf("unsupported operand types: %s %s %s", typeName(a), op, typeName(b))}
	}
	m, mIsInt := x.(int64)
	n, nIsInt := y.(int64)
	switch {
	case strings.Contains("% & | ^ << >>", op):
		return integral(op, toInt(a), toInt(b)) // of a string that is too large for an integer this is another one than of its number
	case op == "/" && asFloat(y) == 0:
		return nil, &failure{"DivisionByZeroError", "division by zero"}
	case op == "**" && mIsInt && nIsInt && n >= 0:
		return integerPower(m, n), nil
	case mIsInt && nIsInt:
		if result, fits := integers(op, m, n); fits {
			return result, nil
		}
	}
	return floats(op, asFloat(x), asFloat(y)), nil
}

// operand makes a number of what stands beside an arithmetic operator.
func operand(v Value) (Value, bool) {
	switch v := v.(type) {
	case nil, bool:
		return toInt(v), true
	case int64, float64:
		return v, true
	case string:
		number, rest := numberPrefix(v)
		return number, len(rest) < len(v)
	}
	return nil, false
}

// union is + of two arrays: the elements of a, then those of b whose keys a has not.
func union(a, b *Array) *Array {
	sum := a.clone()
	for e := range b.all() {
		if sum.find(e.key) == nil {
			sum.set(e.key, e.value, e.at)
		}
	}
	return sum
}

// integers computes with integers; false when the result is none.
func integers(op string, m, n int64) (int64, bool) {
	switch op {
	case "+":
		return m + n, (m+n > m) == (n > 0)
	case "-":
		return m - n, (m-n < m) == (n > 0)
	case "*":
		return multiply(m, n)
	case "/":
		if n == -1 || m%n != 0 {
			return -m, n == -1 && m != math.MinInt64
		}
		return m / n, true
	}
	return 0, false
}

func multiply(m, n int64) (int64, bool) {
	product := m * n
	return product, m == 0 || product/m == n && !(m == -1 && n == math.MinInt64)
}

func floats(op string, a, b float64) Value {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	}
	return power(a, b)
}

// integerPower squares and multiplies as PHP does, which goes on with floats from the first product that does not fit.
func integerPower(base, exponent int64) Value {
	result := int64(1)
	for exponent > 0 {
		factor, scale, rest := &base, float64(result), float64(base)*float64(base)
		if exponent%2 == 1 {
			factor, scale, rest = &result, float64(result)*float64(base), float64(base)
			exponent--
		} else {
			exponent /= 2
		}
		product, fits := multiply(*factor, base)
		if !fits {
			f, isFloat := power(rest, float64(exponent)).(float64)
			if !isFloat {
				return doubtfulPower
			}
			return scale * f
		}
		*factor = product
	}
	return result
}

// powerCost is what the arithmetic of power allocates in bytes.
const powerCost = 4096

var doubtfulPower = unknown{reason: "a power that computers round differently"}

// power is pow of the C library, as far as every C library gives the same: unknown are most powers with a fraction in the exponent, and
// those that lie close to the middle between two floats.
func power(base, exponent float64) Value {
	if exponent != math.Trunc(exponent) || math.Abs(exponent) > 1100 || base == 0 || math.IsInf(base, 0) || math.IsNaN(base) {
		result := math.Pow(base, exponent)
		if result == math.Trunc(result) && math.Abs(result) < 1<<32 || math.IsNaN(result) || math.IsInf(result, 0) {
			return result
		}
		return doubtfulPower
	}
	const precision = 256 // bits, which leave no doubt about the last one of a float
	exact := new(big.Float).SetPrec(precision).SetInt64(1)
	square := new(big.Float).SetPrec(precision).SetFloat64(base)
	for n := int(math.Abs(exponent)); n > 0; n >>= 1 {
		if n&1 == 1 {
			exact.Mul(exact, square)
		}
		square.Mul(square, square)
	}
	if exponent < 0 {
		exact.Quo(new(big.Float).SetInt64(1), exact)
	}
	rounded, _ := exact.Float64()
	if math.IsInf(rounded, 0) {
		return rounded
	}
	off, _ := new(big.Float).Sub(exact, big.NewFloat(rounded)).Float64()
	if gap := math.Nextafter(math.Abs(rounded), math.Inf(1)) - math.Abs(rounded); math.Abs(off) > 0.4*gap {
		return doubtfulPower
	}
	return rounded
}

// integral computes with operators that turn both sides into integers.
func integral(op string, m, n int64) (Value, error) {
	switch {
	case op == "%" && n == 0:
		return nil, &failure{"DivisionByZeroError", "modulo by zero"}
	case op == "%" && n == -1:
		return int64(0), nil // what Go's % overflows on
	case op == "%":
		return m % n, nil
	case op == "&":
		return m & n, nil
	case op == "|":
		return m | n, nil
	case op == "^":
		return m ^ n, nil
	case n < 0:
		return nil, &failure{"ArithmeticError", "bit shift by a negative number"}
	case op == "<<":
		return m << uint64(n), nil
	}
	return m >> uint64(n), nil
}

// combine combines two strings byte by byte.
func combine(op, a, b string) string {
	if len(a) > len(b) {
		a, b = b, a
	}
	result := []byte(b)
	for i := range len(a) {
		combined, _ := integral(op, int64(a[i]), int64(b[i]))
		result[i] = byte(combined.(int64))
	}
	if op == "|" {
		return string(result)
	}
	return string(result[:len(a)])
}
