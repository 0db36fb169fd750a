package actors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
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

// maxPayload bounds what is decoded, in bytes. The largest honest payload is a custom body, which
// could not pass the outbox either if it were longer.
const maxPayload = 1 << 20

// Event is something that happened in Nextcloud: one of the types below.
type Event interface{ isEvent() }

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
	// Custom is a message of some other app: Text is all of it, body included.
	Custom struct{ User, Text string }
	// TokenIssued says that whoever shows this token within 15 s is this user, once.
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

func (StorageUpdate) isEvent()       {}
func (GroupUpdate) isEvent()         {}
func (ShareCreated) isEvent()        {}
func (ActivityAdded) isEvent()       {}
func (NotificationChanged) isEvent() {}
func (Custom) isEvent()              {}
func (TokenIssued) isEvent()         {}
func (TestCookie) isEvent()          {}
func (LogLevelSet) isEvent()         {}
func (LogLevelRestored) isEvent()    {}
func (StatsRequested) isEvent()      {}
func (Reset) isEvent()               {}

// DecodeEvent turns what arrived on a Redis channel into an event. Errors name the field at
// fault, and never quote the payload, for it may hold a token.
func DecodeEvent(channel string, payload []byte) (Event, error) {
	if len(payload) > maxPayload {
		return nil, fmt.Errorf("payload of %d bytes is longer than the %d that are accepted", len(payload), maxPayload)
	}
	if !utf8.Valid(payload) {
		return nil, errors.New("not valid JSON, for it is not UTF-8")
	}
	switch channel {
	case "notify_storage_update":
		return decodeStorageUpdate(payload)
	case "notify_group_membership_update":
		user, err := decodeUser(payload)
		return GroupUpdate{user}, err
	case "notify_user_share_created":
		user, err := decodeUser(payload)
		return ShareCreated{user}, err
	case "notify_activity":
		user, err := decodeUser(payload)
		return ActivityAdded{user}, err
	case "notify_notification":
		user, err := decodeUser(payload)
		return NotificationChanged{user}, err
	case "notify_custom":
		return decodeCustom(payload)
	case "notify_pre_auth":
		return decodeTokenIssued(payload)
	case "notify_test_cookie":
		var value unsigned
		err := decodeJSON(payload, &value)
		if err == nil {
			err = value.check("test cookie", math.MaxUint32)
		}
		return TestCookie{uint32(value.number)}, err
	case "notify_config":
		return decodeConfig(payload)
	case "notify_query":
		return StatsRequested{}, decodeWord(payload, "metrics")
	case "notify_signal":
		return Reset{}, decodeWord(payload, "reset")
	default:
		return nil, errors.New("nothing is known about this channel")
	}
}

func decodeStorageUpdate(payload []byte) (Event, error) {
	var storage, fileID unsigned
	var path requiredText
	if err := decodeObject(payload, member{"storage", &storage}, member{"path", &path}, member{"file_id", &fileID}); err != nil {
		return nil, err
	}
	err := errors.Join(path.check("path"), storage.check(`"storage"`, math.MaxUint64), fileID.check(`"file_id"`, math.MaxUint64))
	return StorageUpdate{Storage: storage.number, Path: path.value, FileID: fileID.number}, err
}

func decodeUser(payload []byte) (string, error) {
	var user userID
	if err := decodeObject(payload, member{"user", &user}); err != nil {
		return "", err
	}
	return string(user), user.check()
}

func decodeTokenIssued(payload []byte) (Event, error) {
	var user userID
	var token requiredText
	if err := decodeObject(payload, member{"user", &user}, member{"token", &token}); err != nil {
		return nil, err
	}
	if token.value == "" {
		return nil, errors.New(`"token" is missing or empty`)
	}
	return TokenIssued{User: string(user), Token: Secret(token.value)}, user.check()
}

func decodeCustom(payload []byte) (Event, error) {
	var user userID
	var message requiredText
	var body json.RawMessage
	if err := decodeObject(payload, member{"user", &user}, member{"message", &message}, member{"body", &body}); err != nil {
		return nil, err
	}
	text := message.value
	if len(body) > 0 && string(body) != "null" {
		compact, err := compactJSON(body)
		if err != nil {
			return nil, err
		}
		text += " " + string(compact)
	}
	return Custom{User: string(user), Text: text}, errors.Join(message.check("message"), user.check())
}

func decodeConfig(payload []byte) (Event, error) {
	var word string
	if decodeJSON(payload, &word) == nil && word == "log_restore" {
		return LogLevelRestored{}, nil
	}
	var spec requiredText
	if err := decodeObject(payload, member{"log_spec", &spec}); err != nil {
		return nil, err
	}
	if !spec.there {
		return nil, errors.New(`neither "log_restore" nor an object with "log_spec"`)
	}
	return LogLevelSet{spec.value}, nil
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

// userID is a user's id; PHP turns one of digits only into a number.
type userID string

func (u *userID) UnmarshalJSON(data []byte) error {
	switch {
	case data[0] == '"':
		*u = userID(unescaped(data))
	case data[0] == '-' || data[0] >= '0' && data[0] <= '9':
		*u = userID(data)
	case string(data) != "null":
		return errors.New("is neither a text nor a number")
	}
	return nil
}

func (u userID) check() error {
	if u == "" {
		return errors.New(`"user" is missing or empty`)
	}
	return nil
}

// requiredText is a text that may be empty, but must be there.
type requiredText struct {
	value string
	there bool
}

func (t *requiredText) UnmarshalJSON(data []byte) error {
	switch {
	case data[0] == '"':
		*t = requiredText{string(unescaped(data)), true}
	case string(data) != "null":
		return fmt.Errorf("has the wrong type (%s)", kindOf(data))
	}
	return nil
}

func (t requiredText) check(field string) error {
	if !t.there {
		return fmt.Errorf("%q is missing or null", field)
	}
	return nil
}

// unsigned is a number that may come as a numeric string. Anything else, null included, leaves it
// not valid, so that the error can name the field.
type unsigned struct {
	number uint64
	valid  bool
}

func (n *unsigned) UnmarshalJSON(data []byte) error {
	number, err := strconv.ParseUint(string(bytes.Trim(data, `"`)), 10, 64)
	*n = unsigned{number, err == nil}
	return nil
}

func (n unsigned) check(field string, largest uint64) error {
	if !n.valid || n.number > largest {
		return fmt.Errorf("%s is not a whole number from 0 to %d", field, largest)
	}
	return nil
}

// compactJSON takes white space out and writes strings with as few escapes as JSON allows, as
// today's daemon does; the order of keys and the digits of numbers stay.
func compactJSON(raw []byte) ([]byte, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return nil, errors.New(`"body" is not valid JSON`)
	}
	if bytes.IndexByte(compact.Bytes(), '\\') < 0 {
		return compact.Bytes(), nil
	}
	in, out := compact.Bytes(), make([]byte, 0, compact.Len())
	for len(in) > 0 {
		if in[0] != '"' {
			out, in = append(out, in[0]), in[1:]
			continue
		}
		end := stringEnd(in)
		var text string
		if err := json.Unmarshal(in[:end], &text); err != nil {
			return nil, errors.New(`"body" holds a broken string`)
		}
		out, in = appendJSONString(out, text), in[end:]
	}
	return out, nil
}

// stringEnd returns the length of the string literal that valid JSON begins with.
func stringEnd(json []byte) int {
	for i := 1; i < len(json); i++ {
		switch json[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(json)
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
