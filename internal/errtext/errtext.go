// Package errtext tells errors to operators.
package errtext

// Detail returns what an operator should know of an error, which may be more than a client is sent: the
// words of its method Detail() string, where it has one, else its text.
func Detail(err error) string {
	if detailed, ok := err.(interface{ Detail() string }); ok {
		return detailed.Detail()
	}
	return err.Error()
}
