// OpenFga: a server elsewhere that speaks OpenFGA's gRPC as provider: OpenFGA itself, or a Pemba.
//
// Asks nothing before the first call, so it can be made while the server is down. Every call has a
// deadline; what failed for a passing reason is tried again until then, with exponential backoff
// and jitter. Once the server has failed several times in a row, calls fail at once (kUnavailable),
// and a single one tries from time to time.
//
// Decides by the newest model that it has written or read: one that others write meanwhile changes
// nothing until ReadModel. Model and tuple writers of other processes may be at work at the same
// time; see internal/model_swap.h for what that means without a compare and swap on the wire.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/provider/provider.h"

namespace pemba::provider {

struct OpenFgaOptions {
  std::string address;  // HOST:PORT of the gRPC port; `grpcs://` or `https://` before it means TLS.
  bool tls = false;
  std::filesystem::path ca_file = {};  // PEM; empty: those of the system.
  std::string token = {};              // Sent as bearer token; empty: none. Never shown.
  std::string store_id = {};           // Or
  std::string store_name = {};         // the oldest store of this name.
  enum class Missing : std::uint8_t { kMake, kError } missing = Missing::kMake;  // It, that is.
  std::chrono::milliseconds query_patience{3'000};    // Where a call has no deadline of its own.
  std::chrono::milliseconds change_patience{10'000};  // Per step of a change.
  std::chrono::milliseconds list_patience{3'000};  // After which the server is known to cut lists.
  std::size_t tuples_per_write_max = 100;          // Lowered by itself if the server takes fewer.
  std::size_t checks_per_batch_max = 50;
  std::size_t types_per_model_max = 100;
  std::size_t model_bytes_max = 262'144;
  std::size_t users_per_list_max = 1'000;  // After which the server cuts.
  std::chrono::milliseconds retry_min{100}, retry_max{60'000};
  int failures_max = 5;                       // In a row, until calls fail at once.
  std::chrono::milliseconds open_max{5'000};  // For how long at a time.
  // Told what an operator should know. Called from any thread; may be empty.
  std::function<void(std::string_view)> report = {};
};

class OpenFga final : public Provider {
 public:
  // Borrows the clock. Errors: kInvalidArgument (no address, neither or both of store id and name,
  // a CA file that cannot be read).
  static Result<std::unique_ptr<OpenFga>> Open(OpenFgaOptions options, const Clock& clock);
  ~OpenFga() override;

  // The store's id; asks for it, or makes the store, if that was not done before.
  Result<std::string> StoreId();

  Capabilities capabilities() const override;
  Result<model::Model> ReadModel() override;
  Result<std::string> WriteModel(const model::Model& model, std::string_view expected_id) override;
  // A tuple that is there under another condition is replaced: it is away for a moment.
  Status Apply(std::span<const tuple::Tuple> removes, std::span<const tuple::Tuple> adds) override;
  // `at_least`: the server is asked for its newest state; that it has got there is the caller's to
  // know (Outbox::AwaitApplied).
  std::vector<Result<Decision>> Check(std::span<const tuple::Tuple> questions,
                                      const ReadOptions& options) override;
  Result<Names> ListObjects(std::string_view type, std::string_view relation, std::string_view user,
                            const ReadOptions& options, std::size_t max) override;
  Result<Names> ListUsers(std::string_view object, std::string_view relation,
                          std::span<const std::string> user_types,
                          const ReadOptions& options) override;
  Status ReadTuples(const std::function<Status(tuple::Tuple)>& visit) override;
  Result<engine::Explanation> Explain(const tuple::Tuple& question,
                                      const ReadOptions& options) override;
  Health health() const override;

 private:
  class Impl;
  explicit OpenFga(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace pemba::provider
