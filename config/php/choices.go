package php

import "fmt"

// choices answers the conditions whose outcome is not known. The files are evaluated again and again, each time with other
// answers, until all were tried; what then differs between the runs is not known either.
type choices struct {
	answers []bool   // given in this run, in their order
	reasons []string // why each of these conditions is not known
	asked   int
	fork    string // why the condition is not known that is answered otherwise in this run than in the one before it
}

// next answers a condition: as was planned for this run or, where nothing was planned, with no. Each condition opens one more
// way at least.
func (c *choices) next(reason string) bool {
	if c.asked == len(c.answers) {
		if c.asked == maxPaths {
			panic(&givenUp{c.tooMany()})
		}
		c.answers = append(c.answers, false)
		c.reasons = append(c.reasons, reason)
	}
	c.asked++
	return c.answers[c.asked-1]
}

// advance plans the next run. It reports false when all answers were tried.
func (c *choices) advance() bool {
	c.answers, c.reasons = c.answers[:c.asked], c.reasons[:c.asked]
	c.asked = 0
	for last := len(c.answers) - 1; last >= 0; last-- {
		if !c.answers[last] {
			c.answers[last] = true
			c.fork = c.reasons[last]
			return true
		}
		c.answers, c.reasons = c.answers[:last], c.reasons[:last]
	}
	return false
}

// tooMany is why nothing is certain when there are more ways than are tried.
func (c *choices) tooMany() string {
	return fmt.Sprintf("more than %d ways through it, because %s", maxPaths, c.reasons[0])
}
