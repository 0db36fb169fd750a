// Package sealed lets servers with one key know what they have written from what others have: a text behind its HMAC-SHA-256.
package sealed

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Length is that of a MAC as a text.
const Length = 2 * sha256.Size

// Seal returns body behind its MAC. place, which is not part of the result, is authenticated with it: what was sealed for one
// place does not open at another.
func Seal(key []byte, place string, body []byte) []byte {
	return append(sum(key, place, body), body...)
}

// Open returns what was sealed for that place with that key, and whether it was.
func Open(key []byte, place string, text []byte) (body []byte, ok bool) {
	if len(text) < Length || !hmac.Equal(sum(key, place, text[Length:]), text[:Length]) {
		return nil, false
	}
	return text[Length:], true
}

func sum(key []byte, place string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(place))
	mac.Write(body)
	return hex.AppendEncode(make([]byte, 0, Length+len(body)), mac.Sum(nil))
}
