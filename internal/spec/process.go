package spec

import "time"

// Process bounds the child process that the model tests run in. It gets no
// network and no files where the kernel allows it.
type Process struct {
	MemoryMB float64  `yaml:"memory_mb,omitempty" json:"memory_mb" jsonschema:"minimum=256,default=4096" jsonschema_description:"Most resident memory, in megabytes, beside the model and the rows themselves."`
	CPUTime  Duration `yaml:"cpu_time,omitempty" json:"cpu_time" jsonschema:"default=30m" jsonschema_description:"Most processor time over all cores."`
	Time     Duration `yaml:"time,omitempty" json:"time" jsonschema:"default=10m" jsonschema_description:"Most time on the clock."`
}

// Gradient says how gradient_computation looks at a model's parameters, and
// when a layer counts as exploding.
type Gradient struct {
	Rows    int `yaml:"rows,omitempty" json:"rows" jsonschema:"minimum=1,maximum=4096,default=64" jsonschema_description:"Test rows that the loss is taken over, at most."`
	Samples int `yaml:"samples,omitempty" json:"samples" jsonschema:"minimum=1,maximum=100,default=4" jsonschema_description:"Numbers of each tensor that are moved one by one, at most; all numbers together are moved along one direction besides."`
	// MaxSensitivity bounds how much the loss changes per relative change of a tensor.
	MaxSensitivity float64 `yaml:"max_sensitivity,omitempty" json:"max_sensitivity" jsonschema:"exclusiveMinimum=0,default=10000" jsonschema_description:"Largest change of the loss per relative change of a tensor (derivative times root mean square); above it the layer counts as exploding."`
	MaxWeight      float64 `yaml:"max_weight,omitempty" json:"max_weight" jsonschema:"exclusiveMinimum=0,default=1e12" jsonschema_description:"Largest absolute value of a parameter; above it the layer counts as exploding."`
}

// SetDefaults fills in what is zero.
func (g *Gradient) SetDefaults() {
	orSet(&g.Rows, 64)
	orSet(&g.Samples, 4)
	orSet(&g.MaxSensitivity, 1e4)
	orSet(&g.MaxWeight, 1e12)
}

func (c *checker) gradient(field string, g Gradient) {
	c.whole(field+".rows", int64(g.Rows), closed(1, 4096))
	c.whole(field+".samples", int64(g.Samples), closed(1, 100))
	c.number(field+".max_sensitivity", g.MaxSensitivity, above(0))
	c.number(field+".max_weight", g.MaxWeight, above(0))
}

// SetDefaults fills in what is zero.
func (p *Process) SetDefaults() {
	orSet(&p.MemoryMB, 4096)
	orSet(&p.CPUTime, Duration(30*time.Minute))
	orSet(&p.Time, Duration(10*time.Minute))
}

func (c *checker) process(field string, p Process) {
	c.number(field+".memory_mb", p.MemoryMB, atLeast(256))
	c.duration(field+".cpu_time", p.CPUTime)
	c.duration(field+".time", p.Time)
}
