#include "pemba/engine/internal/direct_check.h"

#include "pemba/engine/internal/mutation.h"
#include "pemba/tuple/split.h"

namespace pemba::engine::internal {

using model::kNoIndex;

std::optional<Decision> DecideDirectly(const graph::Snapshot& snapshot, const BoundModel& model,
                                       const CheckQuery& query) {
  if (!query.contextual_tuples.empty()) return std::nullopt;
  const auto object = tuple::SplitObjectInline(query.tuple.object);
  const auto type = model.FindType(object.type);
  if (type == kNoIndex) return std::nullopt;
  const auto relation = model.FindRelation(type, query.tuple.relation);
  if (relation == kNoIndex) return std::nullopt;
  const auto owner = model.DirectOwner(relation);
  if (owner == kNoIndex) return std::nullopt;
  const auto subject = tuple::SplitSubjectInline(query.tuple.subject);
  if (subject.kind != tuple::SubjectKind::kObject) return std::nullopt;
  const auto subject_type = model.FindType(subject.type);
  if (subject_type == kNoIndex) return std::nullopt;

  graph::Snapshot::NodeQuery from{model.type(type), object.id};
  graph::Snapshot::NodeQuery to{model.type(subject_type), subject.id};
  snapshot.FindBoth(from, to);
  const auto& planned = model.plan().relations()[owner];
  const auto entries = model.plan().EntriesOf(planned);
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    const auto& entry = entries[i];
    if (entry.type != subject_type && !Mutated(Mutation::kDirectAnyType)) continue;
    if (entry.wildcard && Mutated(Mutation::kForgetWildcards)) continue;
    const auto node = entry.wildcard ? 0 : to.node;
    const auto view = snapshot.View(model.partition(planned.first_entry + i));
    if (view.HasEdge(from.node, node) == graph::PartitionView::Has::kYes) return Decision::kAllowed;
  }
  return Decision::kDenied;
}

}  // namespace pemba::engine::internal
