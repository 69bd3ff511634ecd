package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Headers of a delivery, MLflow's.
const (
	HeaderSignature = "X-MLflow-Signature"
	HeaderDelivery  = "X-MLflow-Delivery-Id"
	HeaderTimestamp = "X-MLflow-Timestamp"
)

// isoMicro is the time format of Python's datetime.isoformat.
const isoMicro = "2006-01-02T15:04:05.000000-07:00"

// payload is the body of a delivery. It is the same however often it is sent.
func payload(n Notice, at time.Time) ([]byte, error) {
	entity, action, _ := strings.Cut(n.Event, ".")
	body, err := json.Marshal(struct {
		Entity    string `json:"entity"`
		Action    string `json:"action"`
		Timestamp string `json:"timestamp"`
		Data      any    `json:"data"`
	}{entity, action, at.UTC().Format(isoMicro), n.Data})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", n.Event, err)
	}
	return body, nil
}

// deliveryID is the same for each attempt at one notice of one event, and no
// other: a UUID (RFC 9562, version 8) made from them.
func deliveryID(webhook string, event int64, notice int) string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("slipway/webhook/%s/%d/%d", webhook, event, notice)))
	b := sum[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Sign is MLflow's signature: "v1," and the base64 of the HMAC-SHA256, by the
// secret, of "<delivery id>.<Unix seconds>.<body>".
func Sign(secret []byte, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
