package actors_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

func TestSecretIsNotPrinted(t *testing.T) {
	type holder struct {
		Password actors.Secret
		Many     []actors.Secret
		ByName   map[string]actors.Secret
		Header   actors.Header
	}
	const text = "verysecret"
	secret := holder{text, []actors.Secret{text}, map[string]actors.Secret{"k": text}, actors.Header{"Cookie": {text}}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%08.3f", "%U", "%c"} {
		for _, value := range []any{secret, &secret, secret.Password, &secret.Password, secret.Header} {
			printed := fmt.Sprintf(verb, value)
			require.NotContains(t, printed, text, verb)
			require.NotContains(t, printed, fmt.Sprintf("%x", text), verb)
		}
	}
	encoded, err := json.Marshal(secret)
	require.NoError(t, err)
	require.NotContains(t, string(encoded), text)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "secret", secret, "password", secret.Password)
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "secret", secret, "header", secret.Header, "password", secret.Password)
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&log), zapcore.DebugLevel)
	zap.New(core).Info("m", zap.Any("secret", secret), zap.Any("password", secret.Password), zap.Any("header", secret.Header), zap.Stringer("stringer", secret.Password))
	require.NotContains(t, log.String(), text)
	require.Equal(t, text, secret.Password.Reveal())
}

// lockedBuffer collects what several loggers write.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// At the finest level, in our log and in that of a host's actor system, no password and no token
// appears: not when logging in, being refused, failing, panicking, or coming too late.
func TestSecretsAreNotLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { pass(2 * time.Second) })
		log := &lockedBuffer{}
		core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(log), zapcore.Level(-10))
		host := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
			return slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.Level(-100)}))
		}))
		kit := actorstest.Start(t, func(o *actors.Options) { o.Logger, o.ActorSystem = zap.New(core), host })
		deadLetters := 0
		host.EventStream.Subscribe(func(event any) {
			if letter, ok := event.(*actor.DeadLetterEvent); ok {
				deadLetters++
				fmt.Fprintf(log, "%v %+v %#v\n", letter.Message, letter.Message, letter.Message)
				slog.New(slog.NewJSONHandler(log, nil)).Info("dead letter", "message", letter.Message)
			}
		})
		everything := func() {
			pass(time.Minute) // what Nextcloud said yes to is forgotten
			for range 2 {
				_, _ = kit.System.Authenticate(t.Context(), actors.Credentials{Login: "alice", Password: "passwordverysecret"})
				_, _ = kit.System.Authenticate(t.Context(), actors.Credentials{Password: "tokenverysecret"})
				_ = kit.System.Publish(t.Context(), actors.TokenIssued{User: "alice", Token: "tokenverysecret"})
			}
		}
		kit.Events.Emit("notify_pre_auth", `{"user":"alice","token":"tokenverysecret"}`)
		kit.Events.Emit("notify_pre_auth", `{"user":"alice","token":"tokenverysecret"`)
		kit.Events.Emit("notify_pre_auth", `{"user":"","token":"tokenverysecret"}`)
		kit.Events.Emit("notify_pre_auth", `{"user":"alice","token":["tokenverysecret"]}`)
		everything()
		kit.Verifier.Fail(errors.New("nextcloud is away"))
		everything()
		kit.Verifier.OnCall(func() { panic("verifier is broken") })
		everything()
		kit.Verifier.Block()
		poison(t, host, "auth")
		everything()

		// What comes after the end becomes a dead letter.
		auth := host.NewLocalPID(actorIDs(host, 1)[0] + "/auth")
		listener := host.NewLocalPID(actorIDs(host, 1)[0] + "/listener")
		kit.System.Shutdown(t.Context())
		for _, message := range actors.MessagesWith("passwordverysecret", "tokenverysecret") {
			host.Root.Send(auth, message)
			host.Root.Send(listener, message)
		}
		require.GreaterOrEqual(t, deadLetters, 8)
		synctest.Wait()
		require.Contains(t, log.String(), "malformed event")
		require.Contains(t, log.String(), "verifier is broken")
		require.NotContains(t, log.String(), "verysecret")
		require.NotContains(t, log.String(), base64.StdEncoding.EncodeToString([]byte(`{"user":"alice"`)), "bytes in JSON")
	})
}
