package talk

import (
	"testing"
	"time"
)

func TestMendingTakesATenthOfTheTime(t *testing.T) {
	var m Mending
	now := time.Unix(1e9, 0)
	for range freeMendings {
		if err := m.Allowed(now); err != nil {
			t.Fatal(err)
		}
		m.Note(10*time.Second, now)
	}
	if m.Allowed(now.Add(99*time.Second)) == nil {
		t.Error("allowed at once")
	}
	if err := m.Allowed(now.Add(100 * time.Second)); err != nil {
		t.Error(err)
	}
	later := now.Add(2 * time.Hour)
	m.Note(10*time.Second, later)
	if err := m.Allowed(later); err != nil {
		t.Errorf("long ago still counts: %v", err)
	}
}
