package oip

import (
	"context"
	"strconv"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// TraceSetting tells how requests are traced, after it has set what is asked for.
func (s *GRPC) TraceSetting(ctx context.Context, r *pb.TraceSettingRequest) (*pb.TraceSettingResponse, error) {
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	var in settings
	for name, v := range r.GetSettings() {
		if in == nil {
			in = settings{}
		}
		in[name] = v.GetValue()
	}
	t, err := setTraces(s.backend, callerToken(ctx), r.GetModelName(), in)
	if err != nil {
		return nil, statusOf(err)
	}
	out := &pb.TraceSettingResponse{Settings: map[string]*pb.TraceSettingResponse_SettingValue{}}
	set := func(name, value string) {
		out.Settings[name] = &pb.TraceSettingResponse_SettingValue{Value: []string{value}}
	}
	set(traceLevel, t.level())
	set(traceRate, t.rate())
	for _, name := range []string{traceCount, logFrequency, traceFile, traceMode} {
		set(name, fixed[name])
	}
	return out, nil
}

// LogSettings tells what the log takes, after it has set what is asked for.
func (s *GRPC) LogSettings(ctx context.Context, r *pb.LogSettingsRequest) (*pb.LogSettingsResponse, error) {
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	var in settings
	for name, v := range r.GetSettings() {
		if in == nil {
			in = settings{}
		}
		switch v := v.GetParameterChoice().(type) {
		case *pb.LogSettingsRequest_SettingValue_BoolParam:
			in[name] = []string{strconv.FormatBool(v.BoolParam)}
		case *pb.LogSettingsRequest_SettingValue_Uint32Param:
			in[name] = []string{strconv.FormatUint(uint64(v.Uint32Param), 10)}
		case *pb.LogSettingsRequest_SettingValue_StringParam:
			in[name] = []string{v.StringParam}
		default:
			in[name] = nil
		}
	}
	l, err := setLog(s.backend, callerToken(ctx), in)
	if err != nil {
		return nil, statusOf(err)
	}
	out := map[string]*pb.LogSettingsResponse_SettingValue{
		logVerbose: {ParameterChoice: &pb.LogSettingsResponse_SettingValue_Uint32Param{Uint32Param: l.Verbose}},
	}
	for name, on := range map[string]bool{logInfo: l.Info, logWarning: l.Warning, logError: l.Error} {
		out[name] = &pb.LogSettingsResponse_SettingValue{ParameterChoice: &pb.LogSettingsResponse_SettingValue_BoolParam{BoolParam: on}}
	}
	for _, name := range []string{logFile, logFormat} {
		out[name] = &pb.LogSettingsResponse_SettingValue{ParameterChoice: &pb.LogSettingsResponse_SettingValue_StringParam{StringParam: fixed[name]}}
	}
	return &pb.LogSettingsResponse{Settings: out}, nil
}
