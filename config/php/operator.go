package php

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
)

// failure is an error that PHP would throw for an operation: the class and the message of the exception.
type failure struct {
	class   string
	message string
}

func (f *failure) Error() string { return f.class + ": " + f.message }

// arithmetic computes a op b for + - * / % and **. It returns a *failure where PHP throws.
func arithmetic(op string, a, b Value) (Value, error) {
	if x, isArray := a.(*Array); isArray && op == "+" {
		if y, isArray := b.(*Array); isArray {
			return union(x, y), nil
		}
	}
	x, xIsNumber := operand(a)
	y, yIsNumber := operand(b)
	if !xIsNumber || !yIsNumber {
		return nil, unsupported(op, a, b)
	}
	if op == "%" {
		return modulo(toInt(a), toInt(b)) // of a string that is too large for an integer this is another one than of its number
	}
	m, mIsInt := x.(int64)
	n, nIsInt := y.(int64)
	if mIsInt && nIsInt {
		return integers(op, m, n)
	}
	return floats(op, asFloat(x), asFloat(y))
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

func unsupported(op string, a, b Value) error {
	return &failure{"TypeError", fmt.Sprintf("unsupported operand types: %s %s %s", typeName(a), op, typeName(b))}
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

func integers(op string, m, n int64) (Value, error) {
	switch op {
	case "+":
		if sum := m + n; (sum > m) == (n > 0) {
			return sum, nil
		}
	case "-":
		if difference := m - n; (difference < m) == (n > 0) {
			return difference, nil
		}
	case "*":
		if product, fits := multiply(m, n); fits {
			return product, nil
		}
	case "/":
		if n == 0 {
			return nil, &failure{"DivisionByZeroError", "division by zero"}
		}
		if m%n == 0 && (m != math.MinInt64 || n != -1) {
			return m / n, nil
		}
	case "**":
		if n >= 0 {
			return integerPower(m, n), nil
		}
	}
	return floats(op, float64(m), float64(n))
}

func multiply(m, n int64) (int64, bool) {
	high, low := bits.Mul64(magnitude(m), magnitude(n))
	negative := (m < 0) != (n < 0)
	switch {
	case high != 0:
		return 0, false
	case negative && low <= 1<<63:
		return -int64(low), true
	case !negative && low < 1<<63:
		return int64(low), true
	}
	return 0, false
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// integerPower squares and multiplies as PHP does, which goes on with floats from the first product that does not fit.
func integerPower(base, exponent int64) Value {
	result := int64(1)
	for exponent > 0 {
		if exponent%2 == 1 {
			exponent--
			product, fits := multiply(result, base)
			if !fits {
				return scaled(float64(result)*float64(base), power(float64(base), float64(exponent)))
			}
			result = product
			continue
		}
		exponent /= 2
		square, fits := multiply(base, base)
		if !fits {
			return scaled(float64(result), power(float64(base)*float64(base), float64(exponent)))
		}
		base = square
	}
	return result
}

func scaled(factor float64, power Value) Value {
	if f, isFloat := power.(float64); isFloat {
		return factor * f
	}
	return power
}

func floats(op string, a, b float64) (Value, error) {
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "/":
		if b == 0 {
			return nil, &failure{"DivisionByZeroError", "division by zero"}
		}
		return a / b, nil
	}
	return power(a, b), nil
}

// power is pow of the C library, as far as every C library gives the same: what lies close to the middle between two floats is
// unknown, and so are most powers with a fraction in the exponent.
func power(base, exponent float64) Value {
	doubtful := unknown{reason: "a power that computers round differently"}
	if exponent != math.Trunc(exponent) || math.Abs(exponent) > 1100 || base == 0 || math.IsInf(base, 0) || math.IsNaN(base) {
		result := math.Pow(base, exponent)
		if result == math.Trunc(result) && math.Abs(result) < 1<<32 || math.IsNaN(result) || math.IsInf(result, 0) {
			return result
		}
		return doubtful
	}
	exact := exactPower(base, int(exponent))
	rounded, _ := exact.Float64()
	if math.IsInf(rounded, 0) {
		return rounded
	}
	distance := new(big.Float).Sub(exact, big.NewFloat(rounded))
	gap := math.Nextafter(math.Abs(rounded), math.Inf(1)) - math.Abs(rounded)
	if off, _ := distance.Float64(); math.Abs(off) > 0.4*gap {
		return doubtful
	}
	return rounded
}

// exactPower leaves no doubt about the last bit of a float64.
func exactPower(base float64, exponent int) *big.Float {
	const precision = 256 // bits
	result := new(big.Float).SetPrec(precision).SetInt64(1)
	square := new(big.Float).SetPrec(precision).SetFloat64(base)
	for n := max(exponent, -exponent); n > 0; n >>= 1 {
		if n&1 == 1 {
			result.Mul(result, square)
		}
		square.Mul(square, square)
	}
	if exponent < 0 {
		result.Quo(new(big.Float).SetInt64(1), result)
	}
	return result
}

func modulo(m, n int64) (Value, error) {
	switch n {
	case 0:
		return nil, &failure{"DivisionByZeroError", "modulo by zero"}
	case -1:
		return int64(0), nil // what Go's % overflows on
	}
	return m % n, nil
}

// bitwise computes & | ^ << >>. Two strings are combined byte by byte.
func bitwise(op string, a, b Value) (Value, error) {
	left, leftIsString := a.(string)
	right, rightIsString := b.(string)
	if leftIsString && rightIsString && len(op) == 1 {
		return combine(op, left, right), nil
	}
	_, leftIsNumber := operand(a)
	_, rightIsNumber := operand(b)
	if !leftIsNumber || !rightIsNumber {
		return nil, unsupported(op, a, b)
	}
	m, n := toInt(a), toInt(b)
	switch op {
	case "&":
		return m & n, nil
	case "|":
		return m | n, nil
	case "^":
		return m ^ n, nil
	}
	if n < 0 {
		return nil, &failure{"ArithmeticError", "bit shift by a negative number"}
	}
	if op == "<<" {
		return m << uint64(n), nil
	}
	return m >> uint64(n), nil
}

func combine(op, a, b string) string {
	short, long := a, b
	if len(short) > len(long) {
		short, long = long, short
	}
	result := []byte(long)
	for i := range len(short) {
		switch op {
		case "&":
			result[i] = short[i] & long[i]
		case "|":
			result[i] = short[i] | long[i]
		case "^":
			result[i] = short[i] ^ long[i]
		}
	}
	if op == "|" {
		return string(result)
	}
	return string(result[:len(short)])
}
