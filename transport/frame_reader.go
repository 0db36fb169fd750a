package transport

import (
	"encoding/binary"
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/notifypush/notifypush/actors"
)

const (
	// readLimitBeforeLogin and readLimit bound a client's message, in bytes.
	readLimitBeforeLogin = 4 << 10
	readLimit            = 64 << 10

	maxControlPayload = 125
	maskSize          = 4
)

// What a client may do wrong on the wire.
var (
	errMessageTooBig = errors.New("the message is too big")
	errTextInvalid   = errors.New("the text is not UTF-8")
	errProtocol      = errors.New("the bytes are not a client's websocket frames")
)

// frameReader makes frames of the bytes that a client sends, in whatever pieces they come
// (RFC 6455, 5). It owns no buffer as long as no frame is in parts. The zero value reads nothing:
// limit must be set.
type frameReader struct {
	limit int // of a message, in bytes

	partial []byte // the beginning of a frame
	message []byte // the beginning of a message in fragments
	opcode  actors.Opcode
	inside  bool // such a message
}

// feed takes the next bytes and returns the frames that they complete. Messages in fragments come
// as one frame. After an error nothing more can be read; the frames before it are returned.
func (r *frameReader) feed(data []byte) (frames []actors.Frame, err error) {
	own := len(r.partial) > 0
	if own {
		data = append(r.partial, data...)
		r.partial = nil
	}
	for len(data) > 0 {
		header, ok, err := r.header(data)
		if err != nil {
			return frames, err
		}
		if !ok || len(data) < header.size+header.payload {
			if r.partial = data; !own {
				r.partial = slices.Clone(data)
			}
			return frames, nil
		}
		payload := header.unmask(data)
		data = data[header.size+header.payload:]
		frame, complete, err := r.join(header, payload)
		if err != nil {
			return frames, err
		}
		if complete {
			frames = append(frames, frame)
		}
	}
	return frames, nil
}

// frameHeader is what stands before a payload.
type frameHeader struct {
	final   bool
	opcode  actors.Opcode
	size    int // of the header, mask included
	payload int // size
	mask    [maskSize]byte
}

// header reads a frame's header; ok is false when it is not all there.
func (r *frameReader) header(data []byte) (h frameHeader, ok bool, err error) {
	const finalBit, reservedBits, maskBit = 0x80, 0x70, 0x80
	h.final, h.opcode = data[0]&finalBit != 0, actors.Opcode(data[0]&0x0F)
	if data[0]&reservedBits != 0 || !known(h.opcode) {
		return h, false, errProtocol
	}
	if len(data) < 2 {
		return h, false, nil
	}
	if data[1]&maskBit == 0 {
		return h, false, errProtocol
	}
	length, h2 := uint64(data[1]&^maskBit), 2
	switch {
	case length == 126 && len(data) >= 4:
		length, h2 = uint64(binary.BigEndian.Uint16(data[2:])), 4
	case length == 127 && len(data) >= 10:
		length, h2 = binary.BigEndian.Uint64(data[2:]), 10
	case length >= 126:
		return h, false, nil
	}
	if err := r.checkLength(h, length); err != nil || len(data) < h2+maskSize {
		return h, false, err
	}
	copy(h.mask[:], data[h2:])
	h.size, h.payload = h2+maskSize, int(length)
	return h, true, nil
}

func (r *frameReader) checkLength(h frameHeader, length uint64) error {
	switch {
	case isControl(h.opcode) && (length > maxControlPayload || !h.final):
		return errProtocol
	case !isControl(h.opcode) && length > uint64(r.limit-len(r.message)):
		return errMessageTooBig
	}
	return nil
}

func (h frameHeader) unmask(data []byte) []byte {
	payload := make([]byte, h.payload)
	for i := range payload {
		payload[i] = data[h.size+i] ^ h.mask[i%maskSize]
	}
	return payload
}

// join puts a message's fragments together; control frames may come between them.
func (r *frameReader) join(h frameHeader, payload []byte) (frame actors.Frame, complete bool, err error) {
	switch {
	case h.opcode == actors.OpClose && !isCloseBody(payload):
		return frame, false, errProtocol
	case isControl(h.opcode):
		return actors.Frame{Opcode: h.opcode, Payload: payload}, true, nil
	case r.inside != (h.opcode == actors.OpContinuation):
		return frame, false, errProtocol
	case !r.inside:
		r.opcode = h.opcode
	}
	r.inside = !h.final
	if r.inside {
		r.message = append(r.message, payload...)
		return frame, false, nil
	}
	if r.message != nil {
		payload = append(r.message, payload...)
		r.message = nil
	}
	if r.opcode == actors.OpText && !utf8.Valid(payload) {
		return frame, false, errTextInvalid
	}
	return actors.Frame{Opcode: r.opcode, Payload: payload}, true, nil
}

func known(op actors.Opcode) bool {
	return op <= actors.OpBinary || op >= actors.OpClose && op <= actors.OpPong
}

func isControl(op actors.Opcode) bool { return op >= actors.OpClose }

// isCloseBody reports whether a close frame holds what it may: nothing, or a code that may be sent, and
// a reason (RFC 6455, 5.5.1 and 7.4).
func isCloseBody(payload []byte) bool {
	if len(payload) < 2 {
		return len(payload) == 0
	}
	switch code := binary.BigEndian.Uint16(payload); {
	case code < 1000, code >= 1004 && code <= 1006, code >= 1015 && code < 3000, code >= 5000:
		return false
	default:
		return utf8.Valid(payload[2:])
	}
}

// endingOf says how a connection ends after an error of reading.
func endingOf(err error) actors.CloseReason {
	switch {
	case errors.Is(err, errMessageTooBig):
		return actors.MessageTooBig
	case errors.Is(err, errTextInvalid):
		return actors.TextInvalid
	case errors.Is(err, errProtocol):
		return actors.ProtocolViolated
	default:
		return actors.ConnectionLost
	}
}
