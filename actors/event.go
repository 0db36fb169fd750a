package actors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Channels are the Redis channels that the app publishes on.
var Channels = []string{
	"notify_storage_update",
	"notify_group_membership_update",
	"notify_user_share_created",
	"notify_activity",
	"notify_notification",
	"notify_custom",
	"notify_pre_auth",
	"notify_test_cookie",
	"notify_config",
	"notify_query",
	"notify_signal",
}

const (
	// maxCustom is how long a custom message may be, body included, in bytes of the text that is sent.
	maxCustom = 8 << 20
	// maxCustomPayload bounds what is decoded for that: JSON takes six bytes at most for one, and there is
	// room for the rest.
	maxCustomPayload = 6*maxCustom + 1<<20
	// maxPayload bounds every other payload.
	maxPayload = 1 << 20
	// sessionPrefix begins what stands for a session in the place of a user id. None has that byte.
	sessionPrefix = "\x00session:"
)

// SessionUser returns the user id under which a session, which is no user, logs in and is sent custom
// messages. No user of Nextcloud has it.
func SessionUser(session string) string { return sessionPrefix + session }

// Event is something that happened in Nextcloud: one of the types below.
type Event interface {
	// concerns returns the user or session that the event is about; empty where it is about none.
	concerns() (user string)
}

type (
	// StorageUpdate says that the file with this id, at this path of this storage, changed.
	StorageUpdate struct {
		Storage uint64
		Path    string
		FileID  uint64
	}
	// GroupUpdate says that the user joined or left a group, and may see other files now.
	GroupUpdate struct{ User string }
	// ShareCreated says that something was shared with the user.
	ShareCreated struct{ User string }
	// ActivityAdded says that there is a new entry in the user's activity stream.
	ActivityAdded struct{ User string }
	// NotificationChanged says that the user's list of notifications changed.
	NotificationChanged struct{ User string }
	// Custom is a message of some other app: Text is all of it, body included. User may be a SessionUser.
	Custom struct{ User, Text string }
	// TokenIssued says that a client that shows this token within 15 s is this user, once. User may be a
	// SessionUser.
	TokenIssued struct {
		User  string
		Token Secret
	}
	// TestCookie is a number that the self test wants to read back.
	TestCookie struct{ Value uint32 }
	// LogLevelSet asks for another log level.
	LogLevelSet struct{ Spec string }
	// LogLevelRestored asks for the level before the last LogLevelSet.
	LogLevelRestored struct{}
	// StatsRequested asks for the counters.
	StatsRequested struct{}
	// Reset asks for all connections to be closed.
	Reset struct{}
)

func (StorageUpdate) concerns() string         { return "" }
func (e GroupUpdate) concerns() string         { return e.User }
func (e ShareCreated) concerns() string        { return e.User }
func (e ActivityAdded) concerns() string       { return e.User }
func (e NotificationChanged) concerns() string { return e.User }
func (e Custom) concerns() string              { return e.User }
func (e TokenIssued) concerns() string         { return e.User }
func (TestCookie) concerns() string            { return "" }
func (LogLevelSet) concerns() string           { return "" }
func (LogLevelRestored) concerns() string      { return "" }
func (StatsRequested) concerns() string        { return "" }
func (Reset) concerns() string                 { return "" }

// DecodeEvent turns what arrived on a Redis channel into an event. Errors name the field at fault, and of a
// custom message that is too long the user and its beginning. They quote nothing else: it may be a token.
func DecodeEvent(channel string, payload []byte) (Event, error) {
	most := maxPayload
	if channel == "notify_custom" {
		most = maxCustomPayload
	}
	if len(payload) > most {
		return nil, fmt.Errorf("payload of %d bytes is longer than the %d that are accepted", len(payload), most)
	}
	if !utf8.Valid(payload) {
		return nil, errors.New("not valid JSON: not UTF-8")
	}
	switch channel {
	case "notify_test_cookie":
		var raw json.RawMessage
		if err := decodeJSON(payload, &raw); err != nil {
			return nil, err
		}
		value, err := unsigned(raw, "test cookie", 32)
		return TestCookie{uint32(value)}, err //nolint:gosec // G115: unsigned has refused more than 32 bits
	case "notify_config":
		return decodeConfig(payload)
	case "notify_query":
		return StatsRequested{}, decodeWord(payload, "metrics")
	case "notify_signal":
		return Reset{}, decodeWord(payload, "reset")
	default:
		return decodeMembers(channel, payload)
	}
}

// decodeMembers returns an event that is an object. It calls each function by name: through a function value, the compiler would put
// members on the heap.
func decodeMembers(channel string, payload []byte) (Event, error) {
	object, err := decodeObject(payload, make([]member, 0, fewMembers))
	if err != nil {
		return nil, err
	}
	switch channel {
	case "notify_storage_update":
		return decodeStorageUpdate(object)
	case "notify_group_membership_update":
		return decodeUser[GroupUpdate](object)
	case "notify_user_share_created":
		return decodeUser[ShareCreated](object)
	case "notify_activity":
		return decodeUser[ActivityAdded](object)
	case "notify_notification":
		return decodeUser[NotificationChanged](object)
	case "notify_custom":
		return decodeCustom(object)
	case "notify_pre_auth":
		return decodeTokenIssued(object)
	default:
		return nil, errors.New("unknown channel")
	}
}

func decodeStorageUpdate(object object) (Event, error) {
	storage, badStorage := object.unsigned("storage")
	path, badPath := object.text("path")
	fileID, badFileID := object.unsigned("file_id")
	return StorageUpdate{storage, path, fileID}, errors.Join(badPath, badStorage, badFileID)
}

// decodeUser returns an event that has nothing but a user.
func decodeUser[E interface {
	Event
	~struct{ User string }
}](object object) (Event, error) {
	user, err := object.id("user")
	return E{user}, err
}

func decodeTokenIssued(object object) (Event, error) {
	token, err := object.text("token")
	if err == nil && token == "" {
		err = errors.New(`"token" is empty`)
	}
	user, badUser := object.userOrSession()
	return TokenIssued{user, Secret(token)}, errors.Join(err, badUser)
}

func decodeCustom(object object) (Event, error) {
	user, badUser := object.userOrSession()
	message, badMessage := object.text("message")
	if err := errors.Join(badMessage, badUser); err != nil {
		return nil, err
	}
	text := message
	if body := object.raw("body"); len(body) > 0 && string(body) != "null" {
		text += " " + string(compactJSON(body))
	}
	if len(text) > maxCustom {
		return nil, fmt.Errorf("custom message %.40q to user %q has %d bytes, more than the %d that are delivered",
			message, user, len(text), maxCustom)
	}
	return Custom{user, text}, nil
}

func decodeConfig(payload []byte) (Event, error) {
	var word string
	if decodeJSON(payload, &word) == nil && word == "log_restore" {
		return LogLevelRestored{}, nil
	}
	object, err := decodeObject(payload, nil)
	if err != nil {
		return nil, err
	}
	spec, err := object.text("log_spec")
	if err != nil {
		err = fmt.Errorf(`neither "log_restore" nor an object with "log_spec": %w`, err)
	}
	return LogLevelSet{spec}, err
}

func decodeWord(payload []byte, want string) error {
	var word string
	if err := decodeJSON(payload, &word); err != nil {
		return err
	}
	if word != want {
		return fmt.Errorf("the only word that is known here is %q", want)
	}
	return nil
}

// decodeJSON is json.Unmarshal with errors that don't quote the input.
func decodeJSON(payload []byte, into any) error {
	err := json.Unmarshal(payload, into)
	var syntax *json.SyntaxError
	var mistyped *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return fmt.Errorf("not valid JSON at byte %d", syntax.Offset)
	case errors.As(err, &mistyped):
		kind, _, _ := strings.Cut(mistyped.Value, " ") // "number -1" quotes, "number" doesn't
		return fmt.Errorf("the payload has the wrong type (%s)", kind)
	default:
		return err
	}
}

// compactJSON takes white space out of valid JSON and writes strings with as few escapes as it allows, as
// today's daemon does; the order of keys and the digits of numbers stay.
func compactJSON(raw []byte) []byte {
	var compact bytes.Buffer
	_ = json.Compact(&compact, raw)
	if bytes.IndexByte(compact.Bytes(), '\\') < 0 {
		return compact.Bytes()
	}
	in, out := compact.Bytes(), make([]byte, 0, compact.Len())
	for len(in) > 0 {
		if in[0] != '"' {
			out, in = append(out, in[0]), in[1:]
			continue
		}
		end := literalEnd(in)
		out, in = appendJSONString(out, unquote(in[:end])), in[end:]
	}
	return out
}

func appendJSONString(out []byte, text string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c >= ' ':
			out = append(out, c)
		case strings.IndexByte("\b\t\n\f\r", c) >= 0:
			out = append(out, '\\', "btn?fr"[c-'\b'])
		default:
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(out, '"')
}
