package replicate_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"duet/replicate"
	"duet/replicate/pace"
)

// Contents that go along with their changes count in the limit, too.
func TestSavesWithinLimit(t *testing.T) {
	t.Parallel()
	table, err := pace.ParseTimetable("10k")
	if err != nil {
		t.Fatal(err)
	}
	p := newPair(t, func(c *replicate.Config) {
		if c.NodeName == "a" {
			c.Limit = pace.NewLimiter(table, nil)
		}
	})
	p.start()
	p.settle()
	began := time.Now()
	for i := range 12 {
		noise := make([]byte, 5000) // compression would not help
		rand.NewChaCha8([32]byte{byte(i)}).Read(noise)
		p.a.write(fmt.Sprintf("f%02d", i), string(noise))
	}
	p.settle()
	if took, least := time.Since(began), 3*time.Second; took < least {
		t.Errorf("60 kB at 10 kB a second took %v", took)
	}
}
