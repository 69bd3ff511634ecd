package nvml

// GPU is what is known of a device now. What it does not tell, as parts of one
// (MIG) and some products do not, is nil.
type GPU struct {
	UUID string
	// Utilization is the share of the last moments in which it computed, 0 to 1.
	Utilization *float64
	// Total and Used are bytes of its memory.
	Total, Used *float64
	// Power and Limit are watts that it takes and may take.
	Power, Limit *float64
	// Energy is joules since its driver was loaded.
	Energy *float64
}

// Read asks each device.
func (l *Library) Read() []GPU {
	out := make([]GPU, len(l.devices))
	for i, d := range l.devices {
		g := GPU{UUID: d.uuid}
		var u utilization
		if l.utilization(d.device, &u) == success {
			g.Utilization = scaled(u.gpu, 1.0/100)
		}
		var m memory
		if l.memory(d.device, &m) == success {
			g.Total, g.Used = scaled(m.total, 1), scaled(m.used, 1)
		}
		var milliwatts uint32
		if l.power(d.device, &milliwatts) == success {
			g.Power = scaled(milliwatts, 1.0/1000)
		}
		if l.limit(d.device, &milliwatts) == success {
			g.Limit = scaled(milliwatts, 1.0/1000)
		}
		var millijoules uint64
		if l.energy(d.device, &millijoules) == success {
			g.Energy = scaled(millijoules, 1.0/1000)
		}
		out[i] = g
	}
	return out
}

func scaled[T uint32 | uint64](v T, by float64) *float64 {
	out := float64(v) * by
	return &out
}
