#include "pemba/api/openfga/convert.h"

#include <chrono>
#include <cstdint>
#include <utility>

#include "pemba/api/struct_json.h"

namespace pemba::api::openfga {
namespace {

template <class Wire>
std::optional<model::SourceInfo> SourceInfoOf(const Wire& wire) {
  if (!wire.has_source_info()) return std::nullopt;
  return model::SourceInfo{wire.source_info().file()};
}

template <class Wire>
void SetSourceInfo(const std::optional<model::SourceInfo>& info, Wire& out) {
  if (info) out.mutable_source_info()->set_file(info->file);
}

// Recursion is bounded: readers bound the depth of messages.
model::Rewrite RewriteOf(const wire::Userset& userset) {
  using Kind = model::RewriteKind;
  model::Rewrite out;
  const auto add_children = [&](Kind kind, const wire::Usersets& usersets) {
    out.kind = kind;
    for (const auto& child : usersets.child()) out.children.push_back(RewriteOf(child));
  };
  switch (userset.userset_case()) {
    case wire::Userset::USERSET_NOT_SET:
      break;
    case wire::Userset::kThis:
      out.kind = Kind::kThis;
      break;
    case wire::Userset::kComputedUserset:
      out.kind = Kind::kComputedUserset;
      out.relation = userset.computed_userset().relation();
      out.object = userset.computed_userset().object();
      break;
    case wire::Userset::kTupleToUserset: {
      const auto& from = userset.tuple_to_userset();
      out.kind = Kind::kTupleToUserset;
      out.relation = from.computed_userset().relation();
      out.object = from.computed_userset().object();
      out.tupleset = from.tupleset().relation();
      out.tupleset_object = from.tupleset().object();
      break;
    }
    case wire::Userset::kUnion:
      add_children(Kind::kUnion, userset.union_());
      break;
    case wire::Userset::kIntersection:
      add_children(Kind::kIntersection, userset.intersection());
      break;
    case wire::Userset::kDifference:
      out.kind = Kind::kDifference;
      out.children.push_back(RewriteOf(userset.difference().base()));
      out.children.push_back(RewriteOf(userset.difference().subtract()));
      break;
  }
  return out;
}

void SetRewrite(const model::Rewrite& rewrite, wire::Userset& out) {
  const auto set_relation = [](const std::string& object, const std::string& relation,
                               wire::ObjectRelation& to) {
    to.set_object(object);
    to.set_relation(relation);
  };
  const auto add_children = [&](wire::Usersets& to) {
    for (const auto& child : rewrite.children) SetRewrite(child, *to.add_child());
  };
  switch (rewrite.kind) {
    case model::RewriteKind::kUnset:
      return;
    case model::RewriteKind::kThis:
      out.mutable_this_();
      return;
    case model::RewriteKind::kComputedUserset:
      return set_relation(rewrite.object, rewrite.relation, *out.mutable_computed_userset());
    case model::RewriteKind::kTupleToUserset: {
      auto& from = *out.mutable_tuple_to_userset();
      set_relation(rewrite.tupleset_object, rewrite.tupleset, *from.mutable_tupleset());
      return set_relation(rewrite.object, rewrite.relation, *from.mutable_computed_userset());
    }
    case model::RewriteKind::kUnion:
      return add_children(*out.mutable_union_());
    case model::RewriteKind::kIntersection:
      return add_children(*out.mutable_intersection());
    case model::RewriteKind::kDifference:
      SetRewrite(rewrite.children.at(0), *out.mutable_difference()->mutable_base());
      SetRewrite(rewrite.children.at(1), *out.mutable_difference()->mutable_subtract());
      return;
  }
}

model::RelationMetadata MetadataOf(const wire::RelationMetadata& metadata) {
  model::RelationMetadata out;
  for (const auto& reference : metadata.directly_related_user_types()) {
    out.directly_related_user_types.push_back({
        .type = reference.type(),
        .relation = reference.has_relation() ? reference.relation() : std::string(),
        .wildcard = reference.has_wildcard(),
        .condition = reference.condition(),
    });
  }
  out.module = metadata.module();
  out.source_info = SourceInfoOf(metadata);
  return out;
}

void SetMetadata(const model::RelationMetadata& metadata, wire::RelationMetadata& out) {
  for (const auto& reference : metadata.directly_related_user_types) {
    auto& added = *out.add_directly_related_user_types();
    added.set_type(reference.type);
    if (reference.wildcard) {
      added.mutable_wildcard();
    } else if (!reference.relation.empty()) {
      added.set_relation(reference.relation);
    }
    added.set_condition(reference.condition);
  }
  out.set_module(metadata.module);
  SetSourceInfo(metadata.source_info, out);
}

model::TypeDefinition TypeOf(const wire::TypeDefinition& type) {
  model::TypeDefinition out;
  out.type = type.type();
  for (const auto& [name, rewrite] : type.relations()) out.relations[name] = RewriteOf(rewrite);
  if (type.has_metadata()) {
    auto& metadata = out.metadata.emplace();
    for (const auto& [name, relation] : type.metadata().relations()) {
      metadata.relations[name] = MetadataOf(relation);
    }
    metadata.module = type.metadata().module();
    metadata.source_info = SourceInfoOf(type.metadata());
  }
  return out;
}

void SetType(const model::TypeDefinition& type, wire::TypeDefinition& out) {
  out.set_type(type.type);
  for (const auto& [name, rewrite] : type.relations) {
    SetRewrite(rewrite, (*out.mutable_relations())[name]);
  }
  if (!type.metadata) return;
  auto& metadata = *out.mutable_metadata();
  for (const auto& [name, relation] : type.metadata->relations) {
    SetMetadata(relation, (*metadata.mutable_relations())[name]);
  }
  metadata.set_module(type.metadata->module);
  SetSourceInfo(type.metadata->source_info, metadata);
}

condition::ParameterType ParameterOf(const wire::ConditionParamTypeRef& type) {
  condition::ParameterType out;
  out.name = static_cast<condition::ParameterTypeName>(type.type_name());
  for (const auto& generic : type.generic_types()) out.generics.push_back(ParameterOf(generic));
  return out;
}

void SetParameter(const condition::ParameterType& type, wire::ConditionParamTypeRef& out) {
  out.set_type_name(static_cast<wire::ConditionParamTypeRef::TypeName>(type.name));
  for (const auto& generic : type.generics) SetParameter(generic, *out.add_generic_types());
}

model::ConditionDefinition ConditionOf(const wire::Condition& condition) {
  model::ConditionDefinition out;
  out.name = condition.name();
  out.expression = condition.expression();
  for (const auto& [name, type] : condition.parameters()) out.parameters[name] = ParameterOf(type);
  if (condition.has_metadata()) {
    out.metadata = {condition.metadata().module(), SourceInfoOf(condition.metadata())};
  }
  return out;
}

void SetCondition(const model::ConditionDefinition& condition, wire::Condition& out) {
  out.set_name(condition.name);
  out.set_expression(condition.expression);
  for (const auto& [name, type] : condition.parameters) {
    SetParameter(type, (*out.mutable_parameters())[name]);
  }
  if (!condition.metadata) return;
  out.mutable_metadata()->set_module(condition.metadata->module);
  SetSourceInfo(condition.metadata->source_info, *out.mutable_metadata());
}

// What a written model and a stored one have in common.
template <class Wire>
model::Model ModelOf(const Wire& wire) {
  model::Model out;
  out.schema_version = wire.schema_version();
  out.types.reserve(static_cast<std::size_t>(wire.type_definitions_size()));
  for (const auto& type : wire.type_definitions()) out.types.push_back(TypeOf(type));
  for (const auto& [key, condition] : wire.conditions()) {
    out.conditions[key] = ConditionOf(condition);
  }
  return out;
}

}  // namespace

model::Model FromWire(const wire::WriteAuthorizationModelRequest& request) {
  return ModelOf(request);
}

model::Model FromWire(const wire::AuthorizationModel& model) {
  auto out = ModelOf(model);
  out.id = model.id();
  return out;
}

void ToWire(const model::Model& model, wire::AuthorizationModel& out) {
  out.set_id(model.id);
  out.set_schema_version(model.schema_version);
  for (const auto& type : model.types) SetType(type, *out.add_type_definitions());
  for (const auto& [key, condition] : model.conditions) {
    SetCondition(condition, (*out.mutable_conditions())[key]);
  }
}

Result<tuple::Tuple> FromWire(const wire::TupleKey& key) {
  tuple::Tuple out{key.object(), key.relation(), key.user(), std::nullopt};
  if (key.has_condition()) {
    PEMBA_TRY(auto context, ToJsonObject(key.condition().context()));
    out.condition = {key.condition().name(), std::move(context)};
  }
  return out;
}

Result<std::vector<tuple::Tuple>> FromWire(
    const google::protobuf::RepeatedPtrField<wire::TupleKey>& keys) {
  std::vector<tuple::Tuple> out;
  out.reserve(static_cast<std::size_t>(keys.size()));
  for (const auto& key : keys) {
    PEMBA_TRY(auto tuple, FromWire(key));
    out.push_back(std::move(tuple));
  }
  return out;
}

void ToWire(const tuple::Tuple& tuple, wire::TupleKey& out) {
  out.set_user(tuple.subject);
  out.set_relation(tuple.relation);
  out.set_object(tuple.object);
  if (!tuple.condition) return;
  out.mutable_condition()->set_name(tuple.condition->name);
  FromJsonObject(tuple.condition->context, *out.mutable_condition()->mutable_context());
}

wire::TupleOperation ToWire(graph::Change::Operation operation) {
  switch (operation) {
    case graph::Change::Operation::kWrite:
      return wire::TUPLE_OPERATION_WRITE;
    case graph::Change::Operation::kDelete:
      return wire::TUPLE_OPERATION_DELETE;
  }
  return wire::TUPLE_OPERATION_WRITE;
}

Result<WallTime> FromWire(const google::protobuf::Timestamp& time) {
  constexpr std::int64_t kSecondsMax = 9'200'000'000;  // The year 2261.
  if (time.seconds() < 0 || time.seconds() > kSecondsMax || time.nanos() < 0 ||
      time.nanos() > 999'999'999) {
    return Error{ErrorCode::kInvalidArgument, "a time must be between the years 1970 and 2261"};
  }
  return WallTime(std::chrono::seconds(time.seconds()) + std::chrono::nanoseconds(time.nanos()));
}

void ToWire(WallTime time, google::protobuf::Timestamp& out) {
  auto nanoseconds = time.time_since_epoch().count();
  auto seconds = nanoseconds / 1'000'000'000;
  nanoseconds %= 1'000'000'000;
  if (nanoseconds < 0) {
    nanoseconds += 1'000'000'000;
    --seconds;
  }
  out.set_seconds(seconds);
  out.set_nanos(static_cast<std::int32_t>(nanoseconds));
}

Result<store::Assertion> FromWire(const wire::Assertion& assertion) {
  store::Assertion out;
  const auto& key = assertion.tuple_key();
  out.tuple = {key.object(), key.relation(), key.user(), std::nullopt};
  out.expectation = assertion.expectation();
  PEMBA_TRY(out.contextual_tuples, FromWire(assertion.contextual_tuples()));
  if (assertion.has_context()) {
    PEMBA_TRY(out.context, ToJsonObject(assertion.context()));
  }
  return out;
}

std::size_t BytesOf(const google::protobuf::RepeatedPtrField<wire::Assertion>& assertions) {
  std::size_t bytes = 0;
  for (const auto& assertion : assertions) bytes += assertion.ByteSizeLong();
  return bytes;
}

}  // namespace pemba::api::openfga
