package storage

import (
	"time"

	"github.com/jmoiron/sqlx"
)

// What the tests in package storage_test use, which are there because they import the drivers.
const EveryCharacter = everyCharacter

var (
	Listen      = listen
	Pipe        = pipe
	RequireStep = requireStep
	OpenRedis   = newRedis
)

func (m *Mounts) Pool() *sqlx.DB { return m.current().DB }

// ReadAgain has the options read again at the next refused login, however short ago that was.
func (m *Mounts) ReadAgain() { m.reload.last = time.Time{} }

func (o DatabaseOptions) ServerName() string { return o.socketServer().name }
