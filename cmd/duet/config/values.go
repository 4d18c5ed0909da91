package config

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"

	"duet/recovery"
	"duet/replicate/link"
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

func checkKey(line string) error {
	_, err := link.ParsePublicKey(line)
	return err
}

func checkIgnore(rules []string) error {
	_, err := scan.ParseRules(rules)
	return err
}

func checkLimit(s string) error {
	_, err := recovery.ParseLimit(s)
	return err
}
