package actors_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
)

// payloadCase is a case of testdata/events.
type payloadCase struct{ channel, payload, want string }

func payloadCases(t testing.TB, file string) (cases []payloadCase) {
	t.Helper()
	text, err := os.ReadFile("../testdata/events/" + file)
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line != "\n" && line[0] != '#' {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	require.Zero(t, len(lines)%2, "%s: a case has two lines", file)
	for i := 0; i < len(lines); i += 2 {
		channel, payload, _ := strings.Cut(lines[i], " ")
		cases = append(cases, payloadCase{channel, payload, lines[i+1]})
	}
	return cases
}

func TestDecodeEvent(t *testing.T) {
	decoded := map[string]bool{}
	for _, c := range payloadCases(t, "good.txt") {
		event, err := actors.DecodeEvent(c.channel, []byte(c.payload))
		require.NoError(t, err, "%s %s", c.channel, c.payload)
		kind := strings.TrimPrefix(fmt.Sprintf("%T", event), "actors.")
		require.Equal(t, c.want, fmt.Sprintf("%s %+v", kind, event), "%s %s", c.channel, c.payload)
		decoded[c.channel] = true
	}
	for _, channel := range actors.Channels {
		require.True(t, decoded[channel], "no good payload for %s", channel)
	}
}

func TestDecodeEventRefuses(t *testing.T) {
	refused := map[string]bool{}
	for _, c := range payloadCases(t, "bad.txt") {
		_, err := actors.DecodeEvent(c.channel, []byte(c.payload))
		require.EqualError(t, err, c.want, "%s %s", c.channel, c.payload)
		refused[c.channel] = true
	}
	for _, channel := range actors.Channels {
		require.True(t, refused[channel], "no bad payload for %s", channel)
	}
}

func TestDecodeEventRevealsTheToken(t *testing.T) {
	event, err := actors.DecodeEvent("notify_pre_auth", []byte(`{"user":"alice","token":"verysecret"}`))
	require.NoError(t, err)
	require.Equal(t, "verysecret", event.(actors.TokenIssued).Token.Reveal())
}

func TestDecodeEventBoundsItsWork(t *testing.T) {
	custom := func(message string) error {
		_, err := actors.DecodeEvent("notify_custom", []byte(`{"user":"alice","message":"`+message+`"}`))
		return err
	}
	require.NoError(t, custom(strings.Repeat("x", 8<<20)))
	require.NoError(t, custom(strings.Repeat(`\u0078`, 8<<20)), "what it means is counted")
	require.EqualError(t, custom("my_app"+strings.Repeat("x", 8<<20)), `custom message "my_appxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" `+
		`to user "alice" has 8388614 bytes, more than the 8388608 that are delivered`)
	require.EqualError(t, custom(strings.Repeat("x", 60<<20)), "payload of 62914589 bytes is longer than the 51380224 that are accepted")
	_, err := actors.DecodeEvent("notify_activity", []byte(`{"user":"`+strings.Repeat("x", 2<<20)+`"}`))
	require.EqualError(t, err, "payload of 2097163 bytes is longer than the 1048576 that are accepted")

	deep := `{"user":"alice","message":"m","body":` + strings.Repeat("[", 500_000) + strings.Repeat("]", 500_000) + `}`
	_, err = actors.DecodeEvent("notify_custom", []byte(deep))
	require.ErrorContains(t, err, "not valid JSON")
}

func TestDecodeEventRefusesWhatIsNotUTF8(t *testing.T) {
	for channel, payload := range map[string]string{
		"notify_activity":       "{\"user\":\"a\xffb\"}",
		"notify_custom":         "{\"user\":\"alice\",\"message\":\"m\",\"body\":\"a\xffb\"}",
		"notify_storage_update": "{\"storage\":1,\"path\":\"a\xffb\",\"file_id\":2}",
		"notify_pre_auth":       "{\"user\":\"alice\",\"token\":\"a\xffb\"}",
	} {
		_, err := actors.DecodeEvent(channel, []byte(payload))
		require.EqualError(t, err, "not valid JSON: not UTF-8", channel)
	}
}

// Half a surrogate pair is JSON, but no text: the client would hang up.
func TestDecodeEventMakesUTF8(t *testing.T) {
	for name, payload := range map[string]string{
		"message": `{"user":"alice","message":"a\ud800b"}`,
		"body":    `{"user":"alice","message":"m","body":"a\ud800b"}`,
	} {
		event, err := actors.DecodeEvent("notify_custom", []byte(payload))
		require.NoError(t, err, name)
		require.Contains(t, event.(actors.Custom).Text, "a\uFFFDb", name)
	}
}

// FuzzDecodeEvent: no payload makes it panic, an error doesn't quote the payload, a user is who the
// standard library says, and a custom message is fit for a text frame.
func FuzzDecodeEvent(f *testing.F) {
	for _, file := range []string{"good.txt", "bad.txt"} {
		for _, c := range payloadCases(f, file) {
			f.Add(c.channel, []byte(c.payload))
		}
	}
	const marker = "verysecret"
	f.Fuzz(func(t *testing.T, channel string, payload []byte) {
		event, err := actors.DecodeEvent(channel, payload)
		if err != nil {
			if strings.Contains(err.Error(), marker) {
				t.Fatalf("the error quotes the payload: %v", err)
			}
			return
		}
		token, ok := event.(actors.TokenIssued)
		if ok && !strings.Contains(token.User, marker) && strings.Contains(fmt.Sprintf("%+v %#v", token, token), marker) {
			t.Fatalf("the event shows its token: %+v", token)
		}
		if activity, ok := event.(actors.ActivityAdded); ok {
			var fields map[string]any
			decoder := json.NewDecoder(bytes.NewReader(payload))
			decoder.UseNumber()
			if err := decoder.Decode(&fields); err != nil || fields["user"] != nil && fmt.Sprint(fields["user"]) != activity.User {
				t.Fatalf("the user is %q in %s: %v", activity.User, payload, err)
			}
		}
		if custom, ok := event.(actors.Custom); ok && !utf8.ValidString(custom.Text) {
			t.Fatalf("not UTF-8: %q", custom.Text)
		}
	})
}

// What is decoded leaves nothing behind but the event and its texts: garbage is what makes pushes late.
func TestDecodingAllocatesLittle(t *testing.T) {
	payload := []byte(`{"user":"alice","message":"my_app_event"}`)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = actors.DecodeEvent("notify_custom", payload) }), 3.0)
}
