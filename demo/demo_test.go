package demo

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/notifypush/notifypush/client"
	"github.com/notifypush/notifypush/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) *Demo {
	d, err := Start(t.Context(), Options{})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return d
}

func get(t *testing.T, address string) (int, string) {
	answer, err := http.Get(address)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body)
}

func post(t *testing.T, address string, form url.Values) (int, string) {
	answer, err := http.PostForm(address, form)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body)
}

func TestTwoDemosRunSideBySide(t *testing.T) {
	first, second := start(t), start(t)
	require.NotEqual(t, first.URL, second.URL)
	for _, d := range []*Demo{first, second} {
		status, body := get(t, d.URL)
		require.Equal(t, 200, status)
		require.Contains(t, body, "<title>notify_push demo</title>")
	}
}

func TestAPortThatIsTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, err = Start(t.Context(), Options{Port: uint16(listener.Addr().(*net.TCPAddr).Port)})
	require.ErrorContains(t, err, "choose another port with --port")
	require.Equal(t, 1, strings.Count(err.Error(), "another port"), err)
}

func TestCloseFreesThePort(t *testing.T) {
	d, err := Start(t.Context(), Options{Port: uint16(storagetest.FreePort(t))}) // at the usual one other demos wait
	require.NoError(t, err)
	d.Close()
	address, err := url.Parse(d.URL)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", address.Host)
	require.NoError(t, err)
	listener.Close()
}

func TestClientsOfARealNextcloudAreServed(t *testing.T) {
	d := start(t)
	for name, test := range map[string]struct {
		login client.Options
		do    []url.Values
		want  string
	}{
		"a login name that is not the user id, and file ids": {
			client.Options{User: "carol@example.org", Password: "carol-demo", FileIDs: true},
			[]url.Values{{"what": {"private"}, "user": {"carol"}}}, "notify_file_id [300"},
		"a token from Nextcloud": {
			client.Options{User: "bob", Password: "bob-demo", PreAuth: true},
			[]url.Values{{"what": {"shared"}, "user": {"alice"}}}, "notify_file"},
		"nothing of a folder that is not shared with Dave": {
			client.Options{User: "dave", Password: "dave-demo"},
			[]url.Values{{"what": {"shared"}, "user": {"alice"}}, {"what": {"notification"}, "user": {"dave"}}}, "notify_notification"},
	} {
		t.Run(name, func(t *testing.T) {
			test.login.Nextcloud = d.URL
			conn, err := client.Dial(t.Context(), test.login)
			for errors.Is(err, client.ErrUnknownToken) { // a token that came to us sooner than over Redis to the server
				conn, err = client.Dial(t.Context(), test.login)
			}
			require.NoError(t, err)
			defer conn.Close()
			for _, form := range test.do {
				status, body := post(t, d.URL+"/demo/do", form)
				require.Equal(t, 200, status, body)
			}
			push, err := conn.Read(t.Context())
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(push.String(), test.want), push.String())
		})
	}
	_, err := client.Dial(t.Context(), client.Options{Nextcloud: d.URL, User: "bob", Password: "wrong"})
	require.ErrorIs(t, err, client.ErrInvalidCredentials)
}

func TestWhatNobodyKnowsIsRefused(t *testing.T) {
	d := start(t)
	status, body := post(t, d.URL+"/demo/do", url.Values{"what": {"shared"}, "user": {"mallory"}})
	require.Equal(t, 400, status)
	require.Contains(t, body, "no such person")
	status, body = post(t, d.URL+"/demo/do", url.Values{"what": {"explode"}, "user": {"bob"}})
	require.Equal(t, 400, status)
	require.Contains(t, body, `"explode"`)
}

func TestTheFeedTellsWhomAnEventConcerns(t *testing.T) {
	d := start(t)
	answer, err := http.Get(d.URL + "/demo/feed")
	require.NoError(t, err)
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for _, test := range []struct {
		form url.Values
		want happening
	}{
		{url.Values{"what": {"shared"}, "user": {"bob"}},
			happening{Kind: "file", Users: []string{"alice", "bob", "carol"}, What: "files/Shared/budget.ods", ID: 102}},
		{url.Values{"what": {"private"}, "user": {"dave"}},
			happening{Kind: "file", Users: []string{"dave"}, What: "files/Private/taxes.ods", ID: 4003}},
		{url.Values{"what": {"notification"}, "user": {"dave"}}, happening{Kind: "notification", Users: []string{"dave"}}},
		{url.Values{"what": {"activity"}, "user": {"bob"}}, happening{Kind: "activity", Users: []string{"bob"}}},
		{url.Values{"what": {"custom"}, "user": {"bob"}, "message": {"a\nb"}},
			happening{Kind: "custom", Users: []string{"bob"}, What: "a\nb"}},
	} {
		status, body := post(t, d.URL+"/demo/do", test.form)
		require.Equal(t, 200, status, body)

		require.True(t, lines.Scan(), lines.Err())
		var got happening
		require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(lines.Text(), "data: ")), &got))
		require.Positive(t, got.At)
		got.At = 0
		require.Equal(t, test.want, got)
		require.True(t, lines.Scan())
	}
}

func TestAnEventOutsideTheSharedFolderConcernsItsOwnerOnly(t *testing.T) {
	require.Equal(t, []string{"alice", "bob", "carol"}, usersBelow(1, "files/Shared/a"))
	require.Equal(t, []string{"alice", "bob", "carol"}, usersBelow(1, "files/Shared"))
	require.Equal(t, []string{"alice"}, usersBelow(1, "files/SharedNot/a"))
	require.Equal(t, []string{}, usersBelow(99, "files/Shared"))
}
