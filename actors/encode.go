package actors

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// EncodeEvent is DecodeEvent's reverse: it returns the Redis channel and the payload of an event, for a host
// that publishes to several servers at once (see storage.Redis). It refuses what Publish refuses.
func EncodeEvent(event Event) (channel string, payload []byte, err error) {
	if err := checkEvent(event); err != nil {
		return "", nil, err
	}
	var value any
	switch e := event.(type) {
	case StorageUpdate:
		channel, value = "notify_storage_update", map[string]any{"storage": e.Storage, "path": e.Path, "file_id": e.FileID}
	case GroupUpdate:
		channel, value = "notify_group_membership_update", concerning(e.User)
	case ShareCreated:
		channel, value = "notify_user_share_created", concerning(e.User)
	case ActivityAdded:
		channel, value = "notify_activity", concerning(e.User)
	case NotificationChanged:
		channel, value = "notify_notification", concerning(e.User)
	case Custom:
		channel, value = "notify_custom", concerning(e.User, [2]string{"message", e.Text})
	case TokenIssued:
		channel, value = "notify_pre_auth", concerning(e.User, [2]string{"token", e.Token.Reveal()})
	case TestCookie:
		channel, value = "notify_test_cookie", e.Value
	case LogLevelSet:
		channel, value = "notify_config", map[string]string{"log_spec": e.Spec}
	case LogLevelRestored:
		channel, value = "notify_config", "log_restore"
	case StatsRequested:
		channel, value = "notify_query", "metrics"
	case Reset:
		channel, value = "notify_signal", "reset"
	}
	payload, err = json.Marshal(value)
	if err == nil && channel != "notify_custom" && len(payload) > maxPayload {
		err = fmt.Errorf("actors: the payload has %d bytes, more than the %d that are accepted", len(payload), maxPayload)
	}
	return channel, payload, err
}

// concerning returns the members of an event that concerns a user, or a session.
func concerning(user string, more ...[2]string) map[string]string {
	name := "user"
	if session, is := strings.CutPrefix(user, sessionPrefix); is {
		name, user = "session", session
	}
	members := map[string]string{name: user}
	for _, member := range more {
		members[member[0]] = member[1]
	}
	return members
}

// checkEvent returns what is wrong with an event of the host's.
func checkEvent(event Event) error {
	switch e := event.(type) {
	case nil:
		return errors.New("actors: the Event is nil")
	case StorageUpdate:
		return checkText("path", e.Path)
	case GroupUpdate, ShareCreated, ActivityAdded, NotificationChanged:
		return checkUser(event.concerns())
	case Custom:
		return errors.Join(checkUserOrSession(e.User), checkText("text", e.Text))
	case TokenIssued:
		if e.Token == "" {
			return errors.New("actors: the token is empty")
		}
		return errors.Join(checkUserOrSession(e.User), checkText("token", e.Token.Reveal()))
	case LogLevelSet:
		return checkText("log specification", e.Spec)
	case TestCookie, LogLevelRestored, StatsRequested, Reset:
		return nil
	default:
		return fmt.Errorf("actors: there is no event %T; events are structs, not pointers", event)
	}
}

func checkUserOrSession(user string) error { return checkUser(strings.TrimPrefix(user, sessionPrefix)) }

func checkUser(user string) error {
	if user == "" || user[0] == 0 {
		return errors.New("actors: no user is named; it must be a user id, or a SessionUser where a session is meant")
	}
	return checkText("user id", user)
}

// checkText returns an error, which does not quote it, where a text cannot be sent.
func checkText(what, text string) error {
	if len(text) > maxCustom {
		return fmt.Errorf("actors: the %s has %d bytes, more than the %d that are delivered", what, len(text), maxCustom)
	}
	if !utf8.ValidString(text) {
		return fmt.Errorf("actors: the %s is not UTF-8, which a websocket's text message must be", what)
	}
	return nil
}
