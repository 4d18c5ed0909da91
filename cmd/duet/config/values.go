package config

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"
	"time"

	"duet/recovery"
	"duet/replicate/expiry"
	"duet/replicate/link"
	"duet/replicate/pace"
	"duet/scan"
)

// Account is a user and a group by name or number, as 'owner' has them.
type Account struct{ User, Group string }

// ParseOwner reads user[:group].
func ParseOwner(s string) (Account, error) {
	name, group, hasGroup := strings.Cut(s, ":")
	if name == "" {
		return Account{}, errors.New("no user")
	}
	if hasGroup && (group == "" || strings.Contains(group, ":")) {
		return Account{}, errors.New("no group after the colon")
	}
	return Account{name, group}, nil
}

func checkOwner(s string) error {
	if s == "" {
		return nil
	}
	acc, err := ParseOwner(s)
	if err != nil {
		return err
	}
	if _, err := strconv.ParseUint(acc.User, 10, 32); err != nil {
		if _, err := user.Lookup(acc.User); err != nil {
			return fmt.Errorf("there is no user %q on this host", acc.User)
		}
	}
	if _, err := strconv.ParseUint(acc.Group, 10, 32); err != nil && acc.Group != "" {
		if _, err := user.LookupGroup(acc.Group); err != nil {
			return fmt.Errorf("there is no group %q on this host", acc.Group)
		}
	}
	return nil
}

// Limits are what keep and min_free say of a share; they were checked by Load.
func (s *Share) Limits() expiry.Limits {
	l, _, _ := s.limits() // Load has checked
	return l
}

// EventLimits are what journal says of a share, likewise.
func (s *Share) EventLimits() expiry.Journal {
	_, j, _ := s.limits()
	return j
}

// limits reads keep, min_free and journal, and names the key that is wrong.
func (s *Share) limits() (l expiry.Limits, j expiry.Journal, errs map[string]error) {
	errs = map[string]error{}
	note := func(key string, err error) {
		if err != nil {
			errs[key] = err
		}
	}
	var err error
	l.Age, err = expiry.ParseAge(s.Keep.Age)
	note("keep.age", err)
	l.Versions, err = expiry.ParseVersions(s.Keep.Versions)
	note("keep.versions", err)
	l.Size, err = expiry.ParseAmount(s.Keep.Size)
	note("keep.size", err)
	l.MinFree, err = expiry.ParseAmount(s.MinFree)
	note("min_free", err)
	j.Age, err = expiry.ParseAge(s.Journal.Age)
	note("journal.age", err)
	size, err := expiry.ParseAmount(s.Journal.Size)
	if err == nil && size.Percent > 0 {
		err = fmt.Errorf("%q: want a size such as 500MB or 1GiB, or off", s.Journal.Size)
	}
	note("journal.size", err)
	j.Size = size.Bytes
	return l, j, errs
}

// Hold is after which time apart a reconnect is held; 0 for never.
func (s *Share) Hold() (time.Duration, error) { return expiry.ParseAge(s.HoldAfter) }

// Verify is what verify_every and verify_rate say; Load has checked them. every
// is 0 for never, rate is negative for as fast as it goes.
func (s *Share) Verify() (every time.Duration, rate int64) {
	every, rate, _ = s.verify()
	return every, rate
}

func (s *Share) verify() (every time.Duration, rate int64, errs map[string]error) {
	errs = map[string]error{}
	every, err := expiry.ParseAge(s.VerifyEvery)
	if err != nil {
		errs["verify_every"] = err
	}
	amount, err := expiry.ParseAmount(s.VerifyRate)
	switch {
	case err != nil || amount.Percent > 0:
		errs["verify_rate"] = fmt.Errorf("%q: want a size such as 500kB or 32MiB, or off", s.VerifyRate)
	case amount.Bytes == 0:
		return every, -1, errs
	}
	return every, amount.Bytes, errs
}

func checkKey(line string) error {
	_, err := link.ParsePublicKey(line)
	return err
}

func checkIgnore(rules []string) error {
	_, err := scan.ParseRules(rules)
	return err
}

// Bounds is max_delete_under; Load has checked it.
func (s *Share) Bounds() []recovery.Under {
	var list []recovery.Under
	for _, u := range s.DeleteUnder {
		list = append(list, recovery.Under(u))
	}
	return list
}

// Limit is what bwlimit says; Load has checked it.
func (c *Config) Limit() pace.Timetable {
	t, _ := pace.ParseTimetable(c.BWLimit)
	return t
}
