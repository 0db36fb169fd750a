package fleet

import "encoding/json"

// envelope is what can be read of a message without the key. It is sealed with the message.
type envelope struct {
	Instance string   `json:"instance"`
	Prefixes []string `json:"prefixes"`       // with which the server hears channels
	Asks     bool     `json:"asks,omitempty"` // to be told who listens
}

const (
	// maxEnvelope, maxInstance and maxPrefixes bound what is read without a MAC, in bytes and numbers.
	maxEnvelope, maxInstance, maxPrefixes = 512, 64, 2
)

// envelope returns that of a message of this server.
func (o Options) envelope(k kind) envelope {
	e := envelope{Instance: o.Instance, Prefixes: []string{""}, Asks: k == hello || k == askAll}
	if o.Prefixes != nil {
		e.Prefixes = o.Prefixes()
	}
	return e
}

// parseEnvelope reads what comes from anybody who can write to Redis.
func parseEnvelope(text []byte) (e envelope, ok bool) {
	if len(text) > maxEnvelope || json.Unmarshal(text, &e) != nil {
		return envelope{}, false
	}
	if len(e.Instance) > maxInstance || len(e.Prefixes) > maxPrefixes {
		return envelope{}, false
	}
	return e, true
}

// isForeign reports whether what decode returned is of another Nextcloud, whose id is known.
func isForeign(e envelope, err error, own string) bool {
	return err != nil && e.Instance != "" && own != "" && e.Instance != own
}
