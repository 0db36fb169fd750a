package php

import (
	"fmt"
	"math"
	"math/big"
)

// integral are the operators that turn both sides into integers; bytewise ones join texts byte by byte.
var integral, bytewise = wordSet("% & | ^ << >>"), wordSet("& | ^")

// arithmetic computes a op b for + - * / % ** & | ^ << and >>.
func (e *evaluator) arithmetic(op string, a, b Value) Value {
	p, isArray := a.(*Array)
	q, areArrays := b.(*Array)
	if isArray && areArrays && op == "+" {
		return union(p, q)
	}
	left, isText := a.(string)
	right, areTexts := b.(string)
	if isText && areTexts && bytewise[op] {
		return e.combine(op, left, right)
	}
	x, isNumber := operand(a)
	y, areNumbers := operand(b)
	if !isNumber || !areNumbers {
		e.throw("TypeError", fmt.Sprintf("unsupported operand types: %s %s %s", typeName(a), op, typeName(b)))
	}
	m, isInt := x.(int64)
	n, areInts := y.(int64)
	areInts = areInts && isInt
	switch {
	case integral[op]:
		return e.computeIntegral(op, Int(a), Int(b)) // of a string that is too large for an integer this is another one than of its number
	case op == "/" && Float(y) == 0:
		e.throw("DivisionByZeroError", "division by zero")
	case op == "**":
		power, certain := power(x, y)
		if !certain {
			return e.mayThrow(e.unknown("a power that computers round differently"))
		}
		return power
	case areInts:
		if result, fits := integers(op, m, n); fits {
			return result
		}
	}
	return floats(op, Float(x), Float(y))
}

// operand makes a number of what stands beside an arithmetic operator.
func operand(v Value) (Value, bool) {
	switch v := v.(type) {
	case nil, bool:
		return Int(v), true
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
	}
	return a / b
}

func power(base, exponent Value) (result Value, certain bool) {
	m, isInt := base.(int64)
	if n, areInts := exponent.(int64); isInt && areInts && n >= 0 {
		return integerPower(m, n)
	}
	return floatPower(Float(base), Float(exponent))
}

// integerPower squares and multiplies as PHP does, which goes on with floats from the first product that does not fit.
func integerPower(base, exponent int64) (result Value, certain bool) {
	power := int64(1)
	for exponent > 0 {
		factor, scale, rest := &base, float64(power), float64(base)*float64(base)
		if exponent%2 == 1 {
			factor, scale, rest = &power, float64(power)*float64(base), float64(base)
			exponent--
		} else {
			exponent /= 2
		}
		product, fits := multiply(*factor, base)
		if !fits {
			f, certain := floatPower(rest, float64(exponent))
			return scale * f, certain
		}
		*factor = product
	}
	return power, true
}

// powerCost is what the arithmetic of floatPower allocates in bytes.
const powerCost = 4096

// floatPower is pow of the C library, and certain as far as every C library gives the same: that leaves out most powers with a fraction in
// the exponent, and those that lie close to the middle between two floats.
func floatPower(base, exponent float64) (power float64, certain bool) {
	if exponent != math.Trunc(exponent) || math.Abs(exponent) > 1100 || base == 0 || math.IsInf(base, 0) || math.IsNaN(base) {
		power = math.Pow(base, exponent)
		return power, power == math.Trunc(power) && math.Abs(power) < 1<<32 || math.IsNaN(power) || math.IsInf(power, 0)
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
	power, _ = exact.Float64()
	off, _ := new(big.Float).Sub(exact, big.NewFloat(power)).Float64()
	gap := math.Nextafter(math.Abs(power), math.Inf(1)) - math.Abs(power)
	return power, math.IsInf(power, 0) || math.Abs(off) <= 0.4*gap
}

func (e *evaluator) computeIntegral(op string, m, n int64) Value {
	switch op {
	case "&":
		return m & n
	case "|":
		return m | n
	case "^":
		return m ^ n
	}
	switch {
	case op == "%" && n == 0:
		e.throw("DivisionByZeroError", "modulo by zero")
	case op == "%" && n == -1:
		return int64(0) // what Go's % overflows on
	case op == "%":
		return m % n
	case n < 0:
		e.throw("ArithmeticError", "bit shift by a negative number")
	case op == "<<":
		return m << uint64(n)
	}
	return m >> uint64(n)
}

// combine combines two strings byte by byte.
func (e *evaluator) combine(op, a, b string) string {
	if len(a) > len(b) {
		a, b = b, a
	}
	result := []byte(b)
	for i := range len(a) {
		result[i] = byte(e.computeIntegral(op, int64(a[i]), int64(b[i])).(int64)) //nolint:gosec // G115: of two bytes it is one
	}
	if op == "|" {
		return string(result)
	}
	return string(result[:len(a)])
}
