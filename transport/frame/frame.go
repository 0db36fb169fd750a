// Package frame reads and writes websocket frames (RFC 6455, 5) without a connection: a server holds no
// goroutine and no buffer for a client that is silent.
package frame

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 wants it.
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
)

// Opcode tells what a frame is (RFC 6455, 5.2).
type Opcode byte

// The opcodes there are.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

func (op Opcode) isKnown() bool   { return op <= Binary || op >= Close && op <= Pong }
func (op Opcode) isControl() bool { return op >= Close }

// Frame is one frame, unmasked; a message in fragments has been joined into one.
type Frame struct {
	Opcode  Opcode
	Payload []byte
}

// What the other side may do wrong.
var (
	ErrTooBig   = errors.New("message too big")
	ErrNotUTF8  = errors.New("text is not UTF-8")
	ErrProtocol = errors.New("bytes violate the websocket protocol")
)

const (
	finalBit, reservedBits, maskBit = 0x80, 0x70, 0x80
	length16, length64              = 126, 127 // where a length of 2 or 8 bytes follows
	maskSize                        = 4
	maxServerHeader                 = 2 + 8 // which has no mask
	maxControlPayload               = 125
	maxCloseText                    = maxControlPayload - 2
)

// header is what stands before a payload.
type header struct {
	final   bool
	opcode  Opcode
	size    int // of the header, mask included
	payload uint64
	mask    [maskSize]byte
}

// parseHeader reads a frame's header; ok is false when it is not all there. masked says whether frames of
// the other side must be, limit bounds the payload.
func parseHeader(data []byte, masked bool, limit int) (h header, ok bool, err error) {
	if len(data) == 0 {
		return h, false, nil
	}
	h.final, h.opcode = data[0]&finalBit != 0, Opcode(data[0]&0x0F)
	if data[0]&reservedBits != 0 || !h.opcode.isKnown() {
		return h, false, ErrProtocol
	}
	if len(data) < 2 {
		return h, false, nil
	}
	if (data[1]&maskBit != 0) != masked {
		return h, false, ErrProtocol
	}
	h.payload, h.size = uint64(data[1]&^maskBit), 2
	switch {
	case h.payload == length16 && len(data) >= 4:
		h.payload, h.size = uint64(binary.BigEndian.Uint16(data[2:])), 4
	case h.payload == length64 && len(data) >= 10:
		h.payload, h.size = binary.BigEndian.Uint64(data[2:]), 10
	case h.payload >= length16:
		return h, false, nil
	}
	switch {
	case h.opcode.isControl() && (h.payload > maxControlPayload || !h.final):
		return h, false, ErrProtocol
	case !h.opcode.isControl() && h.payload > uint64(max(limit, 0)):
		return h, false, ErrTooBig
	}
	if masked {
		if len(data) < h.size+maskSize {
			return h, false, nil
		}
		copy(h.mask[:], data[h.size:])
		h.size += maskSize
	}
	return h, true, nil
}

// Append appends a whole, final, unmasked frame, as a server sends it.
func Append(out []byte, op Opcode, payload string) []byte {
	return append(appendHeader(slices.Grow(out, maxServerHeader+len(payload)), op, len(payload), 0), payload...)
}

// AppendMasked appends a whole, final, masked frame, as a client must send it.
func AppendMasked(out []byte, op Opcode, payload string) []byte {
	var mask [maskSize]byte
	binary.BigEndian.PutUint32(mask[:], rand.Uint32()) //nolint:gosec // G404: what is masked is this program's own, and the mask is sent beside it
	out = append(appendHeader(out, op, len(payload), maskBit), mask[:]...)
	for i := range len(payload) {
		out = append(out, payload[i]^mask[i%maskSize])
	}
	return out
}

func appendHeader(out []byte, op Opcode, length int, mask byte) []byte {
	out = append(out, finalBit|byte(op))
	switch {
	case length < length16:
		return append(out, mask|byte(length)) //nolint:gosec // G115: the case has made sure that it fits
	case length < 1<<16:
		return binary.BigEndian.AppendUint16(append(out, mask|length16), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(out, mask|length64), uint64(length))
	}
}

// AppendClose appends a server's close frame. text may be 123 bytes long; what is over is cut.
func AppendClose(out []byte, code int, text string) []byte {
	text = text[:min(len(text), maxCloseText)]
	out = appendHeader(out, Close, 2+len(text), 0)
	return append(binary.BigEndian.AppendUint16(out, uint16(code)), text...) //nolint:gosec // G115: close codes have 16 bits
}

// CloseCode returns the code in the payload of a close frame, 1000 where there is none.
func CloseCode(payload []byte) int {
	if len(payload) < 2 {
		return 1000
	}
	return int(binary.BigEndian.Uint16(payload))
}

// Cut reads the unmasked frame of a server that data begins with. size is its length in bytes with its
// header, 0 when it is not all there yet. The payload is a part of data, at most limit bytes long. Fragments
// are ErrProtocol: push servers send none.
func Cut(data []byte, limit int) (f Frame, size int, err error) {
	h, ok, err := parseHeader(data, false, limit)
	switch {
	case err != nil:
		return f, 0, err
	case len(data) > 0 && (!h.final || h.opcode == Continuation):
		return f, 0, ErrProtocol
	case !ok:
		return f, 0, nil
	case len(data) < h.size+int(h.payload): //nolint:gosec // G115: parseHeader has bounded it by the limit
		return f, 0, nil
	}
	size = h.size + int(h.payload) //nolint:gosec // G115: parseHeader has bounded it by the limit
	return Frame{h.opcode, data[h.size:size]}, size, nil
}

// AppendAccept appends the value of Sec-WebSocket-Accept that answers a handshake's Sec-WebSocket-Key (RFC 6455, 4.2.2).
func AppendAccept(out []byte, key string) []byte {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // RFC 6455 wants it.
	return base64.StdEncoding.AppendEncode(out, sum[:])
}
