#include "pemba/provider/openfga.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <fstream>
#include <iterator>
#include <mutex>
#include <utility>

#include "pemba/provider/internal/grpc_client.h"
#include "pemba/provider/internal/model_swap.h"
#include "pemba/provider/internal/tuples.h"
#include "pemba/provider/internal/wire_convert.h"
#include "pemba/provider/internal/wire_error.h"

namespace pemba::provider {
namespace {

using internal::GrpcClient;
using Repeat = GrpcClient::Repeat;
namespace wire = internal::wire;

constexpr int kPageSize = 100;

// `limit of N` at the end of what the server says of too many tuples.
std::size_t LimitIn(std::string_view message) {
  const auto digits = message.find_last_not_of("0123456789");
  const auto number = digits == message.npos ? message : message.substr(digits + 1);
  std::size_t limit = 0;
  std::from_chars(number.data(), number.data() + number.size(), limit);
  return limit;
}

void SetKey(const tuple::TupleView& tuple, wire::CheckRequestTupleKey& key) {
  key.set_user(std::string(tuple.subject));
  key.set_relation(std::string(tuple.relation));
  key.set_object(std::string(tuple.object));
}

std::string UserText(const wire::User& user) {
  if (user.has_wildcard()) return user.wildcard().type() + ":*";
  if (user.has_userset()) {
    const auto& set = user.userset();
    return set.type() + ":" + set.id() + "#" + set.relation();
  }
  return user.object().type() + ":" + user.object().id();
}

Result<Decision> OutcomeOf(const wire::BatchCheckSingleResult& result) {
  if (result.has_error()) {
    const auto& error = result.error();
    const auto number = error.has_input_error() ? static_cast<int>(error.input_error())
                                                : static_cast<int>(error.internal_error());
    // An item without a code is no answer either.
    return internal::FromStatus(number == 0 ? 4000U : static_cast<std::uint32_t>(number),
                                error.message());
  }
  if (result.check_result_case() != wire::BatchCheckSingleResult::kAllowed) {
    return Error{ErrorCode::kUnavailable, "the server has left a question unanswered"};
  }
  return result.allowed() ? Decision::kAllowed : Decision::kDenied;
}

Result<std::string> ReadFile(const std::filesystem::path& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file || text.empty()) {
    return Error{ErrorCode::kInvalidArgument, "cannot read `" + path.string() + "`"};
  }
  return text;
}

}  // namespace

class OpenFga::Impl final : public internal::ModelLog {
 public:
  Impl(OpenFgaOptions options, internal::GrpcOptions grpc, const Clock& clock)
      : options_(std::move(options)),
        clock_(clock),
        client_(std::move(grpc), clock),
        store_id_(options_.store_id),
        tuples_per_write_(std::max<std::size_t>(1, options_.tuples_per_write_max)) {}

  const OpenFgaOptions& options() const { return options_; }
  GrpcClient& client() { return client_; }
  std::mutex& models() { return models_; }
  std::size_t tuples_per_write() const { return tuples_per_write_; }

  SteadyTime In(std::chrono::milliseconds patience) const { return clock_.Steady() + patience; }
  SteadyTime Of(const ReadOptions& options) const {
    return options.deadline.value_or(In(options_.query_patience));
  }
  // Longer than the server takes before it cuts: a part is better than nothing.
  SteadyTime OfList(const ReadOptions& options) const {
    return options.deadline.value_or(In(options_.list_patience + options_.query_patience));
  }
  const Clock& clock() const { return clock_; }
  internal::CircuitBreaker::State state() const { return client_.state(); }

  // A list that took as long as the server gives it has been cut: it does not say so.
  void NoteTime(SteadyTime begin, Names& found) const {
    if (clock_.Steady() - begin >= options_.list_patience) found.complete = false;
  }

  // Stores.

  Result<std::string> StoreId(SteadyTime deadline) {
    const std::lock_guard lock(store_);
    if (!store_id_.empty()) return store_id_;
    PEMBA_TRY(auto id, OldestStore(deadline));
    if (id.empty() && options_.missing == OpenFgaOptions::Missing::kError) {
      return Error{ErrorCode::kStoreNotFound,
                   "there is no store of the name `" + options_.store_name + "`"};
    }
    if (id.empty()) {
      wire::CreateStoreRequest request;
      request.set_name(options_.store_name);
      wire::CreateStoreResponse response;
      PEMBA_TRY(std::ignore,
                client_.Call("CreateStore", request, response, deadline, Repeat::kOnce));
      // Somebody else may have made one at the same moment: all take the oldest.
      PEMBA_TRY(id, OldestStore(deadline));
      if (id.empty()) id = response.id();
    }
    store_id_ = id;
    return id;
  }

  // A server that has lost its models has lost its stores: that of our name is another one then.
  // Servers take writes to stores that are not there, and nobody would see them in a list.
  void ForgetStore() {
    const std::lock_guard lock(store_);
    if (!options_.store_name.empty()) store_id_.clear();
  }

  template <class Request>
  Result<Request> RequestOf(SteadyTime deadline) {
    PEMBA_TRY(auto id, StoreId(deadline));
    Request request;
    request.set_store_id(std::move(id));
    return request;
  }

  // Models.

  Result<std::vector<model::Model>> Newest(std::size_t count) override {
    const auto deadline = In(options_.change_patience);
    PEMBA_TRY(auto request, RequestOf<wire::ReadAuthorizationModelsRequest>(deadline));
    request.mutable_page_size()->set_value(static_cast<int>(count));
    wire::ReadAuthorizationModelsResponse response;
    PEMBA_TRY(std::ignore, client_.Call("ReadAuthorizationModels", request, response, deadline,
                                        Repeat::kUntilDeadline));
    std::vector<model::Model> models;
    for (const auto& model : response.authorization_models()) {
      PEMBA_TRY(auto read, internal::FromWire(model));
      models.push_back(std::move(read));
    }
    if (models.empty() && !PinnedModel().empty()) ForgetStore();
    return models;
  }

  Result<std::string> Append(const model::Model& model) override {
    const auto deadline = In(options_.change_patience);
    PEMBA_TRY(auto request, internal::ToWire(model));
    PEMBA_TRY(auto id, StoreId(deadline));
    request.set_store_id(std::move(id));
    wire::WriteAuthorizationModelResponse response;
    PEMBA_TRY(std::ignore,
              client_.Call("WriteAuthorizationModel", request, response, deadline, Repeat::kOnce));
    return response.authorization_model_id();
  }

  void PinModel(std::string id) {
    const std::lock_guard lock(pinned_);
    model_id_ = std::move(id);
  }
  std::string PinnedModel() const {
    const std::lock_guard lock(pinned_);
    return model_id_;
  }
  // A pinned model that is gone: the server was reset, or restored from a backup.
  void Unpin(const Error& error, const std::string& model_id) {
    if (error.code != ErrorCode::kModelNotFound) return;
    ForgetStore();
    const std::lock_guard lock(pinned_);
    if (model_id_ == model_id) model_id_.clear();
  }

  // Questions.

  std::vector<Result<Decision>> CheckBatch(std::span<const tuple::Tuple> questions,
                                           const ReadOptions& options, SteadyTime deadline) {
    if (checks_one_by_one_) return CheckEach(questions, options, deadline);
    wire::BatchCheckResponse response;
    const auto asked = AskBatch(questions, options, deadline, response);
    if (!asked.ok() && asked.error().code == ErrorCode::kUnimplemented) {
      checks_one_by_one_ = true;
      return CheckEach(questions, options, deadline);
    }
    if (!asked.ok()) return {questions.size(), Result<Decision>(asked.error())};
    std::vector<Result<Decision>> outcomes;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const auto result = response.result().find(std::to_string(i));
      outcomes.push_back(result == response.result().end() ? OutcomeOf({})
                                                           : OutcomeOf(result->second));
    }
    return outcomes;
  }

  // Any request about this store and the pinned model.
  template <class Request>
  Result<Request> QuestionOf(const ReadOptions& options, SteadyTime deadline) {
    PEMBA_TRY(auto request, RequestOf<Request>(deadline));
    request.set_authorization_model_id(PinnedModel());
    if (options.at_least) request.set_consistency(wire::HIGHER_CONSISTENCY);
    return request;
  }

  // Tuples.

  Status WriteStep(const internal::Step& step) {
    auto status = Write(step);
    if (status.ok()) return status;
    const auto code = status.error().code;
    const auto size = step.removes.size() + step.adds.size();
    if (code == ErrorCode::kLimitExceeded && size > 1) return WriteSmaller(step, status.error());
    // Of a server that does not know how to ignore, or of another condition.
    if (code == ErrorCode::kTupleStateMismatch) return WriteOneByOne(step, status.error());
    return status;
  }

 private:
  Status AskBatch(std::span<const tuple::Tuple> questions, const ReadOptions& options,
                  SteadyTime deadline, wire::BatchCheckResponse& response) {
    PEMBA_TRY(auto request, QuestionOf<wire::BatchCheckRequest>(options, deadline));
    for (std::size_t i = 0; i < questions.size(); ++i) {
      auto& item = *request.add_checks();
      SetKey(questions[i].view(), *item.mutable_tuple_key());
      item.set_correlation_id(std::to_string(i));
    }
    auto status = client_.Call("BatchCheck", request, response, deadline, Repeat::kUntilDeadline);
    if (!status.ok()) Unpin(status.error(), request.authorization_model_id());
    return status;
  }

  // For servers without BatchCheck.
  std::vector<Result<Decision>> CheckEach(std::span<const tuple::Tuple> questions,
                                          const ReadOptions& options, SteadyTime deadline) {
    std::vector<Result<Decision>> outcomes;
    for (const auto& question : questions) {
      outcomes.push_back(CheckOne(question.view(), options, deadline));
    }
    return outcomes;
  }

  Result<Decision> CheckOne(const tuple::TupleView& question, const ReadOptions& options,
                            SteadyTime deadline) {
    PEMBA_TRY(auto request, QuestionOf<wire::CheckRequest>(options, deadline));
    SetKey(question, *request.mutable_tuple_key());
    wire::CheckResponse response;
    auto status = client_.Call("Check", request, response, deadline, Repeat::kUntilDeadline);
    if (!status.ok()) {
      Unpin(status.error(), request.authorization_model_id());
      return std::move(status).error();
    }
    return response.allowed() ? Decision::kAllowed : Decision::kDenied;
  }

  Result<std::string> OldestStore(SteadyTime deadline) {
    std::string oldest;
    wire::ListStoresRequest request;
    request.set_name(options_.store_name);
    request.mutable_page_size()->set_value(kPageSize);
    for (;;) {
      wire::ListStoresResponse response;
      PEMBA_TRY(std::ignore,
                client_.Call("ListStores", request, response, deadline, Repeat::kUntilDeadline));
      for (const auto& store : response.stores()) {
        if (store.name() != options_.store_name) continue;  // Older servers list all of them.
        if (oldest.empty() || store.id() < oldest) oldest = store.id();
      }
      if (response.continuation_token().empty()) return oldest;
      request.set_continuation_token(response.continuation_token());
    }
  }

  Status Write(const internal::Step& step) {
    const auto deadline = In(options_.change_patience);
    PEMBA_TRY(auto request, RequestOf<wire::WriteRequest>(deadline));
    const auto model_id = PinnedModel();
    request.set_authorization_model_id(model_id);
    for (const auto& t : step.removes) {
      auto& key = *request.mutable_deletes()->add_tuple_keys();
      key.set_user(t.subject);
      key.set_relation(t.relation);
      key.set_object(t.object);
    }
    for (const auto& t : step.adds) {
      PEMBA_TRY(std::ignore, internal::ToWire(t, *request.mutable_writes()->add_tuple_keys()));
    }
    if (!step.removes.empty()) request.mutable_deletes()->set_on_missing("ignore");
    if (!step.adds.empty()) request.mutable_writes()->set_on_duplicate("ignore");
    wire::WriteResponse response;
    auto status = client_.Call("Write", request, response, deadline, Repeat::kUntilDeadline);
    if (!status.ok()) Unpin(status.error(), model_id);
    return status;
  }

  // The server takes less at once than it was said to.
  Status WriteSmaller(const internal::Step& step, const Error& error) {
    const auto size = step.removes.size() + step.adds.size();
    const auto said = LimitIn(error.message);
    const auto limit = said > 0 && said < size ? said : size / 2;
    if (limit < tuples_per_write_) tuples_per_write_ = limit;
    for (const auto& part : internal::StepsOf(step.removes, step.adds, limit)) {
      PEMBA_TRY(std::ignore, WriteStep(part));
    }
    return Done{};
  }

  // In halves, down to single tuples.
  Status WriteOneByOne(const internal::Step& step, const Error& error) {
    const auto size = step.removes.size() + step.adds.size();
    if (size == 1) return WriteOne(step, error);
    for (const auto& part : internal::StepsOf(step.removes, step.adds, (size + 1) / 2)) {
      PEMBA_TRY(std::ignore, WriteStep(part));
    }
    return Done{};
  }

  // One that is as it should be is no error; one that is there under another condition is replaced.
  Status WriteOne(const internal::Step& step, const Error& error) {
    const auto says = [&](std::string_view part) {
      return error.message.find(part) != std::string::npos;
    };
    if (step.adds.empty()) {
      return says("cannot delete a tuple which does not exist") ? Status(Done{}) : Status(error);
    }
    if (says(internal::kOtherCondition)) {
      PEMBA_TRY(std::ignore, WriteStep({step.adds, {}}));
      return Write(step);
    }
    return says("cannot write a tuple which already exists") ? Status(Done{}) : Status(error);
  }

  const OpenFgaOptions options_;
  const Clock& clock_;
  GrpcClient client_;
  std::mutex models_;  // One writer of models at a time, as far as this process knows.
  std::mutex store_;
  std::string store_id_;  // Under store_. Empty: not known yet.
  mutable std::mutex pinned_;
  std::string model_id_;  // Under pinned_. Empty: the newest.
  std::atomic<std::size_t> tuples_per_write_;
  std::atomic<bool> checks_one_by_one_{false};
};

Result<std::unique_ptr<OpenFga>> OpenFga::Open(OpenFgaOptions options, const Clock& clock) {
  const auto invalid = [](std::string what) {
    return Error{ErrorCode::kInvalidArgument, std::move(what)};
  };
  std::string_view address = options.address;
  for (const std::string_view scheme : {"grpcs://", "https://", "grpc://", "http://"}) {
    if (!address.starts_with(scheme)) continue;
    address.remove_prefix(scheme.size());
    options.tls = options.tls || scheme.starts_with("grpcs") || scheme.starts_with("https");
  }
  address = address.substr(0, address.find('/'));
  if (address.empty()) return invalid("a provider needs an address");
  if (options.store_id.empty() == options.store_name.empty()) {
    return invalid("a provider needs either the id or the name of a store");
  }
  internal::GrpcOptions grpc{
      .address = std::string(address),
      .tls = options.tls,
      .token = options.token,
      .retry = {options.retry_min, options.retry_max},
      .failures_max = options.failures_max,
      .open_for = {options.retry_min, options.open_max},
  };
  PEMBA_TRY(grpc.ca_certificates, ReadFile(options.ca_file));
  return std::unique_ptr<OpenFga>(
      new OpenFga(std::make_unique<Impl>(std::move(options), std::move(grpc), clock)));
}

OpenFga::OpenFga(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OpenFga::~OpenFga() = default;

Result<std::string> OpenFga::StoreId() {
  return impl_->StoreId(impl_->In(impl_->options().change_patience));
}

Capabilities OpenFga::capabilities() const {
  const auto& options = impl_->options();
  return {.tuples_per_write_max = impl_->tuples_per_write(),
          .checks_per_batch_max = options.checks_per_batch_max,
          .types_per_model_max = options.types_per_model_max,
          .model_bytes_max = options.model_bytes_max,
          .idempotent_writes = true,
          .lists = true};
}

Result<model::Model> OpenFga::ReadModel() {
  PEMBA_TRY(auto models, impl_->Newest(1));
  if (models.empty()) return model::Model{};
  impl_->PinModel(models.front().id);
  return std::move(models.front());
}

Result<std::string> OpenFga::WriteModel(const model::Model& model, std::string_view expected_id) {
  const std::lock_guard lock(impl_->models());
  PEMBA_TRY(auto id, internal::SwapModel(*impl_, model, expected_id));
  impl_->PinModel(id);
  return id;
}

Status OpenFga::Apply(std::span<const tuple::Tuple> removes, std::span<const tuple::Tuple> adds) {
  const auto net = internal::NetOf(removes, adds);
  for (const auto& step : internal::StepsOf(net.removes, net.adds, impl_->tuples_per_write())) {
    PEMBA_TRY(std::ignore, impl_->WriteStep(step));
  }
  return Done{};
}

std::vector<Result<Decision>> OpenFga::Check(std::span<const tuple::Tuple> questions,
                                             const ReadOptions& options) {
  const auto deadline = impl_->Of(options);
  const auto batch = std::max<std::size_t>(1, impl_->options().checks_per_batch_max);
  std::vector<Result<Decision>> outcomes;
  outcomes.reserve(questions.size());
  while (!questions.empty()) {
    const auto part = questions.first(std::min(batch, questions.size()));
    questions = questions.subspan(part.size());
    auto answers = impl_->CheckBatch(part, options, deadline);
    std::move(answers.begin(), answers.end(), std::back_inserter(outcomes));
  }
  return outcomes;
}

Result<Names> OpenFga::ListObjects(std::string_view type, std::string_view relation,
                                   std::string_view user, const ReadOptions& options,
                                   std::size_t max) {
  const auto begin = impl_->clock().Steady();
  const auto deadline = impl_->OfList(options);
  // Streamed: the other form is cut at a number of objects that only the server knows.
  PEMBA_TRY(auto request, impl_->QuestionOf<wire::StreamedListObjectsRequest>(options, deadline));
  request.set_type(std::string(type));
  request.set_relation(std::string(relation));
  request.set_user(std::string(user));
  Names found;
  wire::StreamedListObjectsResponse response;
  PEMBA_TRY(std::ignore,
            impl_->client().Stream("StreamedListObjects", request, response, deadline, [&] {
              if (max > 0 && found.names.size() == max) {
                found.complete = false;
                return GrpcClient::More::kNo;
              }
              found.names.push_back(response.object());
              return GrpcClient::More::kYes;
            }));
  impl_->NoteTime(begin, found);
  return found;
}

Result<Names> OpenFga::ListUsers(std::string_view object, std::string_view relation,
                                 std::span<const std::string> user_types,
                                 const ReadOptions& options) {
  const auto deadline = impl_->OfList(options);
  Names found;
  for (const std::string_view kind : user_types) {
    const auto begin = impl_->clock().Steady();
    PEMBA_TRY(auto request, impl_->QuestionOf<wire::ListUsersRequest>(options, deadline));
    const auto parts = tuple::SplitObject(object);
    request.mutable_object()->set_type(std::string(parts.type));
    request.mutable_object()->set_id(std::string(parts.id));
    request.set_relation(std::string(relation));
    auto& filter = *request.add_user_filters();
    const auto hash = kind.find('#');
    filter.set_type(std::string(kind.substr(0, hash)));
    if (hash != kind.npos) filter.set_relation(std::string(kind.substr(hash + 1)));
    wire::ListUsersResponse response;
    PEMBA_TRY(std::ignore, impl_->client().Call("ListUsers", request, response, deadline,
                                                Repeat::kUntilDeadline));
    for (const auto& user : response.users()) found.names.push_back(UserText(user));
    const auto size = static_cast<std::size_t>(response.users_size());
    if (size >= impl_->options().users_per_list_max) found.complete = false;
    impl_->NoteTime(begin, found);
  }
  return found;
}

Status OpenFga::ReadTuples(const std::function<Status(tuple::Tuple)>& visit) {
  std::string token;
  do {
    const auto deadline = impl_->In(impl_->options().change_patience);
    PEMBA_TRY(auto request, impl_->RequestOf<wire::ReadRequest>(deadline));
    request.mutable_page_size()->set_value(kPageSize);
    request.set_continuation_token(token);
    request.set_consistency(wire::HIGHER_CONSISTENCY);
    wire::ReadResponse response;
    PEMBA_TRY(std::ignore,
              impl_->client().Call("Read", request, response, deadline, Repeat::kUntilDeadline));
    for (const auto& stored : response.tuples()) {
      PEMBA_TRY(auto read, internal::FromWire(stored.key()));
      PEMBA_TRY(std::ignore, visit(std::move(read)));
    }
    token = response.continuation_token();
  } while (!token.empty());
  return Done{};
}

Result<engine::Explanation> OpenFga::Explain(const tuple::Tuple&, const ReadOptions&) {
  return Error{ErrorCode::kUnimplemented, "this provider does not explain its decisions"};
}

Health OpenFga::health() const {
  switch (impl_->state()) {
    case internal::CircuitBreaker::State::kClosed:
      return Health::kOk;
    case internal::CircuitBreaker::State::kFailing:
      return Health::kDegraded;
    case internal::CircuitBreaker::State::kOpen:
      return Health::kDown;
  }
  return Health::kDown;
}

}  // namespace pemba::provider
