package workflows

import (
	"fmt"
	"slices"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/governance"
	"github.com/slipway-ml/slipway/internal/spec"
)

// signals that people send, in the order in which waiting ones are taken.
var signals = []string{contract.SignalAbort, contract.SignalPause, contract.SignalResume, contract.SignalPromote, contract.SignalDecide}

// inbox receives signals raw, so that a payload that does not decode can't
// block the receiver, and keeps every message on record. What a message does,
// it does at once; the audit log follows in order, one message at a time.
type inbox struct {
	key   contract.Key
	scope string
	seq   int // messages on the audit log
	log   []contract.Message
	// handle judges one message; it returns nil when the message was passed on and is recorded elsewhere.
	handle func(ctx workflow.Context, name string, raw []byte) *contract.Message

	// known are ids that have counted elsewhere.
	known []string

	taken    int                       // messages in this run
	dropping bool                      // those that do not count leave no record
	channels []workflow.ReceiveChannel // of signals, in their order
	handling bool
	queue    []contract.Message // not yet on the audit log
}

// maxMessages bounds what a status carries; the audit log has all.
const maxMessages = 50

// maxTaken is after how many messages a run is flooded: from then on only what
// counts costs more of its history than its arrival. Temporal takes 10,000 signals
// to a run, and 51,200 events.
const maxTaken = 100

// changeFlood is the change that bounds what a flood of messages costs.
const changeFlood = "flood"

// open begins to receive, and goes on until the workflow ends: one that is being cancelled still records what people send.
func (b *inbox) open(ctx workflow.Context) {
	for _, name := range signals {
		b.channels = append(b.channels, workflow.GetSignalChannel(ctx, name))
	}
	detached, _ := workflow.NewDisconnectedContext(ctx)
	workflow.Go(detached, b.listen)
	workflow.Go(detached, b.record)
}

// listen takes messages as they arrive. A Selector would hold a message that it
// has been woken for where settle can't see it, and a workflow that ends in the same task would lose it.
func (b *inbox) listen(ctx workflow.Context) {
	for workflow.Await(ctx, b.arrived) == nil {
		b.handling = true
		for i, channel := range b.channels {
			for {
				var raw converter.RawValue // a new one each time: a signal without any payload leaves it as it is
				if !channel.ReceiveAsync(&raw) {
					break
				}
				b.taken++
				if m := b.handle(ctx, signals[i], payload(raw)); m != nil {
					b.keep(ctx, *m)
				}
			}
		}
		b.handling = false
	}
}

func (b *inbox) arrived() bool {
	return slices.ContainsFunc(b.channels, func(c workflow.ReceiveChannel) bool { return c.Len() > 0 })
}

// flooded tells that more messages have come than anybody sends who means well.
func (b *inbox) flooded(ctx workflow.Context) bool {
	return b.taken > maxTaken && workflow.GetVersion(ctx, changeFlood, workflow.DefaultVersion, 1) >= 1
}

// keep puts a message into the status now and onto the audit log in its turn.
// The status forgets what did not count first. Of a flood it keeps what counts,
// and one message that says that the others are not kept.
func (b *inbox) keep(ctx workflow.Context, m contract.Message) {
	if !m.Accepted && b.flooded(ctx) {
		if b.dropping {
			return
		}
		b.dropping = true
		m.Why += fmt.Sprintf("; more than %d messages have come: from now on those that do not count leave no record", maxTaken)
	}
	b.queue = append(b.queue, m)
	if b.log = append(b.log, m); len(b.log) > maxMessages {
		drop := max(0, slices.IndexFunc(b.log, func(m contract.Message) bool { return !m.Accepted }))
		b.log = slices.Delete(b.log, drop, drop+1)
	}
}

// counted tells that a message with this id has been accepted: nobody can make it count again by sending it again.
func (b *inbox) counted(id string) bool {
	return slices.Contains(b.known, id) || slices.ContainsFunc(b.log, func(m contract.Message) bool { return m.Accepted && m.ID == id })
}

// ids lists the messages that have counted, as far as they are remembered.
func (b *inbox) ids() []string {
	var ids []string
	for _, m := range b.log {
		if m.Accepted && m.ID != "" {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// record writes the audit log.
func (b *inbox) record(ctx workflow.Context) {
	for workflow.Await(ctx, func() bool { return len(b.queue) > 0 }) == nil {
		m := b.queue[0]
		if _, err := recordMessage.do(ctx, contract.RecordMessageInput{Key: b.key, Scope: b.scope, Seq: b.seq + 1, Message: m}, m.Name+" by "+orUnknown(m.By)); err != nil {
			workflow.GetLogger(ctx).Error("message not on the audit log", "name", m.Name, "error", err)
		}
		b.queue = b.queue[1:]
		b.seq++
	}
}

// recorded waits until all that has been kept is on the audit log.
func (b *inbox) recorded(ctx workflow.Context) error {
	kept := b.seq + len(b.queue)
	return workflow.Await(ctx, func() bool { return b.seq >= kept })
}

// settle waits until all that has arrived is judged and on record, and every update answered: the last thing a
// workflow does, since unread signals vanish with it.
func (b *inbox) settle(ctx workflow.Context) {
	detached, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	_ = workflow.Await(detached, func() bool { // fails only when cancelled, and detached never is
		return !b.arrived() && !b.handling && len(b.queue) == 0 && workflow.AllHandlersFinished(detached)
	})
}

func orUnknown(name string) string {
	if name == "" {
		return "unknown"
	}
	return name
}

// judge decodes and authorises a control message.
func (b *inbox) judge(ctx workflow.Context, a spec.Approvals, requester, name string, raw []byte, allowUnverified bool) contract.Message {
	c, err := governance.DecodeControl(raw)
	if err != nil {
		return contract.Message{Name: name, At: workflow.Now(ctx), Why: err.Error()}
	}
	m := contract.Message{Name: name, ID: c.ID, By: c.By, Reason: c.Reason, At: workflow.Now(ctx)}
	m.Accepted, m.Why, m.Identity = governance.AuthorizeControl(a, requester, contract.ReleaseID(b.key.Model, b.key.Version), name, c, allowUnverified)
	if m.Accepted && b.counted(c.ID) {
		m.Accepted, m.Why = false, "a message with this id has counted already"
	}
	return m
}

// ignored puts a message on record that comes at the wrong moment.
func ignored(ctx workflow.Context, name string, raw []byte, why string) contract.Message {
	m := contract.Message{Name: name, At: workflow.Now(ctx), Why: why}
	if name == contract.SignalDecide {
		if d, err := governance.DecodeDecision(raw); err == nil {
			m.ID, m.By, m.Reason, m.Decision = d.ID, d.Approver, d.Reason, d.Decision
		}
	} else if c, err := governance.DecodeControl(raw); err == nil {
		m.ID, m.By, m.Reason = c.ID, c.By, c.Reason
	}
	return m
}

// payload is what a message carries; nothing when it came without.
func payload(raw converter.RawValue) []byte {
	return raw.Payload().GetData()
}

// rawJSON passes a payload on as it came.
func rawJSON(data []byte) converter.RawValue {
	return converter.NewRawValue(&commonpb.Payload{
		Metadata: map[string][]byte{converter.MetadataEncoding: []byte(converter.MetadataEncodingJSON)},
		Data:     data,
	})
}
