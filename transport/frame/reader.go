package frame

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// Reader makes frames of the bytes that a client sends, in whatever pieces they come. It owns no buffer as
// long as no frame is in parts. Its methods must not be called concurrently; after an error it is of no use.
type Reader struct {
	// Limit bounds a message, in bytes; with 0 every message is too big. It may change between calls.
	Limit int

	partial []byte // the beginning of a frame
	message []byte // the beginning of a message in fragments
	opcode  Opcode // of that message
	inside  bool   // such a message
}

// Feed takes the next bytes and returns the frames that they complete; data is not kept. Messages in
// fragments come as one frame. The frames before an error are returned with it: ErrTooBig, ErrNotUTF8 or
// ErrProtocol.
func (r *Reader) Feed(data []byte) (frames []Frame, err error) {
	own := len(r.partial) > 0
	if own {
		data = append(r.partial, data...)
		r.partial = nil
	}
	for len(data) > 0 {
		h, ok, err := parseHeader(data, true, r.Limit-len(r.message))
		if err != nil {
			return frames, err
		}
		if !ok || uint64(len(data)-h.size) < h.payload { //nolint:gosec // G115: parseHeader has bounded it by the limit
			if r.partial = data; !own {
				r.partial = slices.Clone(data)
			}
			return frames, nil
		}
		end := h.size + int(h.payload) //nolint:gosec // G115: parseHeader has bounded it by the limit
		frame, complete, err := r.join(h, unmask(data[h.size:end], h.mask))
		if err != nil {
			return frames, err
		}
		data = data[end:]
		if complete && frames == nil && len(data) > 0 {
			frames = make([]Frame, 0, 2) // as in a login
		}
		if complete {
			frames = append(frames, frame)
		}
	}
	return frames, nil
}

func unmask(masked []byte, mask [maskSize]byte) []byte {
	payload := make([]byte, len(masked))
	word := uint64(binary.LittleEndian.Uint32(mask[:]))
	word |= word << 32
	i := 0
	for ; i+8 <= len(masked); i += 8 {
		binary.LittleEndian.PutUint64(payload[i:], binary.LittleEndian.Uint64(masked[i:])^word)
	}
	for ; i < len(masked); i++ {
		payload[i] = masked[i] ^ mask[i%maskSize]
	}
	return payload
}

// join puts a message's fragments together; control frames may come between them.
func (r *Reader) join(h header, payload []byte) (frame Frame, complete bool, err error) {
	switch {
	case h.opcode == Close && !isCloseBody(payload):
		return frame, false, ErrProtocol
	case h.opcode.isControl():
		return Frame{h.opcode, payload}, true, nil
	case r.inside != (h.opcode == Continuation):
		return frame, false, ErrProtocol
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
	if r.opcode == Text && !utf8.Valid(payload) {
		return frame, false, ErrNotUTF8
	}
	return Frame{r.opcode, payload}, true, nil
}

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
