#include "pemba/model/internal/entry_points.h"

#include <utility>

namespace pemba::model::internal {
namespace {

const RelationMetadata* MetadataOf(const TypeDefinition& type, std::string_view relation) {
  if (!type.metadata) return nullptr;
  const auto it = type.metadata->relations.find(relation);
  return it == type.metadata->relations.end() ? nullptr : &it->second;
}

}  // namespace

EntryPoints::EntryPoints(const Model& model) {
  std::vector<const TypeDefinition*> types;
  for (const auto& type : model.types) {
    const auto [it, is_new] = ids_.try_emplace(type.type);
    if (!is_new) continue;
    types.push_back(&type);
    for (const auto& [name, rewrite] : type.relations) {
      it->second.emplace(name, NewNode(Kind::kRelation));
    }
  }
  for (const auto* type : types) {
    for (const auto& [name, rewrite] : type->relations) {
      AddChild(Find(type->type, name), Build(*type, name, rewrite));
    }
  }
  SolveReachable();
  SolveLoops();
}

Entry EntryPoints::Of(std::string_view type, std::string_view relation) const {
  const auto id = Find(type, relation);
  if (id < 0) return Entry::kNoEntryPoint;
  const auto& node = nodes_[static_cast<std::size_t>(id)];
  if (node.reachable) return Entry::kReachable;
  return node.loops ? Entry::kLoop : Entry::kNoEntryPoint;
}

int EntryPoints::Find(std::string_view type, std::string_view relation) const {
  const auto of_type = ids_.find(type);
  if (of_type == ids_.end()) return -1;
  const auto it = of_type->second.find(relation);
  return it == of_type->second.end() ? -1 : it->second;
}

int EntryPoints::NewNode(Kind kind) {
  nodes_.emplace_back().kind = kind;
  return static_cast<int>(nodes_.size()) - 1;
}

void EntryPoints::AddChild(int parent, int child) {
  if (child < 0) return;  // The model lacks it.
  nodes_[static_cast<std::size_t>(parent)].children.push_back(child);
  nodes_[static_cast<std::size_t>(child)].parents.push_back(parent);
}

// The usersets that a type restriction names or, if `computed` is given, `computed` on its types.
void EntryPoints::AddUsersets(int parent, const RelationMetadata* metadata,
                              std::string_view computed) {
  if (metadata == nullptr) return;
  for (const auto& r : metadata->directly_related_user_types) {
    if (!computed.empty()) {
      AddChild(parent, Find(r.type, computed));
    } else if (r.wildcard || r.relation.empty()) {
      nodes_[static_cast<std::size_t>(parent)].missing = 0;
    } else {
      AddChild(parent, Find(r.type, r.relation));
    }
  }
}

int EntryPoints::Build(const TypeDefinition& type, std::string_view relation,
                       const Rewrite& rewrite) {
  switch (rewrite.kind) {
    case RewriteKind::kUnset:
      break;
    case RewriteKind::kThis: {
      const auto id = NewNode(Kind::kDirectOrFrom);
      AddUsersets(id, MetadataOf(type, relation), {});
      return id;
    }
    case RewriteKind::kComputedUserset: {
      const auto id = NewNode(Kind::kComputed);
      AddChild(id, Find(type.type, rewrite.relation));
      return id;
    }
    case RewriteKind::kTupleToUserset: {
      const auto id = NewNode(Kind::kDirectOrFrom);
      if (!rewrite.relation.empty()) {
        AddUsersets(id, MetadataOf(type, rewrite.tupleset), rewrite.relation);
      }
      return id;
    }
    case RewriteKind::kUnion:
    case RewriteKind::kIntersection:
    case RewriteKind::kDifference: {
      const bool all = rewrite.kind != RewriteKind::kUnion;
      const auto id = NewNode(all ? Kind::kAll : Kind::kUnion);
      if (all)
        nodes_[static_cast<std::size_t>(id)].missing = static_cast<int>(rewrite.children.size());
      for (const auto& child : rewrite.children) AddChild(id, Build(type, relation, child));
      return id;
    }
  }
  return NewNode(Kind::kDirectOrFrom);  // Without children: never reachable.
}

// Dowling, Gallier, "Linear-time algorithms for testing the satisfiability of propositional Horn
// formulae", J. Logic Programming 1(3), 1984.
void EntryPoints::SolveReachable() {
  std::vector<std::size_t> work;
  const auto settle = [&](std::size_t id) {
    if (nodes_[id].reachable || nodes_[id].missing > 0) return;
    nodes_[id].reachable = true;
    work.push_back(id);
  };
  for (std::size_t id = 0; id < nodes_.size(); ++id) settle(id);
  while (!work.empty()) {
    const auto id = work.back();
    work.pop_back();
    for (const auto parent : nodes_[id].parents) {
      --nodes_[static_cast<std::size_t>(parent)].missing;
      settle(static_cast<std::size_t>(parent));
    }
  }
}

// The children through which the search goes on when it fails at an unreachable node.
std::vector<int> EntryPoints::Deciding(const Node& node) const {
  switch (node.kind) {
    case Kind::kRelation:
    case Kind::kComputed:
    case Kind::kUnion:
      return node.children;
    case Kind::kAll:
      for (const auto child : node.children) {
        if (!nodes_[static_cast<std::size_t>(child)].reachable) return {child};
      }
      return {};
    case Kind::kDirectOrFrom:
      return {};  // Failing here is no loop, whatever lies beyond.
  }
  return {};
}

// A node loops unless all its deciding children are known not to: strike those out repeatedly.
void EntryPoints::SolveLoops() {
  std::vector<std::vector<std::size_t>> dependents(nodes_.size());
  std::vector<std::size_t> open(nodes_.size());
  std::vector<std::size_t> settled;
  for (std::size_t id = 0; id < nodes_.size(); ++id) {
    auto& node = nodes_[id];
    if (node.reachable) continue;
    const auto deciding = Deciding(node);
    node.loops = !deciding.empty();
    open[id] = deciding.size();
    for (const auto child : deciding) dependents[static_cast<std::size_t>(child)].push_back(id);
    if (deciding.empty()) settled.push_back(id);
  }
  while (!settled.empty()) {
    const auto id = settled.back();
    settled.pop_back();
    for (const auto dependent : dependents[id]) {
      if (--open[dependent] > 0) continue;
      nodes_[dependent].loops = false;
      settled.push_back(dependent);
    }
  }
}

}  // namespace pemba::model::internal
