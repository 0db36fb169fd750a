package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
)

// sendCommand has one command for each event that the app publishes, and the settings that say to which Redis.
type sendCommand struct {
	ConfigFile string `name:"config" placeholder:"FILE" help:"Path of Nextcloud's config.php, for its Redis."`
	config.RedisFlags

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

// userEvent is the payload of all events that only name a user.
type userEvent struct {
	User string `json:"user"`
}

type sendFile struct {
	Storage uint32 `arg:"" help:"Number of the storage."`
	Path    string `arg:"" help:"Path in the storage, such as files/a.txt."`
	FileID  uint64 `arg:"" optional:"" help:"Id of the file."`
}

func (c *sendFile) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_storage_update", struct {
		Storage uint32 `json:"storage"`
		Path    string `json:"path"`
		FileID  uint64 `json:"file_id"`
	}{c.Storage, c.Path, c.FileID})
}

type sendGroup struct {
	User  string `arg:""`
	Group string `arg:""`
}

func (c *sendGroup) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_group_membership_update", struct {
		User  string `json:"user"`
		Group string `json:"group"`
	}{c.User, c.Group})
}

type sendShare struct {
	User string `arg:""`
}

func (c *sendShare) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_user_share_created", userEvent{c.User})
}

type sendActivity struct {
	User string `arg:""`
}

func (c *sendActivity) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_activity", userEvent{c.User})
}

type sendNotification struct {
	User string `arg:""`
}

func (c *sendNotification) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_notification", userEvent{c.User})
}

type sendCustom struct {
	User    string `arg:""`
	Message string `arg:""`
	Body    string `arg:"" optional:"" help:"Any JSON."`
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
	User  string `arg:""`
	Token string `arg:""`
}

func (c *sendPreAuth) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_pre_auth", struct {
		User  string `json:"user"`
		Token string `json:"token"`
	}{c.User, c.Token})
}

type sendTestCookie struct {
	Number uint32 `arg:""`
}

func (c *sendTestCookie) Run(p *process, send *sendCommand) error {
	return send.publish(p, "notify_test_cookie", c.Number)
}

type sendLog struct {
	Spec string `arg:"" help:"As for --log-level."`
}

func (c *sendLog) Run(p *process, send *sendCommand) error {
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

// publish sends the event and says how many servers got it.
func (c *sendCommand) publish(p *process, channel string, payload any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // a custom body arrives as it was written
	if err := encoder.Encode(payload); err != nil {
		return fmt.Errorf("encode the event: %w", err)
	}

	redis, err := c.redis(p)
	if err != nil {
		return err
	}
	defer redis.Close()
	subscribers, err := redis.Publish(p.ctx, channel, bytes.TrimSpace(text.Bytes()))
	if err != nil {
		return fmt.Errorf("publish on %s: %w", channel, err)
	}
	if subscribers == 0 {
		fmt.Fprintln(p.stderr, "Warning: no push server heard it. Is one running, with this Redis and the same --redis-channel-prefix? In a cluster, only those on one node are counted.")
	}
	_, err = fmt.Fprintf(p.stdout, "Published on %s; subscribers: %d.\n", channel, subscribers)
	return err
}

// redis is the one that the server would use with the same settings. What else may be wrong with them does not matter here.
func (c *sendCommand) redis(p *process) (*storage.Redis, error) {
	result := config.Load(p.ctx, config.Flags{ConfigFile: c.ConfigFile, RedisFlags: c.RedisFlags}, os.LookupEnv)
	for _, warning := range result.Warnings {
		fmt.Fprintf(p.stderr, "Warning: %s\n", warning)
	}
	if err := result.ErrOf("redis"); err != nil {
		return nil, err
	}
	return storage.NewRedis(redisOptions(result.Settings))
}
