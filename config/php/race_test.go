//go:build race

package php

import "time"

func init() { raceDetector, largeTime = true, time.Minute }
