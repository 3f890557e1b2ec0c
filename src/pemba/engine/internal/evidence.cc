#include "pemba/engine/internal/evidence.h"

#include "pemba/tuple/context.h"

namespace pemba::engine::internal {
namespace {

std::string SubjectText(const Request& request, const ReadTuple& read) {
  const auto& plan = request.plan();
  const auto& entry = plan.entries()[read.entry];
  if (entry.wildcard) return plan.types()[entry.type].name + ":*";
  auto text = request.NodeName(entry.type, read.subject);
  if (entry.userset != model::kNoIndex) text += "#" + plan.relations()[entry.userset].name;
  return text;
}

boost::json::object StoredContext(const Request& request, const ReadTuple& read) {
  if (read.contextual != nullptr) {
    return request.query().contextual_tuples[read.contextual->position].condition->context;
  }
  if (read.context == 0) return {};
  auto text = request.snapshot().ContextText(read.context);
  const auto condition = request.plan().entries()[read.entry].condition;
  if (model::Expires(condition)) text = graph::SplitExpiringContext(text).context;
  if (text.empty()) return {};
  auto parsed = tuple::ParseContext(text);
  return parsed.ok() ? *std::move(parsed) : boost::json::object();
}

}  // namespace

Evidence EvidenceOf(const Request& request, const ReadTuple& read) {
  const auto& plan = request.plan();
  const auto& entry = plan.entries()[read.entry];
  const auto& relation = plan.relations()[entry.relation];
  Evidence evidence;
  evidence.tuple.object = request.NodeName(relation.type, read.object);
  evidence.tuple.relation = relation.name;
  evidence.tuple.subject = SubjectText(request, read);
  evidence.origin =
      read.contextual == nullptr ? Evidence::Origin::kStored : Evidence::Origin::kContextual;
  if (model::Expires(entry.condition)) {
    const auto text = request.snapshot().ContextText(read.context);
    evidence.tuple.expires_at = graph::SplitExpiringContext(text).expires_at;
  }
  const auto condition = model::Underlying(entry.condition);
  if (condition == model::kNoIndex) return evidence;
  const auto& program = *plan.conditions()[condition];
  evidence.tuple.condition = tuple::Condition{program.name(), StoredContext(request, read)};
  if (const auto* given = request.query().context) {
    for (const auto& [key, value] : *given) {
      if (program.HasParameter(key)) evidence.context[key] = value;
    }
  }
  for (const auto& [key, value] : evidence.tuple.condition->context) evidence.context[key] = value;
  return evidence;
}

std::string ObjectText(const Request& request, const Vertex& vertex) {
  return request.NodeName(request.plan().relations()[vertex.relation].type, vertex.object);
}

const std::string& RelationText(const Request& request, const Vertex& vertex) {
  return request.plan().relations()[vertex.relation].name;
}

}  // namespace pemba::engine::internal
