package namespace

import (
	"testing"
)

func TestParseIdentity(t *testing.T) {
	maps, err := parseIdentity("         0       1000          1\n         1     100000      65536\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(maps) != 2 || maps[0].HostID != 0 || maps[1].ContainerID != 1 || maps[1].HostID != 1 || maps[1].Size != 65536 {
		t.Errorf("parseIdentity = %+v", maps)
	}
	if _, err := parseIdentity("0 x 1"); err == nil {
		t.Error("parseIdentity took a line that is no id map")
	}
}
