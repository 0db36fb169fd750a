package actors

import "encoding/binary"

// Opcode tells what a websocket frame is (RFC 6455, 5.2).
type Opcode byte

// The opcodes there are.
const (
	OpContinuation Opcode = 0x0
	OpText         Opcode = 0x1
	OpBinary       Opcode = 0x2
	OpClose        Opcode = 0x8
	OpPing         Opcode = 0x9
	OpPong         Opcode = 0xA
)

// Frame is what a client sent: one frame, unmasked; a message in fragments has been joined into one.
type Frame struct {
	Opcode  Opcode
	Payload []byte
}

// AppendFrame appends a whole, final, unmasked frame, as a server sends it.
func AppendFrame(out []byte, op Opcode, payload string) []byte {
	out = append(out, 0x80|byte(op))
	switch n := len(payload); {
	case n < 126:
		out = append(out, byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, 126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, 127), uint64(n))
	}
	return append(out, payload...)
}

// CloseCode returns the code in a client's close frame, 1000 where there is none.
func CloseCode(payload []byte) int {
	if len(payload) < 2 {
		return ClosedByClient.Code()
	}
	return int(binary.BigEndian.Uint16(payload))
}

// AppendCloseFrame appends a close frame. text may be 123 bytes long; what is over is cut.
func AppendCloseFrame(out []byte, code int, text string) []byte {
	payload := binary.BigEndian.AppendUint16(nil, uint16(code))
	payload = append(payload, text[:min(len(text), 123)]...)
	return AppendFrame(out, OpClose, string(payload))
}
