//go:build race

package php

func init() { raceDetector = true }
