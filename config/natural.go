package config

import (
	"cmp"
	"strings"
)

// compareNaturally orders paths as PHP's natsort does, by which Nextcloud orders its files: white space does not count, runs of digits
// compare as numbers, or as fractions when one of them begins with a zero, and everything else compares byte by byte.
func compareNaturally(a, b string) int {
	for a != "" && b != "" {
		a, b = strings.TrimLeft(a, whiteSpace), strings.TrimLeft(b, whiteSpace)
		aDigits, bDigits := leadingDigits(a), leadingDigits(b)
		if aDigits != "" && bDigits != "" {
			if order := compareDigits(aDigits, bDigits); order != 0 {
				return order
			}
			a, b = a[len(aDigits):], b[len(bDigits):]
			if a == "" || b == "" {
				break
			}
		}
		aByte, bByte := a[:min(1, len(a))], b[:min(1, len(b))]
		if order := strings.Compare(aByte, bByte); order != 0 {
			return order
		}
		a, b = a[len(aByte):], b[len(bByte):]
	}
	return cmp.Compare(len(a), len(b))
}

const whiteSpace = " \t\n\v\f\r"

func compareDigits(a, b string) int {
	if a[0] == '0' || b[0] == '0' {
		return strings.Compare(a, b)
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

func leadingDigits(text string) string {
	return text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
}
