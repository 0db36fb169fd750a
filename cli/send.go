package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
)

// sendCommand has one command for each event that the app publishes, and the settings that say to which Redis.
type sendCommand struct {
	ConfigFile string `name:"config" placeholder:"FILE" help:"Path of Nextcloud's config.php, for its Redis."`
	settingFlags

	File         sendFile         `cmd:"" help:"A file of a storage changed."`
	Group        sendGroup        `cmd:"" help:"A user joined or left a group."`
	Share        sendShare        `cmd:"" help:"Something was shared with a user."`
	Activity     sendActivity     `cmd:"" help:"A user has a new activity."`
	Notification sendNotification `cmd:"" help:"A user's notifications changed."`
	Custom       sendCustom       `cmd:"" help:"A message of some app to a user."`
	PreAuth      sendPreAuth      `cmd:"" help:"A token that logs a user in, once, within 15 s."`
	TestCookie   sendTestCookie   `cmd:"" help:"A number that GET /test/cookie then shows."`
	Log          sendLog          `cmd:"" help:"Change the server's log level for now."`
	LogRestore   sendLogRestore   `cmd:"" help:"Go back to the log level before."`
	Query        sendQuery        `cmd:"" help:"Have the server write its counters to the key notify_push_metrics."`
	Reset        sendReset        `cmd:"" help:"Close every client's connection."`
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

// userEvent is the payload of all events that only name a user.
type userEvent struct {
	User string `json:"user"`
}

type sendFile struct {
	Storage uint64 `arg:"" help:"Number of the storage, as numeric_id in the table storages, such as 7."`
	Path    string `arg:"" help:"Path in the storage, such as files/a.txt."`
	FileID  uint64 `arg:"" optional:"" help:"Id of the file, such as 4711."`
}

func (c *sendFile) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_storage_update", struct {
		Storage uint64 `json:"storage"`
		Path    string `json:"path"`
		FileID  uint64 `json:"file_id"`
	}{c.Storage, c.Path, c.FileID})
}

type sendGroup struct {
	User  string `arg:"" help:"Id of the user, such as alice."`
	Group string `arg:"" help:"Id of the group, such as staff."`
}

func (c *sendGroup) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_group_membership_update", struct {
		User  string `json:"user"`
		Group string `json:"group"`
	}{c.User, c.Group})
}

type sendShare struct {
	User string `arg:"" help:"Id of the user, such as alice."`
}

func (c *sendShare) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_user_share_created", userEvent{c.User})
}

type sendActivity struct {
	User string `arg:"" help:"Id of the user, such as alice."`
}

func (c *sendActivity) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_activity", userEvent{c.User})
}

type sendNotification struct {
	User string `arg:"" help:"Id of the user, such as alice."`
}

func (c *sendNotification) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_notification", userEvent{c.User})
}

type sendCustom struct {
	User    string `arg:"" help:"Id of the user, such as alice."`
	Message string `arg:"" help:"What clients know the message by, such as talk_call."`
	Body    string `arg:"" optional:"" help:"Any JSON, such as '{\"room\": 7}'."`
}

func (c *sendCustom) Run(p *process, send *sendCommand) error {
	if c.Body != "" && !json.Valid([]byte(c.Body)) {
		fmt.Fprintf(p.stderr, "notify_push send custom: the body is not JSON; a text needs quotes: '\"text\"'\n")
		return exitUsage
	}
	return send.publish(p, "notify_custom", struct {
		User    string          `json:"user"`
		Message string          `json:"message"`
		Body    json.RawMessage `json:"body,omitempty"`
	}{c.User, c.Message, json.RawMessage(c.Body)})
}

type sendPreAuth struct {
	User  string `arg:"" help:"Id of the user, such as alice."`
	Token string `arg:"" help:"Any text that nobody can guess, such as what openssl rand -hex 16 prints."`
}

func (c *sendPreAuth) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_pre_auth", struct {
		User  string `json:"user"`
		Token string `json:"token"`
	}{c.User, c.Token})
}

type sendTestCookie struct {
	Number uint32 `arg:"" help:"Such as 42."`
}

func (c *sendTestCookie) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_test_cookie", c.Number)
}

type sendLog struct {
	Spec string `arg:"" help:"A level, or target=level,..., such as debug or warn,notify_push=debug."`
}

func (c *sendLog) Run(p *process, send *sendCommand) error {
	if _, err := config.ParseLogLevel(c.Spec); err != nil {
		fmt.Fprintf(p.stderr, "notify_push send log: %v\n", err)
		return exitUsage
	}
	return send.publish(p, "notify_config", struct {
		LogSpec string `json:"log_spec"`
	}{c.Spec})
}

type sendLogRestore struct{}

func (*sendLogRestore) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_config", "log_restore")
}

type sendQuery struct {
	What string `arg:"" enum:"metrics" help:"metrics is all there is."`
}

func (c *sendQuery) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_query", c.What)
}

type sendReset struct{}

func (*sendReset) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_signal", "reset")
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
		fmt.Fprintf(p.stderr, "notify_push send: no push server would take this event: %v\n", err)
		return exitUsage
	}

	options, err := c.redisOptions(p)
	if err != nil {
		fmt.Fprintf(p.stderr, "notify_push send: %v\n", err)
		return exitUsage
	}
	redis, err := storage.NewRedis(options)
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
	if subscribers == 0 && !options.Cluster {
		fmt.Fprintln(p.stderr, "No push server heard it. Is one running, with this Redis and the same --redis-channel-prefix?")
		return exitNoPushServer
	}
	return nil
}

// redisOptions name the Redis that the server would use with the same settings. What else may be wrong with them does not matter here.
func (c *sendCommand) redisOptions(p *process) (storage.RedisOptions, error) {
	result := config.Load(p.ctx, c.ConfigFile, c.given(), os.LookupEnv)
	for _, warning := range result.Warnings {
		fmt.Fprintf(p.stderr, "Warning: %s\n", warning)
	}
	if err := result.ErrOf("redis"); err != nil {
		return storage.RedisOptions{}, err
	}
	return result.Settings.Redis, nil
}
