package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"duet/integration/rig"
)

const recordSize = 100

// A file held open and appended to slowly: whatever the peer shows meanwhile
// ends at the end of a record, and what the last close leaves behind is there
// within 100 ms, or, on a machine that is busy with other things, hardly later
// than a small file that is saved at once, which is measured beside it. Not
// parallel, because it measures.
func TestSlowWriter(t *testing.T) {
	p := rig.NewPair(t, rig.Options{Share: map[string]string{"max_settle": "700ms"}})
	p.Start()
	write(t, p.A.At("ready"), "")
	p.Settle(patience)

	stop, torn, seen := watchRecords(p.B.At("log"))
	f, err := os.Create(p.A.At("log"))
	must(t, err)
	records := rig.Size(60, 300)
	for i := range records {
		_, err := f.WriteString(record(i))
		must(t, err)
		time.Sleep(40 * time.Millisecond) // the slow writer itself
	}
	late := awaitSize(p.B.At("log"), int64(records*recordSize), f.Close)
	stop()
	if len(*torn) > 0 {
		t.Errorf("the peer showed torn records: %s", strings.Join(*torn, "; "))
	}
	if *seen == 0 {
		t.Error("the peer never showed anything while the file was open: max_settle has no effect")
	}
	latencies, plain := []time.Duration{late}, []time.Duration(nil)
	for i := range 6 {
		plain = append(plain, awaitSize(p.B.At(fmt.Sprint("plain", i)), recordSize, func() error {
			return os.WriteFile(p.A.At(fmt.Sprint("plain", i)), []byte(record(i)), 0o644)
		}))
		f, err := os.OpenFile(p.A.At("log"), os.O_APPEND|os.O_WRONLY, 0)
		must(t, err)
		_, err = f.WriteString(record(records))
		must(t, err)
		records++
		latencies = append(latencies, awaitSize(p.B.At("log"), int64(records*recordSize), f.Close))
	}
	slices.Sort(latencies)
	slices.Sort(plain)
	t.Logf("from close to the peer: %v; of small files: %v", latencies, plain)
	median, allowed := latencies[len(latencies)/2], max(100*time.Millisecond, 3*plain[len(plain)/2])
	if median > allowed {
		t.Errorf("the median is %v, want at most %v", median, allowed)
	}
	p.Settle(patience)
}

func record(i int) string {
	return fmt.Sprintf("%0*d\n", recordSize-1, i)
}

// watchRecords reads path again and again until stop is called, and collects
// what is not a whole number of the right records.
func watchRecords(path string) (stop func(), torn *[]string, seen *int) {
	quit, finished := make(chan struct{}), make(chan struct{})
	torn, seen = new([]string), new(int)
	go func() {
		defer close(finished)
		for tick := time.NewTicker(3 * time.Millisecond); ; {
			select {
			case <-quit:
				tick.Stop()
				return
			case <-tick.C:
			}
			content, err := os.ReadFile(path)
			if err != nil || len(content) == 0 {
				continue
			}
			*seen++
			if !wholeRecords(string(content)) && len(*torn) < 5 {
				*torn = append(*torn, fmt.Sprintf("%d bytes ending %q", len(content), content[max(0, len(content)-20):]))
			}
		}
	}()
	return func() { close(quit); <-finished }, torn, seen
}

func wholeRecords(content string) bool {
	for i := 0; len(content) > 0; i++ {
		rest, ok := strings.CutPrefix(content, record(i))
		if !ok {
			return false
		}
		content = rest
	}
	return true
}

// awaitSize calls finish and returns how long after that path has size bytes.
func awaitSize(path string, size int64, finish func() error) time.Duration {
	if err := finish(); err != nil {
		return time.Hour
	}
	began := time.Now()
	for time.Since(began) < 20*time.Second {
		if info, err := os.Stat(path); err == nil && info.Size() == size {
			return time.Since(began)
		}
		time.Sleep(time.Millisecond) // another process's file: polling is the measurement
	}
	return time.Hour
}
