package cli

// offer sends a value where there is room for it, and else not: one that waits already says the same.
func offer[T any](to chan<- T, value T) {
	select {
	case to <- value:
	default:
	}
}
