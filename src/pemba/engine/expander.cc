#include "pemba/engine/expander.h"

#include <algorithm>
#include <map>

#include "pemba/base/arena.h"
#include "pemba/base/clock.h"
#include "pemba/base/hash.h"
#include "pemba/engine/checker.h"
#include "pemba/engine/internal/request.h"

namespace pemba::engine {
namespace {

using internal::Request;
using model::kNoIndex;
using model::RewriteKind;

// Makes the tree of one rewrite. What is written in the model decides its shape: the plan has the
// same parts in another order.
class Builder {
 public:
  explicit Builder(Request& request)
      : request_(request), plan_(request.plan()), object_(request.object()) {
    const auto& relation = plan_.relations()[request.relation()];
    type_ = relation.type;
    name_ = plan_.types()[type_].name + ":" + std::string(request.IdOf(type_, object_));
  }

  // Models are no deeper than their JSON could be parsed.
  ExpandNode Build(const model::Rewrite& rewrite) {
    ExpandNode node;
    switch (rewrite.kind) {
      case RewriteKind::kUnset:
        break;  // Validation lets none pass.
      case RewriteKind::kThis:
        node.users = Subjects();
        break;
      case RewriteKind::kComputedUserset:
        node.kind = ExpandKind::kComputed;
        node.userset = name_ + "#" + rewrite.relation;
        break;
      case RewriteKind::kTupleToUserset:
        node.kind = ExpandKind::kTupleToUserset;
        node.userset = name_ + "#" + rewrite.tupleset;
        node.users = Parents(rewrite);
        break;
      case RewriteKind::kUnion:
        node.kind = ExpandKind::kUnion;
        break;
      case RewriteKind::kIntersection:
        node.kind = ExpandKind::kIntersection;
        break;
      case RewriteKind::kDifference:
        node.kind = ExpandKind::kDifference;
        break;
    }
    for (const auto& child : rewrite.children) node.children.push_back(Build(child));
    return node;
  }

 private:
  std::string NameOf(model::EntryIndex index, graph::NodeId subject) const {
    const auto& entry = plan_.entries()[index];
    const auto& type = plan_.types()[entry.type].name;
    if (entry.wildcard) return type + ":*";
    auto name = type + ":" + std::string(request_.IdOf(entry.type, subject));
    if (entry.userset != kNoIndex) name += "#" + plan_.relations()[entry.userset].name;
    return name;
  }

  // The subjects of a relation's tuples, contextual ones first, each once.
  std::vector<std::string> SubjectsOf(model::RelationIndex index) const {
    const auto& relation = plan_.relations()[index];
    std::map<std::uint32_t, std::string> contextual;  // By position in the request.
    std::vector<std::string> names;
    StringSet seen;
    for (auto e = relation.first_entry; e < relation.first_entry + relation.entry_count; ++e) {
      for (const auto& edge : request_.Contextual(e, object_)) {
        contextual.emplace(edge.position, NameOf(e, edge.subject));
      }
    }
    for (auto& [position, name] : contextual) {
      if (seen.insert(name).second) names.push_back(name);
    }
    for (auto e = relation.first_entry; e < relation.first_entry + relation.entry_count; ++e) {
      for (auto row = request_.View(e).Subjects(object_); !row.done(); row.Next()) {
        if (!request_.IsSeen(e, row.context())) continue;
        auto name = NameOf(e, row.node());
        if (seen.empty() || !seen.contains(name)) names.push_back(std::move(name));
      }
    }
    return names;
  }

  std::vector<std::string> Subjects() const {
    auto names = SubjectsOf(request_.relation());
    std::sort(names.begin(), names.end());
    return names;
  }

  std::vector<std::string> Parents(const model::Rewrite& rewrite) const {
    auto names = SubjectsOf(plan_.FindRelation(type_, rewrite.tupleset));
    for (auto& name : names) name += "#" + rewrite.relation;
    return names;
  }

  Request& request_;
  const model::Plan& plan_;
  const graph::NodeId object_;
  model::TypeIndex type_ = kNoIndex;
  std::string name_;
};

}  // namespace

Result<ExpandTree> Expander::Expand(const graph::Snapshot& snapshot, const BoundModel& model,
                                    const ExpandQuery& query) const {
  const CheckLimits limits;
  Arena arena;
  const CheckQuery question{
      {query.object, query.relation, {}}, query.contextual_tuples, nullptr, {}};
  Request request(limits, clock_, snapshot, model, question, arena);
  request.ResolveContextual();
  PEMBA_TRY(std::ignore, request.ResolveTarget(question));
  const auto& written = model.plan().Written(request.relation());
  return ExpandTree{std::string(query.object) + "#" + std::string(query.relation),
                    Builder(request).Build(written)};
}

}  // namespace pemba::engine
