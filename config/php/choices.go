package php

// choices answers the conditions whose outcome is not known. The files are evaluated again and again, each time with other
// answers, until all were tried; what then differs between the runs is not known either.
type choices struct {
	answers []bool // given in this run, in their order
	asked   int
	reason  string // why the first such condition is not known
}

// next answers a condition: as was planned for this run or, where nothing was planned, with no.
func (c *choices) next(reason string) bool {
	if c.reason == "" {
		c.reason = reason
	}
	if c.asked == len(c.answers) {
		c.answers = append(c.answers, false)
	}
	c.asked++
	return c.answers[c.asked-1]
}

// advance plans the next run. It reports false when all answers were tried.
func (c *choices) advance() bool {
	c.answers = c.answers[:c.asked]
	c.asked = 0
	for len(c.answers) > 0 {
		last := len(c.answers) - 1
		if !c.answers[last] {
			c.answers[last] = true
			return true
		}
		c.answers = c.answers[:last]
	}
	return false
}
