package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
)

// sendCommand has one command for each event that the app publishes, and the settings that say to which Redis. The tag channel says
// where an event is published; its arguments are its payload, unless it is a [payloader].
type sendCommand struct {
	ConfigFile string `name:"config" placeholder:"FILE" help:"Path of Nextcloud's config.php, for its Redis."`
	settingFlags

	File struct {
		eventCommand
		Storage uint64 `arg:"" json:"storage" help:"Number of the storage, as numeric_id in the table storages, such as 7."`
		Path    string `arg:"" json:"path" help:"Path in the storage, such as files/a.txt."`
		FileID  uint64 `arg:"" optional:"" json:"file_id" help:"Id of the file, such as 4711."`
	} `cmd:"" channel:"notify_storage_update" help:"A file of a storage changed."`
	Group struct {
		userArgument
		Group string `arg:"" json:"group" help:"Id of the group, such as staff."`
	} `cmd:"" channel:"notify_group_membership_update" help:"A user joined or left a group."`
	Share        userArgument `cmd:"" channel:"notify_user_share_created" help:"Something was shared with a user."`
	Activity     userArgument `cmd:"" channel:"notify_activity" help:"A user has a new activity."`
	Notification userArgument `cmd:"" channel:"notify_notification" help:"A user's notifications changed."`
	Custom       sendCustom   `cmd:"" channel:"notify_custom" help:"A message of some app to a user."`
	PreAuth      struct {
		userArgument
		Token string `arg:"" json:"token" help:"Any text that nobody can guess, such as what openssl rand -hex 16 prints."`
	} `cmd:"" channel:"notify_pre_auth" help:"A token that logs a user in, once, within 15 s."`
	TestCookie sendTestCookie `cmd:"" channel:"notify_test_cookie" help:"A number that GET /test/cookie then shows."`
	Log        sendLog        `cmd:"" channel:"notify_config" help:"Change the server's log level for now."`
	LogRestore eventCommand   `cmd:"" channel:"notify_config" payload:"log_restore" help:"Go back to the log level before."`
	Query      sendQuery      `cmd:"" channel:"notify_query" help:"Have the server write its counters to the key notify_push_metrics."`
	Reset      eventCommand   `cmd:"" channel:"notify_signal" payload:"reset" help:"Close every client's connection."`
}

type userArgument struct {
	eventCommand
	User string `arg:"" json:"user" help:"Id of the user, such as alice."`
}

// payloader is an event whose payload is not an object of its arguments.
type payloader interface {
	payload() (any, error)
}

type sendCustom struct {
	userArgument
	Message string `arg:"" help:"What clients know the message by, such as talk_call."`
	Body    string `arg:"" optional:"" help:"Any JSON, such as '{\"room\": 7}'."`
}

func (c *sendCustom) payload() (any, error) {
	if c.Body != "" && !json.Valid([]byte(c.Body)) {
		return nil, errors.New(`the body is not JSON; a text needs quotes: '"text"'`)
	}
	return struct {
		userArgument
		Message string          `json:"message"`
		Body    json.RawMessage `json:"body,omitempty"`
	}{c.userArgument, c.Message, json.RawMessage(c.Body)}, nil
}

type sendTestCookie struct {
	eventCommand
	Number uint32 `arg:"" help:"Such as 42."`
}

func (c *sendTestCookie) payload() (any, error) { return c.Number, nil }

type sendLog struct {
	eventCommand
	Spec string `arg:"" json:"log_spec" help:"A level, or target=level,..., such as debug or warn,notify_push=debug."`
}

func (c *sendLog) payload() (any, error) {
	_, err := config.ParseLogLevel(c.Spec)
	return c, err
}

type sendQuery struct {
	eventCommand
	What string `arg:"" enum:"metrics" help:"metrics is all there is."`
}

func (c *sendQuery) payload() (any, error) { return c.What, nil }

// eventCommand is what all events have in common.
type eventCommand struct{}

// Run publishes the event of the command that was selected.
func (eventCommand) Run(p *process, send *sendCommand, parsed *kong.Context) error {
	selected := parsed.Selected()
	payload := selected.Target.Addr().Interface()
	if text := selected.Tag.Get("payload"); text != "" {
		payload = text
	}
	if special, ok := payload.(payloader); ok {
		var err error
		if payload, err = special.payload(); err != nil {
			return p.misused("send "+selected.Name, err)
		}
	}
	return send.publish(p, selected.Tag.Get("channel"), payload)
}

// redisSetting reports whether a flag says which Redis to use.
func redisSetting(flag string) bool { return strings.HasPrefix(flag, "redis-") }

// Help is printed below the flags.
func (*sendCommand) Help() string {
	return `Examples:
  notify_push send --config /var/www/nextcloud/config/config.php notification alice
  notify_push send --redis-url redis://127.0.0.1:6379 custom alice talk_call '{"room": 7}'

Exit status: 0 when a push server heard it, 1 when it could not be sent, 2 for arguments that do not fit and settings that cannot be used, 4 when no push server heard it. In a cluster of Redis, where only those at one node are counted, 0 even so.`
}

// publish sends the event and says how many heard it.
func (c *sendCommand) publish(p *process, channel string, payload any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // a custom body arrives as it was written
	if err := encoder.Encode(payload); err != nil {
		return fmt.Errorf("encode the event: %w", err)
	}
	event := bytes.TrimSpace(text.Bytes())
	if _, err := actors.DecodeEvent(channel, event); err != nil {
		return p.misused("send", fmt.Errorf("no push server would take this event: %w", err))
	}

	settings, err := loadRedis(p, c.ConfigFile, c.settingFlags)
	if err != nil {
		return p.misused("send", err)
	}
	redis, err := storage.NewRedis(settings.Redis)
	if err != nil {
		return err
	}
	defer redis.Close()
	subscribers, err := redis.Publish(p.ctx, channel, event)
	if err != nil {
		return fmt.Errorf("publish on %s: %w", channel, err)
	}
	if _, err := fmt.Fprintf(p.stdout, "Published on %s; push servers that heard it: %d.\n", channel, subscribers); err != nil {
		return err
	}
	if subscribers == 0 && !settings.Redis.Cluster {
		fmt.Fprintln(p.stderr, "No push server heard it. Is one running, with this Redis and the same --redis-channel-prefix?")
		return exitNoPushServer
	}
	return nil
}

// loadRedis returns the settings that the server would have, of which those of Redis can be used. What else may be wrong with them does
// not matter here.
func loadRedis(p *process, configFile string, flags settingFlags) (config.Settings, error) {
	result := loadSettings(p.ctx, configFile, flags)
	for _, warning := range result.Warnings {
		fmt.Fprintf(p.stderr, "Warning: %s\n", warning)
	}
	if err := result.ErrOf("redis"); err != nil {
		return config.Settings{}, err
	}
	return result.Settings, nil
}
