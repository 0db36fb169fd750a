package loadtest

import "context"

type Cut struct{}
type Restart struct{}
type Churn struct{}
type Stall struct{}

func (*Cut) title() string                         { return "cut" }
func (*Cut) check() error                          { return nil }
func (*Cut) run(context.Context, *bench) error     { return nil }
func (*Restart) title() string                     { return "restart" }
func (*Restart) check() error                      { return nil }
func (*Restart) run(context.Context, *bench) error { return nil }
func (*Churn) title() string                       { return "churn" }
func (*Churn) check() error                        { return nil }
func (*Churn) run(context.Context, *bench) error   { return nil }
func (*Stall) title() string                       { return "stall" }
func (*Stall) check() error                        { return nil }
func (*Stall) run(context.Context, *bench) error   { return nil }
