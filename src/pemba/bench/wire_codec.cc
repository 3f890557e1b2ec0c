#include "pemba/bench/wire_codec.h"

#include <algorithm>
#include <utility>

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <simdjson.h>

#include "openfga/v1/openfga_service.pb.h"
#include "pemba/model/dsl.h"
#include "pemba/model/json.h"
#include "pemba/tuple/tuple.h"

namespace pemba::bench {
namespace {

namespace wire = ::openfga::v1;
using google::protobuf::Message;
using google::protobuf::util::JsonStringToMessage;
using google::protobuf::util::MessageToJsonString;

constexpr std::uint32_t kResourceExhausted = 8;

Error Failed(std::string_view what) { return {ErrorCode::kUnavailable, std::string(what)}; }

// The beginning of what a server said, for messages.
std::string Excerpt(std::string_view body) {
  return std::string(body.substr(0, std::min<std::size_t>(body.size(), 300)));
}

Status SetContext(std::string_view json, google::protobuf::Struct& out) {
  const auto status = JsonStringToMessage(std::string(json), &out);
  if (!status.ok()) return Error{ErrorCode::kInternal, "a context: " + status.ToString()};
  return Done{};
}

template <class Key, class Texts>
void SetKey(const Texts& texts, Key& key) {
  key.set_object(texts.object);
  key.set_relation(texts.relation);
  key.set_user(texts.subject);
}

}  // namespace

struct WireCodec::Decoder {
  simdjson::dom::parser json;
  std::string padded;  // simdjson reads some bytes behind the end.
  wire::CheckResponse check;
  wire::BatchCheckResponse batch;
  wire::ListObjectsResponse objects;
  wire::ListUsersResponse users;

  simdjson::simdjson_result<simdjson::dom::element> Parse(std::string_view body) {
    padded.reserve(body.size() + simdjson::SIMDJSON_PADDING);
    padded.assign(body);
    return json.parse(padded.data(), padded.size(), false);
  }
};

// A request message, in the form of the protocol.
class WireCodec::Request {
 public:
  Request(const WireCodec& codec, std::string_view method) : codec_(codec), method_(method) {}
  WireCall operator()(Message& message, std::string_view path) const {
    if (codec_.grpc()) {
      return {.path = "/openfga.v1.OpenFGAService/" + std::string(method_),
              .body = message.SerializeAsString()};
    }
    WireCall call;
    call.path = path;
    // The store is in the path.
    if (const auto* field = message.GetDescriptor()->FindFieldByName("store_id")) {
      message.GetReflection()->ClearField(&message, field);
    }
    (void)MessageToJsonString(message, &call.body);
    return call;
  }

 private:
  const WireCodec& codec_;
  std::string_view method_;
};

WireCodec::WireCodec(Protocol protocol, std::string store_id, std::string model_id)
    : protocol_(protocol),
      store_id_(std::move(store_id)),
      model_id_(std::move(model_id)),
      decoder_(std::make_unique<Decoder>()) {}
WireCodec::~WireCodec() = default;
WireCodec::WireCodec(WireCodec&&) noexcept = default;

WireCodec WireCodec::ForTheSameStore() const { return WireCodec(protocol_, store_id_, model_id_); }

WireCall WireCodec::CreateStore(std::string_view name) const {
  wire::CreateStoreRequest request;
  request.set_name(std::string(name));
  return Request(*this, "CreateStore")(request, "/stores");
}

WireCall WireCodec::DeleteStore() const {
  wire::DeleteStoreRequest request;
  request.set_store_id(store_id_);
  auto call = Request(*this, "DeleteStore")(request, "/stores/" + store_id_);
  if (!grpc()) {
    call.method = "DELETE";
    call.body.clear();
  }
  return call;
}

Result<WireCall> WireCodec::WriteModel(std::string_view dsl) const {
  PEMBA_TRY(const auto model, model::ModelFromDsl(dsl));
  wire::WriteAuthorizationModelRequest request;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // `id`: the request has none.
  const auto status = JsonStringToMessage(model::ModelToJson(model), &request, options);
  if (!status.ok()) return Error{ErrorCode::kInvalidModel, status.ToString()};
  request.set_store_id(store_id_);
  return Request(*this, "WriteAuthorizationModel")(
      request, "/stores/" + store_id_ + "/authorization-models");
}

Result<WireCall> WireCodec::Write(std::span<const OwnedTuple> tuples) const {
  wire::WriteRequest request;
  request.set_store_id(store_id_);
  request.set_authorization_model_id(model_id_);
  for (const auto& tuple : tuples) {
    auto& key = *request.mutable_writes()->add_tuple_keys();
    SetKey(tuple, key);
    if (tuple.condition.empty()) continue;
    key.mutable_condition()->set_name(tuple.condition);
    if (tuple.context.empty()) continue;
    PEMBA_TRY(std::ignore, SetContext(tuple.context, *key.mutable_condition()->mutable_context()));
  }
  return Request(*this, "Write")(request, "/stores/" + store_id_ + "/write");
}

WireCall WireCodec::Delete(const OwnedTuple& tuple) const {
  wire::WriteRequest request;
  request.set_store_id(store_id_);
  request.set_authorization_model_id(model_id_);
  SetKey(tuple, *request.mutable_deletes()->add_tuple_keys());
  return Request(*this, "Write")(request, "/stores/" + store_id_ + "/write");
}

Result<WireCall> WireCodec::Encode(const Question& question, Freshness freshness) const {
  const auto fill = [&](auto& request) -> Status {
    request.set_store_id(store_id_);
    request.set_authorization_model_id(model_id_);
    if (freshness == Freshness::kNewest) request.set_consistency(wire::HIGHER_CONSISTENCY);
    if constexpr (requires { request.mutable_context(); }) {
      if (!question.context.empty())
        return SetContext(question.context, *request.mutable_context());
    }
    return Done{};
  };
  const auto store = "/stores/" + store_id_;
  switch (question.ask) {
    case Ask::kCheck: {
      wire::CheckRequest request;
      PEMBA_TRY(std::ignore, fill(request));
      SetKey(question, *request.mutable_tuple_key());
      return Request(*this, "Check")(request, store + "/check");
    }
    case Ask::kBatchCheck: {
      wire::BatchCheckRequest request;
      PEMBA_TRY(std::ignore, fill(request));
      for (std::size_t i = 0; i < question.batch.size(); ++i) {
        auto& item = *request.add_checks();
        SetKey(question.batch[i], *item.mutable_tuple_key());
        item.set_correlation_id(std::to_string(i));
        const auto& context = question.batch[i].context;
        if (context.empty()) continue;
        PEMBA_TRY(std::ignore, SetContext(context, *item.mutable_context()));
      }
      return Request(*this, "BatchCheck")(request, store + "/batch-check");
    }
    case Ask::kListObjects: {
      wire::ListObjectsRequest request;
      PEMBA_TRY(std::ignore, fill(request));
      request.set_type(question.object);
      request.set_relation(question.relation);
      request.set_user(question.subject);
      return Request(*this, "ListObjects")(request, store + "/list-objects");
    }
    case Ask::kListUsers: {
      wire::ListUsersRequest request;
      PEMBA_TRY(std::ignore, fill(request));
      const auto object = tuple::SplitObject(question.object);
      request.mutable_object()->set_type(std::string(object.type));
      request.mutable_object()->set_id(std::string(object.id));
      request.set_relation(question.relation);
      request.add_user_filters()->set_type(question.subject);
      return Request(*this, "ListUsers")(request, store + "/list-users");
    }
  }
  return Error{ErrorCode::kInternal, "no such question"};
}

Status WireCodec::CheckDone(const Reply& reply) const {
  if (grpc()) {
    if (reply.grpc_status == 0) return Done{};
    return Failed("status " + std::to_string(reply.grpc_status) + ": " +
                  std::string(reply.grpc_message));
  }
  if (reply.http_status / 100 == 2) return Done{};
  return Failed("status " + std::to_string(reply.http_status) + ": " + Excerpt(reply.body));
}

namespace {

// One text of a management call's answer.
template <class Response>
Result<std::string> TextOf(bool grpc, const std::string& body, std::string_view field,
                           const std::string& (Response::*get)() const) {
  Response response;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const bool read =
      grpc ? response.ParseFromString(body) : JsonStringToMessage(body, &response, options).ok();
  if (!read || (response.*get)().empty()) {
    return Failed("an answer without `" + std::string(field) + "`: " + Excerpt(body));
  }
  return (response.*get)();
}

Reply ReplyOf(const LoadLoop::Answer& answer) {
  return {.http_status = answer.http_status,
          .grpc_status = answer.grpc_status,
          .grpc_message = answer.message,
          .body = answer.body};
}

}  // namespace

Status WireCodec::TakeStoreId(const LoadLoop::Answer& answer) {
  PEMBA_TRY(std::ignore, CheckDone(ReplyOf(answer)));
  PEMBA_TRY(store_id_, TextOf(grpc(), answer.body, "id", &wire::CreateStoreResponse::id));
  return Done{};
}

Status WireCodec::TakeModelId(const LoadLoop::Answer& answer) {
  PEMBA_TRY(std::ignore, CheckDone(ReplyOf(answer)));
  PEMBA_TRY(model_id_, TextOf(grpc(), answer.body, "authorization_model_id",
                              &wire::WriteAuthorizationModelResponse::authorization_model_id));
  return Done{};
}

namespace {

// The wire contract gives lack of room the status 500 and a code of its own.
bool IsShed(const Reply& reply) {
  return reply.http_status == 429 || reply.http_status == 503 ||
         (reply.http_status == 500 &&
          reply.body.find("\"resource_exhausted\"") != std::string_view::npos);
}

}  // namespace

Judgement WireCodec::Complain(Judgement judgement, std::string text) {
  complaint_ = std::move(text);
  return judgement;
}

Judgement WireCodec::Judge(const Question& question, const Reply& reply) {
  if (auto done = CheckDone(reply); !done.ok()) {
    const bool shed = grpc() ? reply.grpc_status == kResourceExhausted : IsShed(reply);
    return Complain(shed ? Judgement::kShed : Judgement::kFailed, done.error().message);
  }
  switch (question.ask) {
    case Ask::kCheck:
      return JudgeCheck(question, reply.body);
    case Ask::kBatchCheck:
      return JudgeBatch(question, reply.body);
    case Ask::kListObjects:
    case Ask::kListUsers:
      return JudgeList(question, reply.body);
  }
  return Complain(Judgement::kFailed, "no such question");
}

Judgement WireCodec::JudgeCheck(const Question& question, std::string_view body) {
  bool allowed = false;
  if (grpc()) {
    if (!decoder_->check.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
      return Complain(Judgement::kFailed, "an answer that is no CheckResponse");
    }
    allowed = decoder_->check.allowed();
  } else {
    // An absent field has its zero value, in this mapping of messages to JSON.
    simdjson::dom::object object;
    if (decoder_->Parse(body).get(object) != simdjson::SUCCESS) {
      return Complain(Judgement::kFailed, "an answer that is no JSON object: " + Excerpt(body));
    }
    const auto error = object["allowed"].get(allowed);
    if (error != simdjson::SUCCESS && error != simdjson::NO_SUCH_FIELD) {
      return Complain(Judgement::kFailed, "`allowed` is no boolean: " + Excerpt(body));
    }
  }
  if (allowed == (question.answer == Decision::kAllowed)) return Judgement::kRight;
  return Complain(Judgement::kWrong, allowed ? "allowed" : "denied");
}

Judgement WireCodec::JudgeBatch(const Question& question, std::string_view body) {
  auto& batch = decoder_->batch;
  const bool read = grpc() ? batch.ParseFromArray(body.data(), static_cast<int>(body.size()))
                           : JsonStringToMessage({body.data(), body.size()}, &batch).ok();
  if (!read) return Complain(Judgement::kFailed, "an answer that is no BatchCheckResponse");
  for (std::size_t i = 0; i < question.batch.size(); ++i) {
    const auto at = batch.result().find(std::to_string(i));
    if (at == batch.result().end() || at->second.has_error()) {
      return Complain(Judgement::kFailed, "no answer to " + ToText(question.batch[i]));
    }
    if (at->second.allowed() != (question.batch[i].answer == Decision::kAllowed)) {
      return Complain(Judgement::kWrong, ToText(question.batch[i]) +
                                             (at->second.allowed() ? ": allowed" : ": denied"));
    }
  }
  return Judgement::kRight;
}

Judgement WireCodec::JudgeList(const Question& question, std::string_view body) {
  const auto read = [&](auto& message) {
    if (grpc()) return message.ParseFromArray(body.data(), static_cast<int>(body.size()));
    return JsonStringToMessage({body.data(), body.size()}, &message).ok();
  };
  ListDigest digest;
  if (question.ask == Ask::kListObjects) {
    if (!read(decoder_->objects)) return Complain(Judgement::kFailed, "no ListObjectsResponse");
    for (const auto& object : decoder_->objects.objects()) {
      digest.Add(tuple::SplitObject(object).id);
    }
  } else {
    if (!read(decoder_->users)) return Complain(Judgement::kFailed, "no ListUsersResponse");
    for (const auto& user : decoder_->users.users()) {
      digest.Add(user.has_object() ? user.object().id() : "");
    }
  }
  if (digest == question.listed) return Judgement::kRight;
  return Complain(Judgement::kWrong, std::to_string(digest.count) + " ids, not the right " +
                                         std::to_string(question.listed.count));
}

}  // namespace pemba::bench
