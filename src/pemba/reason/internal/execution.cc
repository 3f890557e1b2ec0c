#include "pemba/reason/internal/execution.h"

#include <algorithm>

#include "pemba/base/assert.h"
#include "pemba/reason/internal/mutation.h"
#include "pemba/reason/internal/reasoner.h"

namespace pemba::reason::internal {

bool Execution::Next() {
  const std::size_t count = plan_.steps.size();
  if (!world_.budget->ok()) return false;
  if (!started_) {
    started_ = true;
    depth_ = 0;
    if (count == 0) return true;
    Open(0);
  } else {
    if (count == 0) return false;
    depth_ = std::min(resume_after_, count - 1);
  }
  while (true) {
    if (!world_.budget->Spend()) return false;
    if (Advance(depth_)) {
      if (depth_ + 1 == count) return true;
      Open(++depth_);
    } else {
      if (depth_ == 0) return false;
      --depth_;
    }
  }
}

void Execution::Open(std::size_t at) {
  Cursor& cursor = cursors_[at];
  cursor.phase = 0;
  cursor.i = 0;
  cursor.j = 0;
  cursor.limit = 0;
  cursor.list = nullptr;
  cursor.row = kNoRow;
  cursor.last = kNoThing;
  cursor.buffer.clear();
  cursor.buffer_at = 0;
  const Step& step = plan_.steps[at];
  if (const auto* relation = std::get_if<RelationStep>(&step)) OpenRelation(*relation, cursor);
}

bool Execution::Advance(std::size_t at) {
  Cursor& cursor = cursors_[at];
  return std::visit([&](const auto& step) { return Advance(step, cursor); }, plan_.steps[at]);
}

bool Execution::Bind(VariableId variable, bool bound, Slot slot) {
  if (bound) return frame_[variable] == slot;
  frame_[variable] = slot;
  return true;
}

Value Execution::ValueOfVariable(VariableId variable) const {
  return plan_.pattern->variables[variable].kind == VariableKind::kValue
             ? world_.values->Get(frame_[variable])
             : world_.ValueOf(frame_[variable]);
}

// ---- Scans and lookups ----

bool Execution::Advance(const ScanStep& step, Cursor& cursor) {
  if (cursor.phase == 0) {
    for (; cursor.i < step.types.size(); ++cursor.i, cursor.j = 0) {
      const TypeTable* table = world_.facts->Table(step.types[cursor.i]);
      if (table == nullptr || cursor.j >= table->count) continue;
      frame_[step.variable] = table->things[cursor.j++];
      return true;
    }
    if (world_.inferred == nullptr || (step.relations.empty() && step.attributes.empty())) {
      return false;
    }
    for (const PredicateId predicate : step.relations) {
      world_.reasoner->DemandRelations(predicate, {});
    }
    for (const PredicateId predicate : step.attributes) {
      world_.reasoner->DemandOwnerships(predicate, kNoThing, kNoThing);
    }
    cursor.phase = 1;
    cursor.i = 0;
    cursor.j = 0;
  }
  for (; cursor.i < step.types.size(); ++cursor.i, cursor.j = 0) {
    const auto relations = world_.inferred->Relations(step.types[cursor.i]);
    if (cursor.j < relations.size()) {
      frame_[step.variable] = relations[cursor.j++];
      return true;
    }
    const auto attributes = world_.inferred->Attributes(step.types[cursor.i]);
    while (cursor.j < attributes.size()) {
      const ThingId attribute = attributes[cursor.j++];
      if (!world_.inferred->Exists(attribute)) continue;
      frame_[step.variable] = attribute;
      return true;
    }
  }
  return false;
}

bool Execution::Advance(const TypeCheckStep& step, Cursor& cursor) {
  if (cursor.phase++ != 0) return false;
  const Slot slot = frame_[step.variable];
  return step.types.Contains(step.kind == VariableKind::kThing ? world_.TypeOf(slot) : slot);
}

bool Execution::Advance(const LookupStep& step, Cursor& cursor) {
  const auto* variable = std::get_if<VariableId>(&step.value);
  while (cursor.i < step.types.size()) {
    if (Mutated(Mutation::kFirstTypeOnly) && cursor.i > 0) return false;
    const TypeId type = step.types[cursor.i];
    const auto value_type = world_.schema->Get(type).value_type;
    const Value value =
        variable != nullptr ? ValueOfVariable(*variable) : std::get<Value>(step.value);
    const auto converted = value_type ? Convert(value, *value_type) : std::nullopt;
    if (!converted) {
      ++cursor.i;
      continue;
    }
    if (cursor.phase == 0) {
      cursor.phase = 1;
      const ThingId found = world_.facts->Find(type, *converted);
      if (found != kNoThing) {
        frame_[step.variable] = found;
        ++cursor.i;
        cursor.phase = 0;
        return true;  // Persisted attributes are never inferred as well.
      }
    }
    ++cursor.i;
    cursor.phase = 0;
    if (world_.inferred == nullptr || step.predicates.empty()) continue;
    if (step.must_exist) {
      for (const PredicateId predicate : step.predicates) {
        world_.reasoner->DemandOwnerships(predicate, kNoThing, kNoThing);
      }
    }
    const ThingId found = world_.inferred->InternAttribute(type, *converted);
    if (step.must_exist && !world_.inferred->Exists(found)) continue;
    frame_[step.variable] = found;
    return true;
  }
  return false;
}

bool Execution::Advance(const RangeStep& step, Cursor& cursor) {
  using syntax::Comparator;
  for (; cursor.i < step.types.size(); ++cursor.i, cursor.phase = 0) {
    const TypeTable* table = world_.facts->Table(step.types[cursor.i]);
    if (table == nullptr || !table->value_type ||
        !Comparable(*table->value_type, TypeOf(step.value))) {
      continue;
    }
    const auto order = table->InOrder();
    if (cursor.phase == 0) {
      cursor.phase = 1;
      const bool below =
          step.comparator == Comparator::kLess || step.comparator == Comparator::kLessEqual;
      // Where values begin to be greater than the bound, or not less than it.
      const bool after_equal =
          step.comparator == Comparator::kLessEqual || step.comparator == Comparator::kGreater;
      const auto split = std::partition_point(order.begin(), order.end(), [&](ThingId attribute) {
        const auto compared = Compare(world_.facts->ValueOf(attribute), step.value);
        return compared < 0 || (after_equal && compared == 0);
      });
      const auto at = static_cast<std::uint32_t>(split - order.begin());
      cursor.j = below ? 0 : at;
      cursor.limit = below ? at : static_cast<std::uint32_t>(order.size());
    }
    if (cursor.j < cursor.limit) {
      frame_[step.variable] = order[cursor.j++];
      return true;
    }
  }
  return false;
}

// ---- Relations ----

bool Execution::CanPlay(ThingId player, TypeId relation_type, TypeId role) const {
  return world_.schema->Relates(relation_type).Contains(role) &&
         world_.schema->Plays(world_.TypeOf(player)).Contains(role);
}

// Chooses the way in: the bound player with the shortest list of relations.
void Execution::OpenRelation(const RelationStep& step, Cursor& cursor) {
  if (step.relation_bound) return;
  std::uint64_t best = UINT64_MAX;
  for (std::size_t e = 0; e < step.entries.size(); ++e) {
    const auto& entry = step.entries[e];
    if (!entry.player_given) continue;
    std::uint64_t size = 0;
    for (const TypeId role : entry.role_list) {
      const IdList* list = world_.facts->Playing(frame_[entry.player], role);
      size += list == nullptr ? 0 : list->size();
    }
    if (size < best) {
      best = size;
      cursor.via = static_cast<int>(e);
    }
  }
  if (best == UINT64_MAX) cursor.via = -1;
}

ThingId Execution::NextPersistedRelation(const RelationStep& step, Cursor& cursor,
                                         TypeId& via_role) {
  if (cursor.via < 0) {
    for (; cursor.i < step.type_list.size(); ++cursor.i, cursor.j = 0) {
      const TypeTable* table = world_.facts->Table(step.type_list[cursor.i]);
      if (table != nullptr && cursor.j < table->count) return table->things[cursor.j++];
    }
    return kNoThing;
  }
  const auto& entry = step.entries[static_cast<std::size_t>(cursor.via)];
  for (; cursor.i < entry.role_list.size(); ++cursor.i, cursor.j = 0, cursor.list = nullptr) {
    via_role = entry.role_list[cursor.i];
    if (cursor.list == nullptr) {
      cursor.list = world_.facts->Playing(frame_[entry.player], via_role);
      if (cursor.list == nullptr) continue;
    }
    while (cursor.j < cursor.list->size()) {
      const ThingId relation = (*cursor.list)[cursor.j++];
      if (step.types.Contains(world_.facts->TypeOf(relation))) return relation;
    }
  }
  return kNoThing;
}

void Execution::RaiseRelationDemands(const RelationStep& step) {
  for (const PredicateId predicate : step.predicates) {
    const TypeId type = world_.reasoner->GetPredicate(predicate).type;
    std::vector<RoleEdge> goal;
    const RelationStep::Entry* ambiguous = nullptr;
    bool possible = true;
    for (const auto& entry : step.entries) {
      if (!entry.player_given) continue;
      const ThingId player = frame_[entry.player];
      TypeId role = 0;
      int roles = 0;
      for (const TypeId candidate : entry.role_list) {
        if (!CanPlay(player, type, candidate)) continue;
        role = candidate;
        ++roles;
      }
      if (roles == 0) possible = false;
      if (roles > 1) ambiguous = &entry;
      if (roles == 1) goal.push_back({role, player});
    }
    if (!possible) continue;
    if (goal.empty() && ambiguous != nullptr) {
      for (const TypeId role : ambiguous->role_list) {
        const RoleEdge edge{role, frame_[ambiguous->player]};
        if (CanPlay(edge.player, type, role))
          world_.reasoner->DemandRelations(predicate, {&edge, 1});
      }
      continue;
    }
    world_.reasoner->DemandRelations(predicate, goal);
  }
}

ThingId Execution::NextInferredRelation(const RelationStep& step, Cursor& cursor,
                                        TypeId& via_role) {
  const Inferred& inferred = *world_.inferred;
  if (cursor.via < 0) {
    for (; cursor.i < step.type_list.size(); ++cursor.i, cursor.j = 0) {
      const auto relations = inferred.Relations(step.type_list[cursor.i]);
      if (cursor.j < relations.size()) return relations[cursor.j++];
    }
    return kNoThing;
  }
  const auto& entry = step.entries[static_cast<std::size_t>(cursor.via)];
  const auto roles = static_cast<std::uint32_t>(entry.role_list.size());
  // cursor.i runs over (predicate, role); cursor.j: whether its chain was begun.
  for (; cursor.i < step.predicates.size() * roles; ++cursor.i, cursor.j = 0) {
    const TypeId type = world_.reasoner->GetPredicate(step.predicates[cursor.i / roles]).type;
    via_role = entry.role_list[cursor.i % roles];
    if (cursor.j == 0) {
      cursor.j = 1;
      cursor.row = inferred.FirstPlaying(type, via_role, frame_[entry.player]);
      cursor.last = kNoThing;
    }
    while (cursor.row != kNoRow) {
      const ThingId relation = inferred.RelationOf(cursor.row);
      cursor.row = inferred.NextPlaying(cursor.row);
      if (relation == cursor.last) continue;  // It has the role there twice.
      cursor.last = relation;
      return relation;
    }
  }
  return kNoThing;
}

ThingId Execution::NextRelation(const RelationStep& step, Cursor& cursor, TypeId& via_role) {
  if (step.relation_bound) {
    if (cursor.phase != 0) return kNoThing;
    cursor.phase = 2;
    const ThingId relation = frame_[step.relation];
    return step.types.Contains(world_.TypeOf(relation)) ? relation : kNoThing;
  }
  if (cursor.phase == 0) {
    const ThingId relation = NextPersistedRelation(step, cursor, via_role);
    if (relation != kNoThing) return relation;
    if (world_.inferred == nullptr || step.predicates.empty()) {
      cursor.phase = 2;
      return kNoThing;
    }
    if (step.demand == Demand::kRaise && !Mutated(Mutation::kForgetDemands)) {
      RaiseRelationDemands(step);
    }
    cursor.phase = 1;
    cursor.i = 0;
    cursor.j = 0;
    // Of several bound players the one with the shortest chain, measured in step.
    std::vector<std::pair<Row, int>> chains;
    for (std::size_t e = 0; e < step.entries.size() && step.predicates.size() == 1; ++e) {
      const auto& entry = step.entries[e];
      if (!entry.player_given || entry.role_list.size() != 1) continue;
      const TypeId type = world_.reasoner->GetPredicate(step.predicates[0]).type;
      chains.emplace_back(
          world_.inferred->FirstPlaying(type, entry.role_list[0], frame_[entry.player]),
          static_cast<int>(e));
    }
    if (chains.size() > 1) {
      while (true) {
        const auto ended = std::find_if(chains.begin(), chains.end(),
                                        [](const auto& chain) { return chain.first == kNoRow; });
        if (ended != chains.end()) {
          cursor.via = ended->second;
          break;
        }
        for (auto& [row, entry] : chains) row = world_.inferred->NextPlaying(row);
      }
    }
  }
  return cursor.phase == 1 ? NextInferredRelation(step, cursor, via_role) : kNoThing;
}

bool Execution::Advance(const RelationStep& step, Cursor& cursor) {
  while (cursor.buffer_at == cursor.buffer.size()) {
    cursor.buffer.clear();
    cursor.buffer_at = 0;
    TypeId via_role = 0;
    const ThingId relation = NextRelation(step, cursor, via_role);
    if (relation == kNoThing) return false;
    if (!world_.budget->Spend()) return false;
    MatchEdges(step, cursor, relation, via_role);
  }
  if (!step.relation_bound) frame_[step.relation] = cursor.buffer[cursor.buffer_at];
  ++cursor.buffer_at;
  for (const auto& entry : step.entries) {
    if (!entry.player_bound) frame_[entry.player] = cursor.buffer[cursor.buffer_at++];
    if (entry.role && !entry.role_bound) frame_[*entry.role] = cursor.buffer[cursor.buffer_at++];
  }
  return true;
}

void Execution::MatchEdges(const RelationStep& step, Cursor& cursor, ThingId relation,
                           TypeId via_role) {
  edges_.clear();
  if (IsInferred(relation)) {
    const auto edges = world_.inferred->Edges(relation);
    edges_.assign(edges.begin(), edges.end());
  } else {
    world_.facts->ForEachPlayer(relation, [&](TypeId role, ThingId player) {
      edges_.push_back({role, player});
    });
  }
  if (!step.relation_bound) frame_[step.relation] = relation;
  AssignEdge(step, cursor, 0, 0, via_role);
}

// Gives the entries from `entry` on an edge each, in all ways, and keeps what that binds. The edge
// of the entry by which we came has the role by which we came: the relation comes again by others.
void Execution::AssignEdge(const RelationStep& step, Cursor& cursor, std::size_t entry_index,
                           std::uint64_t used, TypeId via_role) {
  if (entry_index == step.entries.size()) {
    cursor.buffer.push_back(frame_[step.relation]);
    for (const auto& entry : step.entries) {
      if (!entry.player_bound) cursor.buffer.push_back(frame_[entry.player]);
      if (entry.role && !entry.role_bound) cursor.buffer.push_back(frame_[*entry.role]);
    }
    return;
  }
  const auto& entry = step.entries[entry_index];
  const bool is_via = !step.relation_bound && static_cast<int>(entry_index) == cursor.via;
  for (std::size_t e = 0; e < edges_.size() && e < 64; ++e) {
    if ((used >> e & 1) != 0 && !Mutated(Mutation::kReuseEdges)) continue;
    const RoleEdge edge = edges_[e];
    if (!entry.roles.Contains(edge.role) || (is_via && edge.role != via_role)) continue;
    if (entry.player_bound) {
      if (frame_[entry.player] != edge.player) continue;
    } else {
      if (!entry.player_types.Contains(world_.TypeOf(edge.player)) &&
          !Mutated(Mutation::kIgnorePlayerTypes)) {
        continue;
      }
      frame_[entry.player] = edge.player;
    }
    const std::uint64_t now_used = used | std::uint64_t{1} << e;
    if (!entry.role) {
      AssignEdge(step, cursor, entry_index + 1, now_used, via_role);
      continue;
    }
    const TypeSet& bindings = world_.schema->Supertypes(edge.role);
    if (entry.role_bound) {
      if (bindings.Contains(frame_[*entry.role])) {
        AssignEdge(step, cursor, entry_index + 1, now_used, via_role);
      }
      continue;
    }
    for (const TypeId role : bindings) {
      if (!entry.role_types.Contains(role)) continue;
      if (Mutated(Mutation::kExactRoles) && role != edge.role) continue;
      frame_[*entry.role] = role;
      AssignEdge(step, cursor, entry_index + 1, now_used, via_role);
    }
  }
}

// ---- Closures ----

// Begins at the bound end; at the next thing that can be below, if none is bound.
bool Execution::BeginWalk(const ClosureStep& step, Cursor& cursor) {
  using enum ClosureWalk::Direction;
  if (step.above_bound || step.below_bound) {
    if (cursor.phase != 0) return false;
    cursor.walk->Begin(frame_[step.above_bound ? step.above : step.below],
                       step.above_bound ? kDown : kUp);
    return true;
  }
  for (; cursor.i < step.below_list.size(); ++cursor.i, cursor.j = 0) {
    const TypeTable* table = world_.facts->Table(step.below_list[cursor.i]);
    const ListColumn* column = table == nullptr ? nullptr : table->FindPlaying(step.closure->below);
    while (column != nullptr && cursor.j < table->count) {
      const std::uint32_t slot = cursor.j++;
      if (column->lists[slot].empty()) continue;
      frame_[step.below] = table->things[slot];
      cursor.walk->Begin(frame_[step.below], kUp);
      return true;
    }
  }
  return false;
}

bool Execution::Advance(const ClosureStep& step, Cursor& cursor) {
  if (cursor.walk == nullptr) {
    cursor.walk = std::make_unique<ClosureWalk>(*world_.facts, *step.closure);
  }
  const VariableId found = step.above_bound ? step.below : step.above;
  const TypeSet& types = step.above_bound ? step.below_types : step.above_types;
  while (world_.budget->Spend()) {
    const ThingId next = cursor.phase == 0 ? kNoThing : cursor.walk->Next();
    if (next == kNoThing) {
      if (!BeginWalk(step, cursor)) return false;
      cursor.phase = 1;
    } else if (types.Contains(world_.TypeOf(next)) || Mutated(Mutation::kIgnorePlayerTypes)) {
      frame_[found] = next;
      return true;
    }
  }
  return false;
}

// ---- Ownerships ----

void Execution::RaiseHasDemands(const HasStep& step) {
  const ThingId owner = step.owner_bound ? frame_[step.owner] : kNoThing;
  const ThingId attribute = step.attribute_bound ? frame_[step.attribute] : kNoThing;
  for (const PredicateId id : step.predicates) {
    const Predicate& predicate = world_.reasoner->GetPredicate(id);
    if (attribute != kNoThing) {
      if (world_.TypeOf(attribute) != predicate.type) continue;
      if (predicate.value && world_.ValueOf(attribute) != *predicate.value) continue;
    }
    world_.reasoner->DemandOwnerships(id, owner, attribute);
  }
}

bool Execution::AdvancePersistedHas(const HasStep& step, Cursor& cursor) {
  const Facts& facts = *world_.facts;
  if (step.owner_bound && step.attribute_bound) {
    const ThingId owner = frame_[step.owner], attribute = frame_[step.attribute];
    return cursor.i++ == 0 && !IsInferred(owner) && !IsInferred(attribute) &&
           facts.Owns(owner, attribute);
  }
  if (step.owner_bound) {
    for (; cursor.i < step.attribute_list.size(); ++cursor.i, cursor.j = 0) {
      const IdList* list = facts.Owned(frame_[step.owner], step.attribute_list[cursor.i]);
      if (list == nullptr || cursor.j >= list->size()) continue;
      frame_[step.attribute] = (*list)[cursor.j++];
      return true;
    }
    return false;
  }
  if (step.attribute_bound) {
    for (; cursor.i < step.owner_list.size(); ++cursor.i, cursor.j = 0) {
      const IdList* list = facts.Owners(frame_[step.attribute], step.owner_list[cursor.i]);
      if (list == nullptr || cursor.j >= list->size()) continue;
      frame_[step.owner] = (*list)[cursor.j++];
      return true;
    }
    return false;
  }
  // cursor.i runs over (owner type, attribute type), cursor.limit over owners, cursor.j over what
  // they own.
  const auto attributes = static_cast<std::uint32_t>(step.attribute_list.size());
  for (; cursor.i < step.owner_list.size() * attributes; ++cursor.i, cursor.limit = 0) {
    const TypeTable* table = facts.Table(step.owner_list[cursor.i / attributes]);
    if (table == nullptr) continue;
    const ListColumn* column = table->FindOwned(step.attribute_list[cursor.i % attributes]);
    if (column == nullptr) continue;
    for (; cursor.limit < table->count; ++cursor.limit, cursor.j = 0) {
      const IdList& list = column->lists[cursor.limit];
      if (cursor.j >= list.size()) continue;
      frame_[step.owner] = table->things[cursor.limit];
      frame_[step.attribute] = list[cursor.j++];
      return true;
    }
    cursor.j = 0;
  }
  return false;
}

bool Execution::AdvanceInferredHas(const HasStep& step, Cursor& cursor) {
  const Inferred& inferred = *world_.inferred;
  if (step.owner_bound && step.attribute_bound) {
    return cursor.i++ == 0 && inferred.Owns(frame_[step.owner], frame_[step.attribute]);
  }
  if (!step.owner_bound && !step.attribute_bound) {
    while (cursor.i < cursor.limit) {
      const auto& ownership = inferred.GetOwnership(cursor.i++);
      if (!step.attribute_types.Contains(world_.TypeOf(ownership.attribute)) ||
          !step.owner_types.Contains(world_.TypeOf(ownership.owner))) {
        continue;
      }
      frame_[step.owner] = ownership.owner;
      frame_[step.attribute] = ownership.attribute;
      return true;
    }
    return false;
  }
  if (cursor.i == 0) {
    cursor.i = 1;
    cursor.row = step.owner_bound ? inferred.FirstOwned(frame_[step.owner])
                                  : inferred.FirstOwner(frame_[step.attribute]);
  }
  while (cursor.row != kNoRow) {
    const auto& ownership = inferred.GetOwnership(cursor.row);
    if (step.owner_bound) {
      cursor.row = ownership.next_of_owner;
      if (!step.attribute_types.Contains(world_.TypeOf(ownership.attribute))) continue;
      frame_[step.attribute] = ownership.attribute;
    } else {
      cursor.row = ownership.next_of_attribute;
      if (!step.owner_types.Contains(world_.TypeOf(ownership.owner))) continue;
      frame_[step.owner] = ownership.owner;
    }
    return true;
  }
  return false;
}

bool Execution::Advance(const HasStep& step, Cursor& cursor) {
  if (cursor.phase == 0) {
    if (AdvancePersistedHas(step, cursor)) return true;
    if (world_.inferred == nullptr || step.predicates.empty()) return false;
    if (step.demand == Demand::kRaise) RaiseHasDemands(step);
    cursor.phase = 1;
    cursor.i = 0;
    cursor.limit = world_.inferred->ownership_count();
  }
  return AdvanceInferredHas(step, cursor);
}

// ---- The others ----

bool Execution::Advance(const IsaStep& step, Cursor& cursor) {
  const TypeId type = world_.TypeOf(frame_[step.thing]);
  if (step.exactness == syntax::Exactness::kExact) {
    return cursor.phase++ == 0 && step.types.Contains(type) &&
           Bind(step.type, step.type_bound, type);
  }
  const TypeSet& supertypes = world_.schema->Supertypes(type);
  if (step.type_bound) {
    return cursor.phase++ == 0 && supertypes.Contains(frame_[step.type]);
  }
  if (cursor.phase == 0) {
    cursor.phase = 1;
    for (const TypeId supertype : supertypes) {
      if (Mutated(Mutation::kExactIsa) && supertype != type) continue;
      if (step.types.Contains(supertype)) cursor.buffer.push_back(supertype);
    }
  }
  if (cursor.buffer_at == cursor.buffer.size()) return false;
  frame_[step.type] = cursor.buffer[cursor.buffer_at++];
  return true;
}

bool Execution::Advance(const CompareStep& step, Cursor& cursor) {
  if (cursor.phase++ != 0) return false;
  if (!step.literal) {
    return Holds(ValueOfVariable(step.left), step.comparator, ValueOfVariable(step.right));
  }
  const ThingId thing = frame_[step.left];
  if (plan_.pattern->variables[step.left].kind == VariableKind::kThing && !IsInferred(thing) &&
      world_.facts->ValueTypeOf(thing) == ValueType::kString) {
    return step.literal->HoldsForText(TextPool::Read(world_.facts->RawOf(thing)));
  }
  return step.literal->Holds(ValueOfVariable(step.left));
}

bool Execution::Advance(const IsStep& step, Cursor& cursor) {
  if (cursor.phase++ != 0) return false;
  const Slot slot = frame_[step.left];
  if (step.right_bound) return frame_[step.right] == slot;
  if (!step.types.Contains(step.kind == VariableKind::kThing ? world_.TypeOf(slot) : slot)) {
    return false;
  }
  frame_[step.right] = slot;
  return true;
}

bool Execution::Advance(const IidStep& step, Cursor& cursor) {
  if (cursor.phase++ != 0 || step.iid > kNoThing) return false;
  const auto thing = static_cast<ThingId>(step.iid);
  if (IsInferred(thing)) {
    if (world_.inferred == nullptr || thing - kFirstInferred >= world_.inferred->thing_count()) {
      return false;
    }
  } else if (!world_.facts->Exists(thing)) {
    return false;
  }
  return step.types.Contains(world_.TypeOf(thing)) && Bind(step.thing, step.bound, thing);
}

bool Execution::Advance(const AssignStep& step, Cursor& cursor) {
  if (cursor.phase++ != 0) return false;
  const auto value =
      Evaluate(*step.expression, [&](const syntax::Variable& variable) -> std::optional<Value> {
        const auto id = plan_.pattern->Find(variable.name);
        return id ? std::optional<Value>(ValueOfVariable(*id)) : std::nullopt;
      });
  return value && Bind(step.variable, step.bound, world_.values->Intern(*value));
}

bool Execution::Advance(const TypesStep& step, Cursor& cursor) {
  if (cursor.i == step.types.size()) return false;
  frame_[step.variable] = step.types[cursor.i++];
  return true;
}

bool Execution::Advance(const TypeAtomStep& step, Cursor& cursor) {
  if (cursor.phase++ != 0) return false;
  const Schema& schema = *world_.schema;
  if (const auto* sub = std::get_if<SubAtom>(&step.atom)) {
    const TypeId below = frame_[sub->subtype], above = frame_[sub->supertype];
    return sub->exactness == syntax::Exactness::kExact
               ? schema.DirectSubtypes(above).Contains(below)
               : schema.Supertypes(below).Contains(above);
  }
  if (const auto* relates = std::get_if<RelatesAtom>(&step.atom)) {
    return schema.Relates(frame_[relates->relation]).Contains(frame_[relates->role]);
  }
  if (const auto* plays = std::get_if<PlaysAtom>(&step.atom)) {
    return schema.Plays(frame_[plays->player]).Contains(frame_[plays->role]);
  }
  if (const auto* owns = std::get_if<OwnsAtom>(&step.atom)) {
    for (const Ownership& ownership : schema.Owns(frame_[owns->owner])) {
      if (ownership.attribute == frame_[owns->attribute]) {
        return ownership.annotation >= owns->annotation;
      }
    }
  }
  return false;
}

bool Execution::Advance(const NegationStep& step, Cursor& cursor) {
  if (cursor.phase++ != 0) return false;
  if (cursor.nested.empty()) {
    cursor.nested.push_back(std::make_unique<Execution>(*step.body, world_, frame_));
  }
  cursor.nested[0]->Restart();
  if (Mutated(Mutation::kNegationIsMatch)) return cursor.nested[0]->Next();
  return !cursor.nested[0]->Next() && world_.budget->ok();
}

bool Execution::Advance(const DisjunctionStep& step, Cursor& cursor) {
  if (cursor.nested.empty()) {
    for (const auto& branch : step.branches) {
      cursor.nested.push_back(std::make_unique<Execution>(*branch, world_, frame_));
    }
  }
  for (; cursor.i < cursor.nested.size(); ++cursor.i, cursor.phase = 0) {
    if (cursor.phase == 0) {
      cursor.phase = 1;
      cursor.nested[cursor.i]->Restart();
    }
    if (Mutated(Mutation::kLastBranchLost) && cursor.i + 1 == cursor.nested.size()) return false;
    if (cursor.nested[cursor.i]->Next()) return true;
  }
  return false;
}

bool Execution::Advance(const GoalStep& step, Cursor& cursor) {
  return world_.reasoner->NextGoal(step, frame_, cursor.i);
}

}  // namespace pemba::reason::internal
