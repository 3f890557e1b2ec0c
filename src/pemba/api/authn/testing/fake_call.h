// A call that was never on a wire: for tests of what only looks at calls.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/rpc/call.h"

namespace pemba::api::authn::testing {

class FakeCall final : public rpc::Call {
 public:
  using Headers = std::map<std::string, std::string, std::less<>>;

  explicit FakeCall(Headers headers = {}, rpc::PeerCertificate certificate = {})
      : headers_(std::move(headers)), certificate_(std::move(certificate)) {
    for (const auto& [name, value] : headers_) all_.push_back({name, value});
  }

  rpc::Protocol protocol() const override { return rpc::Protocol::kHttp; }
  std::string_view http_method() const override { return method; }
  std::string_view path() const override { return "/"; }
  std::string_view query() const override { return {}; }
  std::optional<std::string_view> header(std::string_view name) const override {
    const auto found = headers_.find(name);
    if (found == headers_.end()) return std::nullopt;
    return found->second;
  }
  std::span<const rpc::Header> headers() const override { return all_; }
  std::string_view path_parameter(std::string_view) const override { return {}; }
  std::string_view body() const override { return {}; }
  std::optional<SteadyTime> deadline() const override { return std::nullopt; }
  bool cancelled() const override { return false; }
  std::string_view peer() const override { return "192.0.2.1:1"; }
  const rpc::PeerCertificate& peer_certificate() const override { return certificate_; }
  void SetHeader(std::string_view name, std::string_view value) override {
    answered_headers[std::string(name)] = value;
  }
  void FinishGrpc(const rpc::GrpcStatus&, std::string_view) override {}
  void FinishHttp(int http_status, std::string_view, std::string_view) override {
    status = http_status;
  }
  bool Send(std::string_view, std::string_view) override { return false; }
  bool SendFramed(std::string_view, std::string_view) override { return false; }
  void FinishStream(const rpc::GrpcStatus&) override {}
  void MoveToWorker() override {}
  bool on_worker() const override { return true; }
  void Suspend(rpc::SuspendUntil, SteadyTime, std::function<void(rpc::Call&)>) override {}
  std::shared_ptr<rpc::Waker> waker() override { return nullptr; }
  bool has_room() const override { return true; }
  bool draining() const override { return false; }

  std::string method = "GET";
  int status = 0;  // What it was answered with.
  std::map<std::string, std::string> answered_headers;

 private:
  const Headers headers_;
  const rpc::PeerCertificate certificate_;
  std::vector<rpc::Header> all_;
};

}  // namespace pemba::api::authn::testing
