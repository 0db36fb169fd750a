//go:build !unix

package files

const onlyFolder = 0
