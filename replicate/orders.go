package replicate

import (
	"context"

	"duet/replicate/expiry"
	"duet/replicate/orders"
	"duet/replicate/restore"
	"duet/replicate/ruling"
	"duet/replicate/tidy"
	"duet/store/index"
)

// ordersOptions are what orders of people need to know of the share.
func (l *loop) ordersOptions() orders.Options {
	s := l.s
	return orders.Options{
		Node: s.cfg.NodeName, Peer: s.cfg.PeerName, Self: s.cfg.Node, Book: s.book, Env: s.installEnv(), Names: s.boot,
		Hold: l.keeper.Hold, Loop: l.lend(),
	}
}

// Resolve settles the conflicts that o selects: see orders.Orders.
func (s *Share) Resolve(ctx context.Context, o ruling.Order, progress func(done, total int)) (ruling.Result, error) {
	if s.st == nil {
		return ruling.Result{}, s.broken
	}
	return s.loop.orders.Resolve(ctx, o, progress)
}

// TakeBack takes a ruling back; 0 is the last one.
func (s *Share) TakeBack(ctx context.Context, id uint64, progress func(done, total int)) (ruling.Result, error) {
	if s.st == nil {
		return ruling.Result{}, s.broken
	}
	return s.loop.orders.TakeBack(ctx, id, progress)
}

// Sides reads both sides of the conflict of a path, as far as they are files of
// no more than limit bytes. It returns nil if nothing is open there.
func (s *Share) Sides(ctx context.Context, p index.Path, limit int64) (*orders.Dispute, error) {
	if s.st == nil {
		return nil, s.broken
	}
	return s.loop.orders.Sides(ctx, p, limit)
}

// Restore brings a kept version back: to its old place or, if to is not "", to a
// place outside the share.
func (s *Share) Restore(ctx context.Context, id uint64, to string) error {
	return s.loop.orders.Restore(ctx, id, to)
}

// RestoreWindow brings back the newest kept version of each path that o selects.
func (s *Share) RestoreWindow(ctx context.Context, o restore.Order) (restore.Result, error) {
	if s.st == nil {
		return restore.Result{}, s.broken
	}
	return s.loop.orders.RestoreWindow(ctx, o)
}

// keeperOptions are what the housekeeping needs to know of the share.
func (l *loop) keeperOptions() tidy.Options {
	s := l.s
	return tidy.Options{
		Store: s.st, Node: s.cfg.Node, Limits: s.cfg.Keep, Journal: s.cfg.Journal, Every: s.cfg.Housekeeping, Spread: s.boot,
		Clock: s.now, Log: l.log, Loop: l.lend(),
	}
}

// Prune removes kept versions for good, in as many steps as that takes.
func (s *Share) Prune(ctx context.Context, o expiry.Order) (expiry.Pruned, error) {
	return s.loop.keeper.Prune(ctx, o)
}
