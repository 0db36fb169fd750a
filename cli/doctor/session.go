package doctor

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/notifypush/notifypush/client"
	"github.com/notifypush/notifypush/transport/frame"
)

// pushTimeout is how long a custom event may take from Redis to here.
const pushTimeout = 5 * time.Second

// session logs in on the websocket that was opened, has an event come, is silent for as long as proxies bear, and closes.
func (e *examination) session(ctx context.Context) {
	s := e.socket
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if !e.logIn(ctx, s) {
		return
	}
	if e.Publish != nil {
		e.awaitPush(ctx, s)
	}
	if !e.Quick && !e.broken && !e.bearSilence(s) {
		return
	}
	e.close(s)
}

func (e *examination) logIn(ctx context.Context, s *socket) bool {
	const step = "login"
	user, secret := e.User, e.Password
	if e.PreAuth {
		token, err := e.fetchToken(ctx)
		if err != nil {
			e.fail(step, "get a pre-auth token: "+err.Error(), "Does the web interface work for this user?")
			return false
		}
		user, secret = "", token
	}
	began := time.Now()
	_ = s.send(frame.Text, user)
	_ = s.send(frame.Text, secret)
	f, err := s.next(25 * time.Second)
	if err == nil && f.Opcode == frame.Text {
		err = client.ParseLogin(string(f.Payload))
	}
	refused, failed := errors.AsType[*client.NextcloudError](err)
	switch {
	case err == nil && f.Opcode == frame.Text:
		e.green(step, fmt.Sprintf("%s is logged in after %v", e.User, time.Since(began).Round(time.Millisecond)))
		return true
	case isTimeout(err):
		e.fault(step, "the handshake gets through, and then nothing comes back", HeldBack)
	case errors.Is(err, client.ErrAuthTimeout):
		e.fault(step, "user and password did not reach the push server in its time, 15 s", HeldBack)
	case failed:
		e.explainUnreachable(step, refused.Text)
	case errors.Is(err, client.ErrInvalidCredentials) && e.PreAuth:
		e.fail(step, "the push server does not know the token that Nextcloud has just given", "It listens to another Redis than Nextcloud publishes to, or to none: notify_push check CONFIG_FILE says more.")
	case errors.Is(err, client.ErrInvalidCredentials):
		e.fail(step, "Nextcloud accepts user and password from here, and refuses them when the push server asks", "Does the push server ask this Nextcloud (--nextcloud-url)?")
	default:
		e.fail(step, fmt.Sprint("the login was not answered: ", err), "The push server's log names the cause.")
	}
	return false
}

// awaitPush publishes a custom event for this user and waits for it.
func (e *examination) awaitPush(ctx context.Context, s *socket) {
	const step = "push"
	uid, err := e.askAsUser(ctx, http.MethodGet, e.site.JoinPath("index.php/apps/notify_push/uid")) // which may differ from the login name
	if err != nil {
		e.warn(step, "not tried: "+err.Error(), "")
		return
	}
	message := "notify_push_doctor_" + rand.Text()
	event, _ := json.Marshal(map[string]string{"user": uid, "message": message}) // strings always encode
	began := time.Now()
	subscribers, err := e.Publish(ctx, "notify_custom", event)
	switch {
	case err != nil:
		e.fail(step, "publish an event: "+err.Error(), "Check Redis: notify_push check CONFIG_FILE")
		return
	case subscribers == 0:
		e.fail(step, "nobody is subscribed at this Redis", "The push server listens to another Redis, or has lost its connection; its log and /readyz say which.")
		return
	}
	for {
		f, err := s.next(pushTimeout)
		switch {
		case err != nil:
			e.fail(step, fmt.Sprintf("an event for %s was published to %d server(s), and did not come: %v", uid, subscribers, err),
				"Another server than the one of this address listens to this Redis, or: "+remedies[HeldBack].advice, linesFor(HeldBack, e.proxy, e.PushServer)...)
			return
		case f.Opcode == frame.Text && string(f.Payload) == message:
			e.green(step, fmt.Sprintf("an event took %v from Redis to here", time.Since(began).Round(100*time.Microsecond)))
			return
		}
	}
}

// bearSilence sends nothing of its own for as long as proxies let a connection be silent.
func (e *examination) bearSilence(s *socket) (survived bool) {
	const step = "silence"
	e.progress(fmt.Sprintf("holding the connection for %v, as clients do (--quick leaves this out)", silence))
	began := time.Now()
	for time.Since(began) < silence {
		f, err := s.next(silence - time.Since(began))
		after := min(time.Since(began), time.Since(s.heard)).Round(100 * time.Millisecond)
		switch {
		case isTimeout(err):
		case err == nil && f.Opcode == frame.Text: // a push
		case err != nil:
			e.fault(step, fmt.Sprintf("the connection was cut after %v of silence: a proxy's timeout is shorter than the heartbeat of 30 s", after), ShortTimeout)
			return false
		default:
			e.fail(step, fmt.Sprintf("the connection was closed after %v with code %d", time.Since(began).Round(100*time.Millisecond), frame.CloseCode(f.Payload)), "Is --max-connection-time set, or was the push server restarted?")
			return false
		}
	}
	e.green(step, fmt.Sprintf("the connection lived through %v", silence))
	return true
}

// close sends a close frame and waits for the echo.
func (e *examination) close(s *socket) {
	const step = "close"
	_ = s.send(frame.Close, "\x03\xe8")
	for {
		f, err := s.next(pushTimeout)
		switch {
		case err != nil:
			e.warn(step, "a clean close is not answered: "+err.Error(), remedies[CutAtClose].advice)
			return
		case f.Opcode == frame.Close:
			e.green(step, "a clean close is passed on")
			return
		}
	}
}
