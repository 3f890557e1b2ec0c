#include "pemba/engine/lister.h"

#include <algorithm>
#include <array>
#include <string>

#include "pemba/engine/internal/list_scope.h"
#include "pemba/engine/internal/mutation.h"
#include "pemba/engine/internal/object_search.h"
#include "pemba/engine/internal/request.h"
#include "pemba/engine/internal/user_search.h"

namespace pemba::engine {
namespace {

using internal::kNoSlot;
using internal::ListScope;
using internal::Mutated;
using internal::Mutation;
using internal::ObjectSearch;
using internal::Request;
using internal::Slot;
using internal::UserSearch;
using model::kNoIndex;

Result<model::TypeIndex> TypeOf(const model::Plan& plan, std::string_view name) {
  const auto type = plan.FindType(name);
  if (type != kNoIndex) return type;
  return Error{ErrorCode::kTypeNotFound, "type '" + std::string(name) + "' not found"};
}

Result<model::RelationIndex> RelationOf(const model::Plan& plan, model::TypeIndex type,
                                        std::string_view name) {
  const auto relation = plan.FindRelation(type, name);
  if (relation != kNoIndex) return relation;
  return Error{ErrorCode::kRelationNotFound,
               "relation '" + plan.types()[type].name + "#" + std::string(name) + "' not found"};
}

Error NoSuchPosition() {
  return {ErrorCode::kInvalidContinuationToken, "the list has no such position"};
}

// Counts the answers and hands them on, some at a time.
class Output {
 public:
  Output(Request& request, model::TypeIndex type, const ListOptions& options, const ListSink& sink)
      : request_(request), type_(type), options_(options), sink_(sink) {}

  bool names() const { return options_.output == ListOutput::kNames; }
  bool ended() const { return ended_; }

  // How many more are wanted, with one to see that there is more.
  std::uint64_t wanted() const {
    return options_.count_max == 0 ? ~0ull : options_.count_max - summary_.count + 1;
  }
  void Take(graph::NodeId node) { TakeId(names() ? request_.IdOf(type_, node) : ""); }
  void TakeId(std::string_view id) {
    if (!CountOne() || !names()) return;
    batch_[batched_++] = id;
    if (batched_ == batch_.size()) Flush();
  }
  void Count(std::uint64_t count) {  // Unless names().
    if (count < wanted()) {
      summary_.count += count;
      return;
    }
    summary_.count = options_.count_max;
    End(ListEnd::kCountMax);
  }
  void CountConfirmation() { ++summary_.confirmed; }
  ListSummary Finish(ListEnd end) {
    if (!ended_) End(end);
    return summary_;
  }

 private:
  bool CountOne() {
    if (ended_) return false;
    if (options_.count_max != 0 && summary_.count == options_.count_max) {
      End(ListEnd::kCountMax);
      return false;
    }
    ++summary_.count;
    return true;
  }
  void Flush() {
    const std::span<const std::string_view> ids(batch_.data(), batched_);
    batched_ = 0;
    if (ids.empty() || sink_(ids) == SinkWants::kMore || ended_) return;
    summary_.end = ListEnd::kStopped;
    ended_ = true;
  }
  void End(ListEnd end) {
    summary_.end = end;
    ended_ = true;
    Flush();
  }

  Request& request_;
  const model::TypeIndex type_;
  const ListOptions& options_;
  const ListSink& sink_;
  ListSummary summary_;
  bool ended_ = false;
  std::array<std::string_view, 128> batch_;
  std::size_t batched_ = 0;
};

Result<ListSummary> EndOf(ListScope& scope, Output& output) {
  if (output.ended()) return output.Finish(ListEnd::kComplete);
  if (const auto* failure = scope.failure()) {
    return Error{failure->code, std::string(failure->message)};
  }
  return output.Finish(scope.ended() ? ListEnd::kDeadline : ListEnd::kComplete);
}

std::uint64_t CountBits(std::span<const std::uint64_t> words) {
  std::uint64_t count = 0;
  for (const auto word : words) count += static_cast<std::uint64_t>(__builtin_popcountll(word));
  return count;
}

// Gives out the members of one window from `from` on.
void GiveWindow(ListScope& scope, ObjectSearch& search, model::RelationIndex relation, Slot base,
                Slot from, std::span<const std::uint64_t> words, Output& output) {
  const auto type = scope.plan().relations()[relation].type;
  if (search.exact() && !output.names() && from <= base) return output.Count(CountBits(words));
  for (std::size_t i = 0; i < words.size(); ++i) {
    for (auto word = words[i]; word != 0; word &= word - 1) {
      const auto slot = base + static_cast<Slot>(64 * i + __builtin_ctzll(word));
      if (slot < from) continue;
      if (!search.exact()) {
        output.CountConfirmation();
        if (!search.Confirm(relation, slot)) {
          if (scope.ended()) return;
          continue;
        }
      }
      output.Take(scope.NodeAt(type, slot));
      if (output.ended()) return;
    }
  }
}

void GiveObjects(ListScope& scope, model::RelationIndex relation, Slot from, Output& output) {
  ObjectSearch search(scope, relation);
  auto* const answers = search.Prepare();
  if (answers == nullptr) return;
  answers->Start(from);
  for (auto base = answers->Next(from); base != kNoSlot && !output.ended();) {
    const auto words = answers->Run(base);
    // A window that was cut off in the middle may lack what is to be subtracted.
    if (!scope.Work(static_cast<std::uint32_t>(words.size()) / 16 + 1) || scope.ended()) return;
    GiveWindow(scope, search, relation, base, from, words, output);
    if (scope.ended()) return;
    base = answers->Next(base + static_cast<Slot>(64 * words.size()));
  }
}

void GiveUsers(ListScope& scope, UserSearch& search, Output& output) {
  while (!output.ended()) {
    const auto users = search.Next();
    if (scope.ended() || !users) return;
    if (!output.names()) output.Count(users->size());
    for (const auto user : *users) {
      if (output.ended() || !output.names()) break;
      output.Take(user);
    }
  }
}

}  // namespace

Result<ListSummary> Lister::ListObjects(const graph::Snapshot& snapshot, const BoundModel& model,
                                        const ObjectsQuery& query, const ListOptions& options,
                                        Arena& arena, const ListSink& sink) const {
  const auto& plan = model.plan();
  PEMBA_TRY(const auto type, TypeOf(plan, query.type));
  PEMBA_TRY(const auto relation, RelationOf(plan, type, query.relation));
  const CheckQuery question{
      {{}, query.relation, query.subject}, query.contextual_tuples, query.context, query.deadline};
  Request request(limits_, clock_, snapshot, model, question, arena);
  PEMBA_TRY(std::ignore, request.ResolveSubject());
  request.LiftHopsLimit();
  ListScope scope(request);
  Slot from = 0;
  if (!options.after.empty()) {
    const auto node = request.FindNode(type, options.after);
    if (node == graph::kNoNode) return NoSuchPosition();
    from = scope.SlotOf(type, node) + (Mutated(Mutation::kListRepeatPosition) ? 0 : 1);
  }
  Output output(request, type, options, sink);
  GiveObjects(scope, relation, from, output);
  return EndOf(scope, output);
}

Result<ListSummary> Lister::ListUsers(const graph::Snapshot& snapshot, const BoundModel& model,
                                      const UsersQuery& query, const ListOptions& options,
                                      Arena& arena, const ListSink& sink) const {
  const auto& plan = model.plan();
  internal::UserFilter filter;
  PEMBA_TRY(filter.type, TypeOf(plan, query.user_type));
  if (!query.user_relation.empty()) {
    PEMBA_TRY(filter.relation, RelationOf(plan, filter.type, query.user_relation));
  }
  const auto object = tuple::SplitObject(query.object);
  PEMBA_TRY(const auto type, TypeOf(plan, object.type));
  PEMBA_TRY(const auto relation, RelationOf(plan, type, query.relation));
  const auto everyone = std::string(query.user_type) + ":*";
  const CheckQuery question{{query.object, query.relation, everyone},
                            query.contextual_tuples,
                            query.context,
                            query.deadline};
  Request request(limits_, clock_, snapshot, model, question, arena);
  request.ResolveContextual();
  const auto node = request.NodeOf(type, object.id);
  ListScope scope(request);
  Output output(request, filter.type, options, sink);
  UserSearch search(scope, filter);
  search.Prepare(relation, node);
  if (!options.after.empty() && options.after != kWildcardId) {
    const auto last = request.FindNode(filter.type, options.after);
    if (last == graph::kNoNode) return NoSuchPosition();
    search.StartAfter(last);
  }
  if (scope.ended()) return EndOf(scope, output);

  if (options.after.empty() && filter.relation == kNoIndex &&
      plan.Reaches(plan.WildcardKind(filter.type), relation)) {
    const auto allowed = Checker({}, clock_).Check(snapshot, model, question, arena);
    if (!allowed.ok()) {
      if (allowed.error().code != ErrorCode::kDeadlineExceeded) return allowed.error();
      return output.Finish(ListEnd::kDeadline);
    }
    if (*allowed == Decision::kAllowed) output.TakeId(kWildcardId);
  }
  GiveUsers(scope, search, output);
  return EndOf(scope, output);
}

}  // namespace pemba::engine
