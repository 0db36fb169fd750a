// Package epoll waits for events at many sockets in one goroutine. It exists on Linux only.
package epoll
