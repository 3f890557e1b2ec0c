#include "pemba/bench/engine_world.h"

#include <utility>
#include <vector>

#include "pemba/engine/lister.h"
#include "pemba/model/dsl.h"
#include "pemba/model/plan.h"
#include "pemba/tuple/context.h"

namespace pemba::bench {
namespace {

// Gathers tuples and applies them a thousand at a time, as an import does.
class Loader {
 public:
  explicit Loader(graph::Graph& graph) : graph_(graph) { owned_.reserve(kBatch); }

  void Add(const TupleOut& out) {
    owned_.push_back({std::string(out.tuple.object), std::string(out.tuple.relation),
                      std::string(out.tuple.subject), std::string(out.condition),
                      Canonical(out.context)});
    if (owned_.size() == kBatch) Flush();
  }

  Status Finish() {
    Flush();
    graph_.Compact();
    return std::move(status_);
  }

 private:
  static constexpr std::size_t kBatch = 1'000;
  struct Owned {
    std::string object, relation, subject, condition, context;
  };

  // The form in which the graph keeps contexts.
  std::string Canonical(std::string_view context) {
    if (context.empty()) return {};
    auto found = canonical_.find(context);
    if (found == canonical_.end()) {
      auto parsed = tuple::ParseContext(context);
      if (!parsed.ok() && status_.ok()) status_ = parsed.error();
      found = canonical_.emplace(context, parsed.ok() ? tuple::CanonicalText(*parsed) : "").first;
    }
    return found->second;
  }

  void Flush() {
    if (!status_.ok() || owned_.empty()) return owned_.clear();
    changes_.clear();
    for (const auto& tuple : owned_) {
      changes_.push_back({.tuple = {tuple.object, tuple.relation, tuple.subject},
                          .condition = tuple.condition,
                          .context = tuple.context});
    }
    status_ = graph_.Apply(++revision_, WallTime{}, changes_);
    if (status_.ok()) graph_.Publish(revision_);
    owned_.clear();
  }

  graph::Graph& graph_;
  graph::Revision revision_ = 0;
  std::vector<Owned> owned_;
  std::vector<graph::Change> changes_;
  StringMap<std::string> canonical_;
  Status status_ = Done{};
};

}  // namespace

Result<std::unique_ptr<EngineWorld>> EngineWorld::Make(const Scenario& scenario) {
  std::unique_ptr<EngineWorld> world(new EngineWorld);
  PEMBA_TRY(auto model, model::ModelFromDsl(scenario.model()));
  PEMBA_TRY(auto plan, model::Plan::Compile(model));
  world->model_ = engine::BoundModel::Bind(std::move(plan), world->graph_);
  Loader loader(world->graph_);
  scenario.EachTuple([&](const TupleOut& tuple) { loader.Add(tuple); });
  PEMBA_TRY(std::ignore, loader.Finish());
  return world;
}

Result<Prepared> Prepared::Make(Question question) {
  Prepared prepared;
  if (!question.context.empty()) {
    PEMBA_TRY(auto context, tuple::ParseContext(question.context));
    prepared.context_ = std::make_unique<boost::json::object>(std::move(context));
  }
  prepared.text_ = tuple::ToText({question.object, question.relation, question.subject});
  prepared.object_bytes_ = static_cast<std::uint32_t>(question.object.size());
  prepared.relation_bytes_ = static_cast<std::uint32_t>(question.relation.size());
  for (auto& one : question.batch) {
    PEMBA_TRY(auto check, Make(std::move(one)));
    prepared.batch_.push_back(std::move(check));
  }
  prepared.ask_ = question.ask;
  prepared.answer_ = question.answer;
  prepared.question_ = std::move(question);
  prepared.question_.batch.clear();
  for (const auto& check : prepared.batch_) {
    prepared.queries_.push_back({check.tuple(), {}, check.context_.get(), std::nullopt});
  }
  return prepared;
}

Asker::Asker(const EngineWorld& world, std::uint32_t hops)
    : world_(world),
      limits_{.resolve_node_limit = hops <= 25 ? 25u : 0u},
      snapshot_(world.graph().Pin()) {}

Asker::Answer Asker::Ask(const Prepared& prepared) {
  if (prepared.ask_ == bench::Ask::kCheck) {  // Nothing that is not the check's own.
    const auto got = Check(prepared);
    return got.ok() && *got == prepared.answer_ ? Answer::kRight : Answer::kWrong;
  }
  const auto verified = AskAndVerify(prepared);
  return verified.ok() ? Answer::kRight : Answer::kWrong;
}

std::string Asker::Describe(const Prepared& prepared) {
  const auto verified = AskAndVerify(prepared);
  return ToText(prepared.question()) +
         (verified.ok() ? ": right this time" : ": " + verified.error().message);
}

namespace {

Error Wrong(std::string text) { return {ErrorCode::kInternal, "wrong answer: " + std::move(text)}; }

Status Verify(const Result<Decision>& got, Decision want) {
  if (!got.ok()) return Wrong("an error: " + got.error().message);
  if (*got != want) return Wrong(want == Decision::kAllowed ? "denied" : "allowed");
  return Done{};
}

}  // namespace

Result<Decision> Asker::Check(const Prepared& prepared) {
  arena_.Reset();
  answers_ = 1;
  const engine::Checker checker(limits_, clock_);
  return checker.Check(snapshot_, world_.model(),
                       {prepared.tuple(), {}, prepared.context_.get(), std::nullopt}, arena_);
}

Result<Done> Asker::AskAndVerify(const Prepared& prepared) {
  arena_.Reset();
  const engine::Checker checker(limits_, clock_);
  switch (prepared.question_.ask) {
    case Ask::kCheck:
      return Verify(Check(prepared), prepared.question_.answer);
    case Ask::kBatchCheck: {
      const auto got = checker.BatchCheck(snapshot_, world_.model(), prepared.queries_, arena_);
      answers_ = got.size();
      for (std::size_t i = 0; i < got.size(); ++i) {
        PEMBA_TRY(std::ignore, Verify(got[i], prepared.batch_[i].question_.answer));
      }
      return Done{};
    }
    case Ask::kListObjects:
    case Ask::kListUsers:
      return ListAndVerify(prepared);
  }
  return Wrong("no such question");
}

Result<Done> Asker::ListAndVerify(const Prepared& prepared) {
  const auto& question = prepared.question_;
  const engine::Lister lister(limits_, clock_);
  ListDigest digest;
  const engine::ListSink sink = [&digest](std::span<const std::string_view> ids) {
    for (const auto id : ids) digest.Add(id);
    return engine::SinkWants::kMore;
  };
  const auto summary = question.ask == Ask::kListObjects
                           ? lister.ListObjects(snapshot_, world_.model(),
                                                {.type = question.object,
                                                 .relation = question.relation,
                                                 .subject = question.subject,
                                                 .context = prepared.context_.get()},
                                                {}, arena_, sink)
                           : lister.ListUsers(snapshot_, world_.model(),
                                              {.object = question.object,
                                               .relation = question.relation,
                                               .user_type = question.subject,
                                               .context = prepared.context_.get()},
                                              {}, arena_, sink);
  if (!summary.ok()) return Wrong("an error: " + summary.error().message);
  answers_ = digest.count;
  if (digest != question.listed) {
    return Wrong(std::to_string(digest.count) + " ids, not the right " +
                 std::to_string(question.listed.count));
  }
  return Done{};
}

}  // namespace pemba::bench
