package actors

import (
	"strconv"
	"sync"

	"github.com/notifypush/notifypush/transport/frame"
)

// Kind is what a push is about. The first three are debounced and coalesce; a custom push is not.
type Kind int32

// The kinds of push.
const (
	KindFile Kind = iota
	KindActivity
	KindNotification
	KindCustom
	kinds
)

// debounced are the kinds of which at most one waits in a connection.
const debounced = KindCustom

// String returns the kind's name in logs and metrics, and "unknown" for a number that is none.
func (k Kind) String() string {
	if k < 0 || k >= kinds {
		return "unknown"
	}
	return [kinds]string{"file", "activity", "notification", "custom"}[k]
}

// push is what users are sent. It is never changed once made, and one push is shared by all that
// it goes to, encoded once.
type push struct {
	quiet

	kind  Kind
	at    micros // when the event came that it is about, for hooks; 0 where it is about several
	frame []byte // without ids

	// fileIDs is empty where not every id is known.
	fileIDs  []uint64
	idsFrame func() []byte
}

// The pushes that say nothing but their kind.
var (
	filePush         = plainPush(KindFile, "notify_file")
	activityPush     = plainPush(KindActivity, "notify_activity")
	notificationPush = plainPush(KindNotification, "notify_notification")
)

func plainPush(kind Kind, text string) *push {
	return &push{kind: kind, frame: frame.Append(nil, frame.Text, text)}
}

func customPush(text string) *push { return plainPush(KindCustom, text) }

func fileIDsPush(ids ...uint64) *push {
	p := &push{kind: KindFile, frame: filePush.frame, fileIDs: ids}
	p.idsFrame = sync.OnceValue(func() []byte {
		text := []byte("notify_file_id ")
		for i, id := range ids {
			text = strconv.AppendUint(append(text, "[,"[min(i, 1)]), id, 10)
		}
		return frame.Append(nil, frame.Text, string(append(text, ']')))
	})
	return p
}

// encoded returns the frame for a client that does or doesn't listen to file ids.
func (p *push) encoded(withIDs bool) []byte {
	if withIDs && len(p.fileIDs) > 0 {
		return p.idsFrame()
	}
	return p.frame
}
