package wire

import (
	"bytes"
	"math"
	"strconv"
)

// Stamp is what the text of a custom event carries.
type Stamp struct {
	To       Recipient
	Step     uint32 // of the scenario; clients expect Sequence 0 in each
	Sequence uint32 // of the events to one user in that step, from 0
	Due      int64  // when it should have been published, in µs since 1970
}

const stampPrefix = "loadtest"

// Append writes "loadtest RECIPIENT STEP SEQUENCE DUE".
func (s Stamp) Append(b []byte) []byte {
	b = append(b, stampPrefix...)
	for _, n := range [...]uint64{uint64(s.To), uint64(s.Step), uint64(s.Sequence), uint64(s.Due)} {
		b = strconv.AppendUint(append(b, ' '), n, 10)
	}
	return b
}

// ParseStamp reads what Append wrote; what follows a further space is padding.
func ParseStamp(text []byte) (s Stamp, ok bool) {
	text, ok = bytes.CutPrefix(text, []byte(stampPrefix+" "))
	var numbers [4]uint64
	for i, limit := range [...]uint64{uint64(Nobody), math.MaxUint32, math.MaxUint32, math.MaxInt64} {
		if !ok {
			return s, false
		}
		numbers[i], text, ok = cutNumber(text, ' ', limit)
	}
	return Stamp{Recipient(numbers[0]), uint32(numbers[1]), uint32(numbers[2]), int64(numbers[3])}, ok
}

// cutNumber reads the decimal number before the first separator.
func cutNumber(text []byte, separator byte, limit uint64) (number uint64, rest []byte, ok bool) {
	const maxDigits = 19 // as many as surely fit into 64 bits
	digits, rest, _ := bytes.Cut(text, []byte{separator})
	if len(digits) == 0 || len(digits) > maxDigits {
		return 0, nil, false
	}
	for _, digit := range digits {
		if digit < '0' || digit > '9' {
			return 0, nil, false
		}
		number = 10*number + uint64(digit-'0')
	}
	return number, rest, number <= limit
}
