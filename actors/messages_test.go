package actors

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// allMessages are the types of messages.go.
var allMessages = []any{
	payloadArrived{}, eventPublished{}, subscribed{}, subscriptionEnded{}, subscribe{}, resync{},
	storageChanged{}, mountsMayChange{},
	mountsLearned{}, mountsFound{}, mapperWake{},
	pushUser{}, pushUsers{}, closeAll{}, refreshAll{}, attach{}, probe{}, connectionEnded{}, flushTurn{},
	framesReceived{}, writeDone{}, socketEnded{}, wake{}, debounceDue{}, flush{},
	authenticate{}, abandoned{}, tokenIssued{}, loginAttached{}, loginDetached{}, loginJudged{},
	listLogins{}, resumeLogins{}, authTick{}, tokenClaimed{}, loginsLearned{}, peerGone{}, announceLogins{}, loginsReset{}, forgetLogins{}, forgetLogin{}, loginRevoked{},
	listUsers{}, countCrowds{}, listConnections{}, sendUser{}, pushAll{}, disconnectUser{}, disconnect{}, describe{},
}

func TestAllMessagesAreListed(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "messages.go", nil, 0)
	require.NoError(t, err)
	var declared, listed []string
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.TypeSpec); ok {
			declared = append(declared, spec.Name.Name)
		}
		return true
	})
	for _, message := range allMessages {
		listed = append(listed, reflect.TypeOf(message).Name())
	}
	require.ElementsMatch(t, declared, listed)
}

// Any message may find its actor gone, at the end. None of ours is news then.
func TestMessagesAreNoDeadLetters(t *testing.T) {
	for _, message := range allMessages {
		kind := reflect.TypeOf(message)
		_, ignored := reflect.New(kind).Interface().(interface{ IgnoreDeadLetterLogging() })
		require.True(t, ignored, "%s", kind)
	}
}

// A secret in a field that isn't exported would be printed in clear, for fmt doesn't ask it then;
// and a message that holds one must not be logged as a dead letter either.
func TestMessagesGuardTheirSecrets(t *testing.T) {
	holding := 0
	for _, message := range allMessages {
		kind := reflect.TypeOf(message)
		if !holdsSecret(t, kind, kind.Name(), true) {
			continue
		}
		holding++
		_, ignored := reflect.New(kind).Interface().(interface{ IgnoreDeadLetterLogging() })
		require.True(t, ignored, "%s", kind)
	}
	require.Equal(t, len(MessagesWith("", ""))-1, holding, "authenticate has them behind a pointer")
}

// holdsSecret reports whether printing a value would reach a secret (fmt follows no pointers inside a
// value), and fails where it would do
// so in clear.
func holdsSecret(t *testing.T, kind reflect.Type, path string, exported bool) bool {
	switch kind {
	case reflect.TypeFor[Secret](), reflect.TypeFor[payload](), reflect.TypeFor[Event]():
		require.True(t, exported, "%s is printed in clear", path)
		return true
	}
	holds := false
	switch kind.Kind() {
	case reflect.Struct:
		for field := range kind.Fields() {
			holds = holdsSecret(t, field.Type, path+"."+field.Name, exported && field.IsExported()) || holds
		}
	case reflect.Slice, reflect.Array:
		holds = holdsSecret(t, kind.Elem(), path, exported)
	}
	return holds
}
