// Package inferencepb is generated from inference.proto by protoc with
// protoc-gen-go v1.36.11 and protoc-gen-go-grpc v1.6.0:
//
//	protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative inference.proto
package inferencepb
