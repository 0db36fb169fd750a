package loadtest

import (
	"bytes"
	"strconv"
)

// stamp is what a custom event carries so that its latency, its loss and its place can be told from the frame alone.
type stamp struct {
	to       recipient
	step     uint32 // of the scenario; clients count anew in each
	sequence uint32 // of the events to one user in that step, from 0
	at       int64  // when it was due to be published, as now tells it
}

const stampPrefix = "loadtest "

// append writes the stamp as the text of a custom message: "loadtest RECIPIENT STEP SEQUENCE TIME".
func (s stamp) append(b []byte) []byte {
	b = append(b, stampPrefix...)
	b = strconv.AppendUint(b, uint64(s.to), 10)
	b = append(b, ' ')
	b = strconv.AppendUint(b, uint64(s.step), 10)
	b = append(b, ' ')
	b = strconv.AppendUint(b, uint64(s.sequence), 10)
	b = append(b, ' ')
	return strconv.AppendInt(b, s.at, 10)
}

// parseStamp reads what append wrote; what follows a further space is padding.
func parseStamp(text []byte) (s stamp, ok bool) {
	text, ok = bytes.CutPrefix(text, []byte(stampPrefix))
	if !ok {
		return s, false
	}
	to, text, ok := cutNumber(text, uint64(nobody))
	if !ok {
		return s, false
	}
	step, text, ok := cutNumber(text, 1<<32-1)
	if !ok {
		return s, false
	}
	sequence, text, ok := cutNumber(text, 1<<32-1)
	if !ok {
		return s, false
	}
	at, _, ok := cutNumber(text, maxTime)
	return stamp{recipient(to), uint32(step), uint32(sequence), int64(at)}, ok
}

// maxTime is the largest time in a stamp, in µs since 1970.
const maxTime = 1<<63 - 1

// maxDigits are as many as surely fit into 64 bits.
const maxDigits = 19

// cutNumber reads the decimal number before the first space.
func cutNumber(text []byte, limit uint64) (number uint64, rest []byte, ok bool) {
	digits, rest, _ := bytes.Cut(text, []byte{' '})
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
