package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/joho/godotenv"
)

// environment is where variables are: those of the process, and below them those of the .env file in the working directory.
type environment struct {
	process func(string) (string, bool)
	file    map[string]string
}

// find gives a variable's value and what to call its source.
func (e environment) find(name string) (text, source string, found bool) {
	if text, found = e.process(name); found {
		return text, "env " + name, true
	}
	text, found = e.file[name]
	return text, ".env " + name, found
}

// setting is find for a setting of ours, which no text ends with a line end that a file of another system left.
func (e environment) setting(name string) (text, source string, found bool) {
	text, source, found = e.find(name)
	return strings.TrimRight(text, "\r\n"), source, found
}

// lookup is find without the source.
func (e environment) lookup(name string) (string, bool) {
	text, _, found := e.find(name)
	return text, found
}

// largestFile bounds what is read of a file that holds a secret or variables.
const largestFile = 1 << 20

// readDotEnv reads the .env file of the working directory; without one there are no variables.
func readDotEnv() (map[string]string, error) {
	text, err := readSmallFile(".env")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	variables, err := godotenv.Unmarshal(text)
	if err != nil {
		return nil, errors.New("read .env: it cannot be parsed; write lines like NAME=value")
	}
	return variables, nil
}

// readSmallFile reads a regular file, or a pipe that a service manager passes a secret by, of up to 1 MiB.
func readSmallFile(path string) (string, error) {
	file, err := os.Open(path) //nolint:gosec // G304: the .env of the folder that it was started in
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, largestFile+1))
	if err != nil {
		return "", err
	}
	if len(data) > largestFile {
		return "", fmt.Errorf("read %s: it is larger than 1 MiB", path)
	}
	return string(data), nil
}

// readSecretFile reads a file that holds one secret; white space around it does not count, and no secret is an error.
func readSecretFile(path string) (string, error) {
	text, err := readSmallFile(path)
	text = strings.TrimSpace(text)
	if err == nil && text == "" {
		err = notYetError{fmt.Errorf("read %s: it is empty", path)}
	}
	return text, notYet(err)
}
