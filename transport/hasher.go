package transport

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"hash/maphash"
	"sync"
)

var hashSeed = maphash.MakeSeed()

// hasher makes hashes of texts, with a key that several servers have. nil is one without a key, whose hashes mean nothing to another
// process. It is safe for concurrent use.
type hasher struct {
	mu   sync.Mutex // guards the rest
	mac  hash.Hash
	text []byte // a buffer
}

// newHasher returns nil where there is no key.
func newHasher(key []byte) *hasher {
	if len(key) == 0 {
		return nil
	}
	return &hasher{mac: hmac.New(sha256.New, key)}
}

// sum returns the hash of texts: the lengths of the texts count, where there is a key.
func (h *hasher) sum(texts ...string) uint64 {
	if h == nil {
		var plain maphash.Hash
		plain.SetSeed(hashSeed)
		for _, text := range texts {
			maphash.WriteComparable(&plain, text)
		}
		return plain.Sum64()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mac.Reset()
	for _, text := range texts {
		h.text = append(binary.BigEndian.AppendUint64(h.text[:0], uint64(len(text))), text...)
		h.mac.Write(h.text)
	}
	h.text = h.mac.Sum(h.text[:0])
	return binary.BigEndian.Uint64(h.text)
}
