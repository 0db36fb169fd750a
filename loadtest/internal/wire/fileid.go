package wire

import (
	"bytes"
	"iter"
	"math"
)

const (
	serialBits  = 10
	fileDueBits = 63 - recipientBits - serialBits
)

// fileID is the id of a file whose change is published. It carries the lower bits of the time at which that was due, in µs, whom it is
// for, and a serial number, and fits into 63 bits.
func fileID(to Recipient, due int64, serial int) uint64 {
	return uint64(due)<<(recipientBits+serialBits)&math.MaxInt64 | uint64(to)<<serialBits | uint64(serial)&(1<<serialBits-1)
}

// ParseFileID reads an id that arrives at a time. It was due at most half an hour from then, which is all that its bits can tell.
func ParseFileID(id uint64, at int64) (to Recipient, due int64) {
	const unknown = 64 - fileDueBits // upper bits, which are those of the present but for a carry
	age := (at - int64(id>>(recipientBits+serialBits))) << unknown >> unknown
	return Recipient(id>>serialBits) & Nobody, at - age
}

// FileIDs returns the ids in a push of changed files, "notify_file_id [1,2,3]"; what is no number is 0.
func FileIDs(text []byte) (ids iter.Seq[uint64], ok bool) {
	text, ok = bytes.CutPrefix(text, []byte("notify_file_id ["))
	if ok {
		text, ok = bytes.CutSuffix(text, []byte{']'})
	}
	return func(yield func(uint64) bool) {
		for digits := range bytes.SplitSeq(text, []byte{','}) {
			if id, _, _ := cutNumber(digits, ',', math.MaxUint64); !yield(id) {
				return
			}
		}
	}, ok
}

// IsUnstamped tells pushes that carry nothing by which their event could be known.
func IsUnstamped(text []byte) bool {
	switch string(text) {
	case "notify_file", "notify_activity", "notify_notification":
		return true
	}
	return false
}
