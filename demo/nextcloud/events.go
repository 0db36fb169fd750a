package nextcloud

import (
	"context"
	"encoding/json"
	"fmt"
)

// ChangeFile publishes what the app publishes when a file in a storage's cache changes.
func (n *Nextcloud) ChangeFile(ctx context.Context, storage uint64, path string, fileID uint64) error {
	return n.publish(ctx, "notify_storage_update", map[string]any{"storage": storage, "path": path, "file_id": fileID})
}

// CreateShare publishes that a file was shared with user.
func (n *Nextcloud) CreateShare(ctx context.Context, user string) error {
	return n.publish(ctx, "notify_user_share_created", map[string]any{"user": user})
}

// CreateActivity publishes that user's activity list has grown.
func (n *Nextcloud) CreateActivity(ctx context.Context, user string) error {
	return n.publish(ctx, "notify_activity", map[string]any{"user": user})
}

// CreateNotification publishes that user has a new notification.
func (n *Nextcloud) CreateNotification(ctx context.Context, user string) error {
	return n.publish(ctx, "notify_notification", map[string]any{"user": user})
}

// SendCustom publishes an app's own message for user; a nil body is left out.
func (n *Nextcloud) SendCustom(ctx context.Context, user, message string, body any) error {
	payload := map[string]any{"user": user, "message": message}
	if body != nil {
		payload["body"] = body
	}
	return n.publish(ctx, "notify_custom", payload)
}

func (n *Nextcloud) publish(ctx context.Context, channel string, event map[string]any) error {
	payload, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("encode an event for %s: %w", channel, err)
	}
	if _, err := n.options.Redis.Publish(ctx, channel, payload); err != nil {
		return fmt.Errorf("publish to %s: %w", channel, err)
	}
	return nil
}
