// WireCodec: questions as calls of the OpenFGA API, and what its answers say.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/bench/endpoint.h"
#include "pemba/bench/load_loop.h"
#include "pemba/bench/question.h"
#include "pemba/bench/scenario.h"

namespace pemba::bench {

// A tuple that its owner keeps.
struct OwnedTuple {
  explicit OwnedTuple(const TupleOut& out)
      : object(out.tuple.object),
        relation(out.tuple.relation),
        subject(out.tuple.subject),
        condition(out.condition),
        context(out.context) {}
  std::string object, relation, subject, condition, context;
};

// What an answer to a question means.
enum class Judgement : std::uint8_t {
  kRight,
  kWrong,
  kShed,    // The server had too much to do, and said so.
  kFailed,  // Another error: nothing is known about the answer.
};

// For one thread.
class WireCodec {
 public:
  // Ids of a store that is there already, or that TakeStoreId and TakeModelId will tell.
  explicit WireCodec(Protocol protocol, std::string store_id = {}, std::string model_id = {});
  ~WireCodec();

  WireCall CreateStore(std::string_view name) const;
  WireCall DeleteStore() const;
  // Errors: kInvalidModel.
  Result<WireCall> WriteModel(std::string_view dsl) const;
  // At most 100 tuples.
  Result<WireCall> Write(std::span<const OwnedTuple> tuples) const;
  WireCall Delete(const OwnedTuple& tuple) const;
  // kNewest: the answer may not be older than the question.
  enum class Freshness : std::uint8_t { kAny, kNewest };
  Result<WireCall> Encode(const Question& question, Freshness freshness = Freshness::kAny) const;

  // Ids in answers; they are part of every later call. Errors: kUnavailable.
  Status TakeStoreId(const LoadLoop::Answer& answer);
  Status TakeModelId(const LoadLoop::Answer& answer);
  // Whether the call was carried out; else what the server said.
  Status CheckDone(const Reply& reply) const;

  Judgement Judge(const Question& question, const Reply& reply);
  // Of the last answer that was not kRight.
  const std::string& complaint() const { return complaint_; }

  const std::string& store_id() const { return store_id_; }
  const std::string& model_id() const { return model_id_; }
  // Another thread's codec for the same store.
  WireCodec ForTheSameStore() const;
  WireCodec(WireCodec&&) noexcept;

 private:
  struct Decoder;
  class Request;

  bool grpc() const { return protocol_ == Protocol::kGrpc; }
  Judgement JudgeCheck(const Question& question, std::string_view body);
  Judgement JudgeBatch(const Question& question, std::string_view body);
  Judgement JudgeList(const Question& question, std::string_view body);
  Judgement Complain(Judgement judgement, std::string text);

  Protocol protocol_;
  std::string store_id_, model_id_, complaint_;
  std::unique_ptr<Decoder> decoder_;
};

}  // namespace pemba::bench
