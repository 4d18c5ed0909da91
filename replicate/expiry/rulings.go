package expiry

import (
	"fmt"
	"time"

	"duet/store"
	"duet/store/index"
)

// Bounds of what is remembered of the orders by which conflicts were settled.
const (
	ruledPaths = 100_000 // of all of them together, but for the last order
	ruledStep  = 500     // forgotten in one step
)

// Rulings forgets a few of the paths of orders that are older than kept versions
// become: what they put away is gone by then. It is called in the share's writer
// lane; more says that the next step can follow at once.
func Rulings(st *store.Store, age time.Duration, now time.Time) (more bool, err error) {
	var before int64
	if age > 0 {
		before = now.Add(-age).UnixNano()
	}
	var old []index.Ruled
	err = st.View(func(tx *store.Tx) (err error) {
		old, err = tx.OldRulings(before, ruledPaths, ruledStep)
		return err
	})
	if err != nil || len(old) == 0 {
		return false, err
	}
	err = st.Update(func(tx *store.Tx) error {
		for _, r := range old {
			if err := tx.DropRuled(r.Ruling, r.Path); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("forget old orders: %w", err)
	}
	return len(old) == ruledStep, nil
}
