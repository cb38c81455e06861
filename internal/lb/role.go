package lb

import "fmt"

// Role is what a node is for its cluster. The numbers are those of the
// original's HaState.
type Role uint8

// The roles. A node whose role is unknown leaves its LB interface as found.
const (
	RoleUnknown  Role = 0
	RoleBackup   Role = 1
	RoleDisabled Role = 2
	RoleError    Role = 3
	RoleLeader   Role = 4
	RoleShutdown Role = 5
)

var roleNames = [...]string{"UNKNOWN", "BACKUP", "DISABLED", "ERROR", "LEADER", "SHUTDOWN"}

func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// MarshalText gives the operator's word for the role.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (r *Role) UnmarshalText(text []byte) error {
	for i, name := range roleNames {
		if name == string(text) {
			*r = Role(i)
			return nil
		}
	}
	return fmt.Errorf("role %q: want one of %v", text, roleNames)
}

// Override is what an operator has said about an object, above its config.
type Override uint8

// The override states, with the original's numbers and words.
const (
	OverrideDefault  Override = 0
	OverrideDisabled Override = 1
	OverrideEnabled  Override = 2
)

var overrideNames = [...]string{"default", "disabled", "enabled"}

func (o Override) String() string {
	if int(o) < len(overrideNames) {
		return overrideNames[o]
	}
	return fmt.Sprintf("override(%d)", uint8(o))
}

// MarshalText gives the operator's word for the override.
func (o Override) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (o *Override) UnmarshalText(text []byte) error {
	for i, name := range overrideNames {
		if name == string(text) {
			*o = Override(i)
			return nil
		}
	}
	return fmt.Errorf("override %q: want one of %v", text, overrideNames)
}
