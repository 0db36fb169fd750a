package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/sealed"
)

// Channel is the Redis channel of all fleets. Servers of another Nextcloud have another key, and are not believed.
const Channel = "notify_push_fleet"

const (
	// maxMessage is the largest message that is looked at, in bytes.
	maxMessage = 1 << 20
	// maxLogins is how many logins one message announces.
	maxLogins = 500
	// maxName is the longest name of a node, and the longest version, in bytes.
	maxName = 64
	// maxAddress is the longest address of a node, in bytes.
	maxAddress = 128
	// maxUsers is of how many users a beat tells, and maxAttached how many bytes of the host's it has.
	maxUsers, maxAttached = 500, 64 << 10
)

// kind says what a message is for.
type kind string

const (
	hello    kind = "hello"    // of a node that wants to be sent everything
	beat     kind = "beat"     // of a node that lives
	logins   kind = "logins"   // news of logins
	complete kind = "complete" // of a node that has sent everything, because it was asked
	ending   kind = "ending"   // of a node that lets its clients go
	bye      kind = "bye"      // of a node that ends
	deaf     kind = "deaf"     // of a node that does not hear events, and asks who does
	askAll   kind = "ask"      // of who wants to know which nodes there are, and is none
	here     kind = "here"     // of a node that was asked

	askMounts kind = "ask_mounts" // of a node that asks another to read mounts
	rows      kind = "mounts"     // of a node that has read mounts
)

// message is what one node publishes for all others.
type message struct {
	Kind kind   `json:"kind"`
	Node string `json:"node"`
	// Sequence grows by one with each message of a node, from 1 on.
	Sequence uint64    `json:"sequence"`
	SentAt   time.Time `json:"sent_at"`
	Version  string    `json:"version,omitempty"`
	// Stats come with a beat.
	Stats  *actors.Stats      `json:"stats,omitempty"`
	Logins []actors.LoginNews `json:"logins,omitempty"`
	// Question comes with deaf.
	Question string `json:"question,omitempty"`
	// Address comes with a beat: where the node can be asked without Redis.
	Address string `json:"address,omitempty"`
	// Used are the prefixes of channels with which events have come. They come with here.
	Used []string `json:"used,omitempty"`
	// Users come with a beat: how many connections those have who have many.
	Users map[string]int `json:"users,omitempty"`
	// Attached comes with a beat, and is the host's.
	Attached json.RawMessage `json:"attached,omitempty"`
	// AppVersion comes with a beat: that of the app, if this node has asked Nextcloud.
	AppVersion string `json:"app_version,omitempty"`
	// Clock is how old the node is, by its own clock.
	Clock time.Duration `json:"clock"`
	// Mounts come when they are asked for, or have been read.
	Mounts *mountsMessage `json:"mounts,omitempty"`
}

var (
	errForeign   = errors.New("the message does not carry the MAC of this fleet: have all servers of this Nextcloud the same secret?")
	errMalformed = errors.New("the message is malformed")
)

// encode returns an envelope, which all can read, and behind it on a line of its own a message behind the MAC of both. Rows that
// are too many for one are left out, and their read counts as failed.
func encode(key []byte, e envelope, m message) ([]byte, error) {
	payload, err := seal(key, e, m)
	if err == nil && len(payload) > maxMessage && m.Mounts != nil {
		without := *m.Mounts
		without.Failed, without.Rows = true, nil
		m.Mounts = &without
		return seal(key, e, m)
	}
	return payload, err
}

func seal(key []byte, e envelope, m message) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return sealBody(key, e, body)
}

func sealBody(key []byte, e envelope, body []byte) ([]byte, error) {
	head, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return slices.Concat(head, []byte{'\n'}, sealed.Seal(key, string(head), body)), nil
}

// decode returns the message that encode gave. Of what does not carry the fleet's MAC the envelope alone is parsed, and
// not believed.
func decode(key, payload []byte) (m message, e envelope, err error) {
	if len(payload) > maxMessage {
		return m, e, fmt.Errorf("%w: it has %d bytes", errMalformed, len(payload))
	}
	head, rest, _ := bytes.Cut(payload, []byte{'\n'})
	e, ok := parseEnvelope(head)
	if !ok {
		return m, e, errForeign
	}
	body, ok := sealed.Open(key, string(head), rest)
	if !ok {
		return m, e, errForeign
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, e, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if m.Node == "" || len(m.Node) > maxName || m.Sequence == 0 || len(m.Logins) > maxLogins || m.Clock < 0 || len(m.Question) > maxName || len(m.Address) > maxAddress ||
		len(m.Users) > maxUsers || len(m.Attached) > maxAttached || len(m.AppVersion) > maxName {
		return m, e, errMalformed
	}
	if isAboutMounts := m.Kind == askMounts || m.Kind == rows; isAboutMounts && (m.Mounts == nil || !m.Mounts.isWellFormed()) {
		return m, e, errMalformed
	}
	return m, e, nil
}
