package serving

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Places of a resource other than a device.
const (
	Everywhere = "all" // the devices of the gateway share it
	eachDevice = ""    // every device has so much of its own
)

// maxStock bounds how much there is of a resource.
const maxStock = 1 << 20

// Stock says how much there is of resources: by name, then by place, which is
// Everywhere, a device ("cpu", "cuda", "cuda:1"), or empty for each device that is not
// named. Of what is not in it there is, on each device, as much as the most that a model held there takes.
type Stock map[string]map[string]int

// ParseStock reads NAME=COUNT, so much on each device, and NAME=COUNT@PLACE, where PLACE is all or a device.
func ParseStock(texts []string) (Stock, error) {
	out := Stock{}
	for _, text := range texts {
		name, count, place, err := parseResource(text)
		if err != nil {
			return nil, fmt.Errorf("resource %q: %w; want NAME=COUNT or NAME=COUNT@PLACE, such as gpu_memory=16@cuda", text, err)
		}
		if out[name] == nil {
			out[name] = map[string]int{}
		}
		if _, twice := out[name][place]; twice {
			return nil, fmt.Errorf("resource %q: %s was counted before for the same place", text, name)
		}
		out[name][place] = count
		if _, shared := out[name][Everywhere]; shared && len(out[name]) > 1 {
			return nil, fmt.Errorf("resource %q: %s is either one for all devices or each device has its own", text, name)
		}
	}
	return out, nil
}

func parseResource(text string) (name string, count int, place string, err error) {
	name, rest, ok := strings.Cut(text, "=")
	switch {
	case !ok:
		return "", 0, "", errors.New("it has no count")
	case !spec.IsResource(name):
		return "", 0, "", fmt.Errorf("%q is not a name of 1 to 63 letters, digits, dots, dashes and underscores", name)
	}
	number, place, placed := strings.Cut(rest, "@")
	count, err = strconv.Atoi(number)
	if err != nil || count < 1 || count > maxStock {
		return "", 0, "", fmt.Errorf("%q is not a whole number from 1 to %d", number, maxStock)
	}
	if !placed {
		return name, count, eachDevice, nil
	}
	if place == Everywhere {
		return name, count, place, nil
	}
	device, err := onnx.ParseDevice(place)
	if err != nil || device == onnx.DeviceAuto {
		return "", 0, "", fmt.Errorf("%q is not all, cpu, cuda or cuda:N", place)
	}
	return name, count, deviceName(string(device)), nil
}

// deviceName is one name of a device that has two.
func deviceName(device string) string {
	if device == "cuda:0" {
		return "cuda"
	}
	return device
}

// Shared tells whether all devices share the resource.
func (s Stock) Shared(name string) bool {
	_, ok := s[name][Everywhere]
	return ok
}

// place is where a model on a device takes the resource from.
func (s Stock) place(name, device string) string {
	if s.Shared(name) {
		return Everywhere
	}
	return deviceName(device)
}

// count is how much there is of the resource at a place; false: nobody has said.
func (s Stock) count(name, place string) (int, bool) {
	if n, ok := s[name][place]; ok {
		return n, true
	}
	n, ok := s[name][eachDevice]
	return n, ok
}

// enough refuses a need that no wait could meet on the device.
func (s Stock) enough(need spec.Resources, device string) error {
	for name, n := range need {
		place := s.place(name, device)
		if has, counted := s.count(name, place); counted && n > has {
			where := map[string]string{Everywhere: "in all", eachDevice: "on each device"}[place]
			if where == "" {
				where = "on " + place
			}
			return fmt.Errorf("a batch takes %d of the resource %q, and there are %d %s: lower deployment.resources.%s, or start the gateway with --resource %s=%d or more",
				n, name, has, where, name, name, n)
		}
	}
	return nil
}
