package watchdog

import (
	"errors"
	"fmt"
	"strings"
)

// ordered returns the services so that each comes after those it depends on, or every fault of names and
// dependencies at once.
func ordered(services []Service) ([]Service, error) {
	byName := map[string]Service{}
	var faults []error
	for _, s := range services {
		if _, twice := byName[s.Name]; twice {
			faults = append(faults, fmt.Errorf("service %s: defined twice", s.Name))
		}
		if s.Name == "" || s.Name == "watchdog" || strings.ContainsAny(s.Name, "/.\x00") {
			faults = append(faults, fmt.Errorf("service %q: not a possible name: it is part of file names", s.Name))
		}
		byName[s.Name] = s
	}
	for _, s := range services {
		for _, d := range s.Dependencies {
			if _, ok := byName[d]; !ok {
				faults = append(faults, fmt.Errorf("service %s: depends on %s, which is not defined", s.Name, d))
			}
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return sorted(services, byName)
}

// sorted is a depth-first topological sort that keeps the given order where it may.
func sorted(services []Service, byName map[string]Service) ([]Service, error) {
	const onPath, placed = 1, 2
	mark := map[string]int{}
	var out []Service
	var visit func(s Service, path []string) error
	visit = func(s Service, path []string) error {
		path = append(path, s.Name)
		switch mark[s.Name] {
		case placed:
			return nil
		case onPath:
			return fmt.Errorf("dependencies go round in a circle: %s", strings.Join(path, " needs "))
		}
		mark[s.Name] = onPath
		for _, d := range s.Dependencies {
			if err := visit(byName[d], path); err != nil {
				return err
			}
		}
		mark[s.Name] = placed
		out = append(out, s)
		return nil
	}
	for _, s := range services {
		if err := visit(s, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}
