package actors

// Poison is what each kind of actor can't swallow: a message of a type that it knows, and nothing
// in it. No port and no client can send one; tests do, to see what supervision does.
var Poison = map[string]any{
	"listener":   (*payloadArrived)(nil),
	"mapper":     (*mountsFound)(nil),
	"auth":       (*tokenIssued)(nil),
	"registry":   (*attach)(nil),
	"user":       (*attach)(nil),
	"connection": (*closeAll)(nil),
}
