// The health of a server over gRPC, as one exit code. Takes the flags of grpc_health_probe, so that
// it can stand in its place: one dash or two, `-name=value` or `-name value`.
#pragma once

#include <chrono>
#include <ostream>
#include <string>
#include <vector>

#include "pemba/base/result.h"

namespace pemba::cli {

struct ProbeOptions {
  std::string address;  // HOST:PORT.
  std::string service;  // Empty: the whole server.
  std::chrono::milliseconds connect_timeout{1'000}, call_timeout{1'000};
  std::string user_agent = "pemba";
  bool tls = false, verify = true, verbose = false;
  std::string ca_file, certificate_file, key_file, server_name;
};

// The exit codes of grpc_health_probe.
enum class ProbeOutcome : int {
  kServing = 0,
  kBadArguments = 1,
  kNoConnection = 2,
  kCallFailed = 3,  // The server answered with an error: an unknown service, say.
  kNotServing = 4,
};

// Errors (kInvalidArgument): an unknown flag, a value that is none, TLS flags without -tls.
Result<ProbeOptions> ParseProbeOptions(const std::vector<std::string>& arguments);

struct ProbeAnswer {
  ProbeOutcome outcome;
  std::string text;  // What happened, for people.
};
ProbeAnswer Probe(const ProbeOptions& options);

// All of it; returns the exit code.
int RunHealthProbe(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace pemba::cli
