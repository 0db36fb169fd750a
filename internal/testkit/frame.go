package testkit

import "encoding/binary"

// Final is the bit of a frame's first byte that says that the message ends with it.
const Final = 0x80

// ClientFrame is a frame as a client sends it, masked. first is its first byte: Final, reserved bits and opcode, valid
// or not.
func ClientFrame(first byte, payload string) []byte {
	mask := [4]byte{0xA5, 0x5A, 0x3C, 0xC3}
	out := []byte{first}
	switch n := len(payload); {
	case n < 126:
		out = append(out, 0x80|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, 0x80|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, 0x80|127), uint64(n))
	}
	out = append(out, mask[:]...)
	for i := range len(payload) {
		out = append(out, payload[i]^mask[i%4])
	}
	return out
}
