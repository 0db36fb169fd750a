package loadtest

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
)

// The opcodes of websocket frames that a push server may send (RFC 6455, 5.2).
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
)

// maxFrame bounds what a server may send in one frame, in bytes.
const maxFrame = 1 << 20

var errFrame = errors.New("the bytes are not websocket frames of a push server")

// frame is a message from the server; the contract knows none in fragments.
type frame struct {
	opcode  byte
	payload []byte // a part of the bytes that were read
}

// cutFrame reads the frame that data begins with. size is its length in bytes with its header, or 0 when it is not all
// there yet.
func cutFrame(data []byte) (f frame, size int, err error) {
	const final, mask, length16, length64 = 0x80, 0x80, 126, 127
	if len(data) < 2 {
		return f, 0, nil
	}
	f.opcode = data[0] &^ final
	if data[0]&final == 0 || data[1]&mask != 0 || !isKnown(f.opcode) {
		return f, 0, errFrame
	}
	header, length := 2, uint64(data[1])
	switch {
	case length == length16 && len(data) >= 4:
		header, length = 4, uint64(binary.BigEndian.Uint16(data[2:]))
	case length == length64 && len(data) >= 10:
		header, length = 10, binary.BigEndian.Uint64(data[2:])
	case length >= length16:
		return f, 0, nil
	}
	if length > maxFrame {
		return f, 0, errFrame
	}
	size = header + int(length)
	if len(data) < size {
		return f, 0, nil
	}
	f.payload = data[header:size]
	return f, size, nil
}

func isKnown(opcode byte) bool {
	return opcode == opText || opcode >= opClose && opcode <= opPong
}

// appendFrame writes a client's frame, masked as clients must. The payload is at most 125 bytes, which all that a client
// says fits into.
func appendFrame(b []byte, opcode byte, payload []byte) []byte {
	mask := rand.Uint32()
	b = append(b, 0x80|opcode, 0x80|byte(len(payload)))
	b = binary.BigEndian.AppendUint32(b, mask)
	for i, c := range payload {
		b = append(b, c^byte(mask>>(24-8*(i%4))))
	}
	return b
}
