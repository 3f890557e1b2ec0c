// EntryPoints: which relations somebody could ever have.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/hash.h"
#include "pemba/model/model.h"

namespace pemba::model::internal {

enum class Entry : std::uint8_t {
  kReachable,     // Some set of tuples gives the relation to somebody.
  kNoEntryPoint,  // Nobody can ever have it.
  kLoop,          // The same, and the definition refers to itself on the way.
};

// The contract defines entry points by a search that carries the set of relations visited on its
// path, copied per branch, which is exponential when done literally. The same answers in linear
// time: a relation is reachable iff it is in the least fixed point of the rules (a proof of least
// height never meets a relation twice on a path). On the way down from an unreachable relation
// the search decides only through unreachable ones, so it meets a loop iff, along the computed
// usersets that decide, a cycle can be reached.
//
// What a definition names but the model lacks counts as unreachable. Duplicate types: the first
// counts. The model must outlive this. Thread-safe once made. O(size of model) to make.
class EntryPoints {
 public:
  explicit EntryPoints(const Model& model);

  Entry Of(std::string_view type, std::string_view relation) const;

 private:
  // Relations and the parts of their rewrites form one graph of "any of" and "all of" nodes.
  enum class Kind : std::uint8_t { kRelation, kComputed, kUnion, kAll, kDirectOrFrom };
  struct Node {
    Kind kind = Kind::kRelation;
    bool reachable = false;
    bool loops = false;
    int missing = 1;            // How many more children must be reachable.
    std::vector<int> children;  // In source order.
    std::vector<int> parents;
  };

  int Find(std::string_view type, std::string_view relation) const;
  int NewNode(Kind kind);
  void AddChild(int parent, int child);
  void AddUsersets(int parent, const RelationMetadata* metadata, std::string_view computed);
  int Build(const TypeDefinition& type, std::string_view relation, const Rewrite& rewrite);
  void SolveReachable();
  void SolveLoops();
  std::vector<int> Deciding(const Node& node) const;

  std::vector<Node> nodes_;
  StringMap<StringViewMap<int>> ids_;
};

}  // namespace pemba::model::internal
