package replicate

import (
	"testing"
	"time"
)

func TestMendingTakesATenthOfTheTime(t *testing.T) {
	var m mending
	now := time.Unix(1e9, 0)
	for range freeMendings {
		if err := m.allowed(now); err != nil {
			t.Fatal(err)
		}
		m.note(10*time.Second, now)
	}
	if m.allowed(now.Add(99*time.Second)) == nil {
		t.Error("allowed at once")
	}
	if err := m.allowed(now.Add(100 * time.Second)); err != nil {
		t.Error(err)
	}
	later := now.Add(2 * time.Hour)
	m.note(10*time.Second, later)
	if err := m.allowed(later); err != nil {
		t.Errorf("long ago still counts: %v", err)
	}
}
