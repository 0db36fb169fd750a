package nextcloud

import (
	"bytes"
	"io"
	"strconv"
)

// plainAnswer returns the body of an answer that is all of data, as nearly all are: a 200 that keeps the connection, with a
// length or in one chunk. It returns false for anything else, and where it is not sure: net/http knows better then.
func plainAnswer(data []byte) (body []byte, ok bool) {
	line, rest, found := bytes.Cut(data, []byte("\r\n"))
	if !found || !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) || !isPlainText(line) {
		return nil, false
	}
	length, chunked := -1, false
	for {
		if line, rest, found = bytes.Cut(rest, []byte("\r\n")); !found {
			return nil, false
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		value = bytes.Trim(value, " \t")
		if !ok || !isPlain(name, value) {
			return nil, false
		}
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length >= 0 || chunked {
				return nil, false
			}
			if length = plainNumber(value, 10); length < 0 {
				return nil, false
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			if length >= 0 || chunked || !bytes.EqualFold(value, []byte("chunked")) {
				return nil, false
			}
			chunked = true
		case bytes.EqualFold(name, []byte("Connection")) && !bytes.EqualFold(value, []byte("keep-alive")), bytes.EqualFold(name, []byte("Trailer")):
			return nil, false
		}
	}
	if chunked {
		return oneChunk(rest)
	}
	return rest, length == len(rest)
}

// oneChunk returns the body that a chunk and the last one make, where they are all of data.
func oneChunk(data []byte) (body []byte, ok bool) {
	size, rest, found := bytes.Cut(data, []byte("\r\n"))
	length := plainNumber(size, 16)
	if !found || length < 1 || len(rest) < length {
		return nil, false
	}
	return rest[:length], string(rest[length:]) == "\r\n0\r\n\r\n"
}

// plainNumber returns a number of a few digits, or -1.
func plainNumber(digits []byte, base int) int {
	if len(digits) > 4 || bytes.ContainsAny(digits, "+-_") {
		return -1
	}
	number, err := strconv.ParseUint(string(digits), base, 16)
	if err != nil {
		return -1
	}
	return int(number)
}

// isPlain reports whether a field of a header has nothing odd in it.
func isPlain(name, value []byte) bool {
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return len(name) > 0 && isPlainText(value)
}

// isPlainText reports whether a line has nothing in it but printable ASCII and tabs: a line feed alone ends a line for net/http.
func isPlainText(text []byte) bool {
	for _, c := range text {
		if c < ' ' && c != '\t' || c >= 0x7F {
			return false
		}
	}
	return true
}

// plainBody is a body that is there already.
type plainBody struct{ rest []byte }

func (b *plainBody) Read(into []byte) (n int, err error) {
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n = copy(into, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Close does nothing.
func (b *plainBody) Close() error { return nil }
