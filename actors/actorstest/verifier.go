package actorstest

import (
	"context"
	"slices"
	"sync"

	"github.com/notifypush/notifypush/actors"
)

// Verifier is an actors.Verifier that accepts every login under its own name, as long as the
// password is "secret". The zero value is ready to use.
type Verifier struct {
	blockable
	mu       sync.Mutex
	failure  error
	users    map[string]string
	calls    []actors.Credentials
	inFlight int
	mostEver int
}

// Rename has a login accepted under another user id.
func (v *Verifier) Rename(login, user string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.users == nil {
		v.users = map[string]string{}
	}
	v.users[login] = user
}

// Fail has all calls fail with err from now on; nil ends that.
func (v *Verifier) Fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failure = err
}

// Calls returns the credentials of each Verify so far.
func (v *Verifier) Calls() []actors.Credentials {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.calls)
}

// Forget empties Calls.
func (v *Verifier) Forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls = nil
}

// MostInFlight returns how many calls there were at once, at most.
func (v *Verifier) MostInFlight() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mostEver
}

// Verify implements actors.Verifier.
func (v *Verifier) Verify(ctx context.Context, credentials actors.Credentials) (actors.Identity, error) {
	v.begin(credentials)
	defer v.end()
	if err := v.pass(ctx); err != nil {
		return actors.Identity{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failure != nil {
		return actors.Identity{}, v.failure
	}
	if credentials.Password.Reveal() != "secret" {
		return actors.Identity{}, actors.ErrInvalidCredentials
	}
	if user, renamed := v.users[credentials.Login]; renamed {
		return actors.Identity{User: user}, nil
	}
	return actors.Identity{User: credentials.Login}, nil
}

func (v *Verifier) begin(credentials actors.Credentials) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls = append(v.calls, credentials)
	v.inFlight++
	v.mostEver = max(v.mostEver, v.inFlight)
}

func (v *Verifier) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.inFlight--
}

var _ actors.Verifier = (*Verifier)(nil)

// Name is how logs and System.Problems call the port, as they call the real one.
func (*Verifier) Name() string { return "nextcloud" }
