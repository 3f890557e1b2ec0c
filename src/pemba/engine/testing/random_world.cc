#include "pemba/engine/testing/random_world.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iterator>

#include "pemba/model/dsl.h"
#include "pemba/model/json.h"
#include "pemba/model/validation.h"
#include "pemba/tuple/context.h"

namespace pemba::engine::testing {
namespace {

using model::Rewrite;
using model::RewriteKind;

constexpr const char* kSubjectTypes[] = {"user", "robot"};
constexpr const char* kObjectTypes[] = {"group", "folder", "document"};
constexpr const char* kRelations[] = {"a", "b", "c", "d"};
constexpr const char* kTuplesets[] = {"parent", "link"};

// What tuples and requests bring: met, not met, failing at run time, not converting, not known.
constexpr const char* kContexts[] = {"",
                                     R"({"x":5})",
                                     R"({"x":50})",
                                     R"({"x":0})",
                                     R"({"x":5,"s":"a"})",
                                     R"({"s":"a"})",
                                     R"({"s":"b"})",
                                     R"({"x":"nonsense"})"};

class Builder {
 public:
  Builder(std::uint64_t seed, const WorldShape& shape)
      : random_(seed), expiry_random_(~seed), shape_(shape) {}

  World Build() {
    World world;
    do {
      world.model = MakeModel();
    } while (!model::ValidateModel(world.model).ok());
    MakeTuples(world);
    MakeQuestions(world);
    return world;
  }

 private:
  // std::uniform_int_distribution differs between libraries; this does not.
  int Below(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  bool Chance(int percent) { return Below(100) < percent; }
  template <class Range>
  auto& OneOf(Range& range) {
    return *std::next(std::begin(range), Below(static_cast<int>(std::size(range))));
  }

  model::Model MakeModel() {
    model::Model model;
    model.schema_version = "1.1";
    AddCondition(model, "small", "x < 10", {{"x", condition::ParameterTypeName::kInt}});
    AddCondition(model, "ratio", "100 / x > 10", {{"x", condition::ParameterTypeName::kInt}});
    AddCondition(
        model, "both", "x < 10 && s == 'a'",
        {{"x", condition::ParameterTypeName::kInt}, {"s", condition::ParameterTypeName::kString}});
    AddCondition(model, "bare", "true", {});
    conditional_percent_ = Chance(40) ? 0 : 30;
    operator_percent_ = 30 + Below(50);
    unions_only_ = Chance(25);
    object_types_ = std::span(kObjectTypes).first(static_cast<std::size_t>(1 + Below(3)));
    relations_ = std::span(kRelations).first(static_cast<std::size_t>(2 + Below(3)));
    ids_per_type_ = 1 + Below(shape_.ids_per_type);
    for (const char* type : kSubjectTypes) model.types.push_back({type, {}, std::nullopt});
    for (const char* type : object_types_) model.types.push_back(MakeType(type));
    return model;
  }

  static void AddCondition(
      model::Model& model, const std::string& name, const std::string& expression,
      const std::vector<std::pair<std::string, condition::ParameterTypeName>>& parameters) {
    model::ConditionDefinition definition{name, expression, {}, std::nullopt};
    for (const auto& [parameter, type] : parameters) definition.parameters[parameter] = {type, {}};
    model.conditions[name] = definition;
  }

  std::string MaybeCondition() {
    constexpr const char* kConditions[] = {"small", "ratio", "both", "bare"};
    return Chance(conditional_percent_) ? OneOf(kConditions) : "";
  }

  model::TypeDefinition MakeType(const char* type) {
    model::TypeDefinition definition{type, {}, model::TypeMetadata{}};
    for (const char* tupleset : kTuplesets) {
      definition.relations[tupleset].kind = RewriteKind::kThis;
      auto& restrictions = definition.metadata->relations[tupleset].directly_related_user_types;
      restrictions.push_back({OneOf(object_types_), "", false, MaybeCondition()});
      if (Chance(40)) restrictions.push_back({OneOf(object_types_), "", false, MaybeCondition()});
      if (Chance(20)) restrictions.push_back({OneOf(kSubjectTypes), "", false, ""});
    }
    for (int i = 0; i < static_cast<int>(std::size(relations_)); ++i) {
      direct_used_ = false;
      auto& metadata = definition.metadata->relations[relations_[static_cast<std::size_t>(i)]];
      definition.relations[relations_[static_cast<std::size_t>(i)]] =
          MakeRewrite(i, shape_.rewrite_depth_max);
      if (direct_used_) metadata.directly_related_user_types = MakeRestrictions();
    }
    return definition;
  }

  // Computed relations mostly point to later ones: cycles of them are not valid.
  Rewrite MakeRewrite(int relation, int depth) {
    Rewrite rewrite;
    const int last = static_cast<int>(std::size(relations_)) - 1;
    if (depth > 0 && Chance(operator_percent_)) {
      const int kind = Below(100);
      rewrite.kind = kind < 50   ? RewriteKind::kUnion
                     : kind < 70 ? RewriteKind::kIntersection
                                 : RewriteKind::kDifference;
      if (unions_only_) rewrite.kind = RewriteKind::kUnion;
      const int children = rewrite.kind == RewriteKind::kDifference ? 2 : 2 + Below(2);
      for (int i = 0; i < children; ++i) {
        rewrite.children.push_back(MakeRewrite(relation, depth - 1));
      }
      if (rewrite.kind != RewriteKind::kDifference && Chance(10)) {
        rewrite.children.push_back(rewrite.children[0]);  // A duplicate operand.
      }
    } else if (Chance(30)) {
      rewrite.kind = RewriteKind::kTupleToUserset;
      rewrite.tupleset = OneOf(kTuplesets);
      rewrite.relation = OneOf(relations_);
    } else if (relation < last && Chance(40)) {
      rewrite.kind = RewriteKind::kComputedUserset;
      rewrite.relation =
          relations_[static_cast<std::size_t>(relation + 1 + Below(last - relation))];
    } else {
      rewrite.kind = RewriteKind::kThis;
      direct_used_ = true;
    }
    return rewrite;
  }

  std::vector<model::RelationReference> MakeRestrictions() {
    std::vector<model::RelationReference> restrictions;
    const auto add = [&](model::RelationReference reference) {
      if (std::find(restrictions.begin(), restrictions.end(), reference) == restrictions.end()) {
        restrictions.push_back(std::move(reference));
      }
    };
    if (Chance(80)) add({"user", "", false, MaybeCondition()});
    if (Chance(20)) add({"user", "", false, MaybeCondition()});
    if (Chance(30)) add({"user", "", true, MaybeCondition()});
    if (Chance(20)) add({"robot", "", false, MaybeCondition()});
    if (Chance(10)) add({"robot", "", true, MaybeCondition()});
    if (Chance(10)) add({OneOf(object_types_), "", false, MaybeCondition()});
    if (Chance(10)) add({OneOf(object_types_), "", true, MaybeCondition()});
    while (Chance(50)) {
      add({OneOf(object_types_), OneOf(relations_), false, MaybeCondition()});
    }
    if (restrictions.empty()) add({"user", "", false, ""});
    return restrictions;
  }

  std::string Id() { return std::to_string(1 + Below(ids_per_type_)); }

  std::string SubjectOf(const model::RelationReference& reference) {
    if (reference.wildcard) return reference.type + ":*";
    const auto object = reference.type + ":" + Id();
    return reference.relation.empty() ? object : object + "#" + reference.relation;
  }

  std::optional<tuple::Condition> ConditionOf(const std::string& name) {
    if (name.empty()) return std::nullopt;
    return tuple::Condition{name, *tuple::ParseContext(OneOf(kContexts))};
  }

  // Mostly what some restriction asks for; now and then what no model of today would allow.
  tuple::Tuple MakeTuple(const model::Model& model) {
    const auto& definition =
        model.types[std::size(kSubjectTypes) + Below(static_cast<int>(object_types_.size()))];
    const auto& [relation, metadata] = OneOf(definition.metadata->relations);
    tuple::Tuple tuple{definition.type + ":" + Id(), relation, "", std::nullopt};
    model::RelationReference reference;
    if (!metadata.directly_related_user_types.empty() && Chance(90)) {
      reference = OneOf(metadata.directly_related_user_types);
    } else {
      reference.type = Chance(50) ? OneOf(kSubjectTypes) : OneOf(object_types_);
      if (Chance(30)) reference.wildcard = true;
      if (Chance(30) && !reference.wildcard && reference.type != "user" &&
          reference.type != "robot") {
        reference.relation = OneOf(relations_);
      }
    }
    if (Chance(7)) reference.condition = MaybeCondition();
    tuple.subject = SubjectOf(reference);
    tuple.condition = ConditionOf(reference.condition);
    return tuple;
  }

  void MakeTuples(World& world) {
    const int count = 2 + Below(shape_.tuples_max - 1);
    for (int i = 0; i < count; ++i) {
      auto tuple = MakeTuple(world.model);
      if (tuple.subject == tuple.object + "#" + tuple.relation) continue;  // Cannot be written.
      const auto same = std::find_if(world.tuples.begin(), world.tuples.end(),
                                     [&](const auto& t) { return t.view() == tuple.view(); });
      if (same == world.tuples.end()) {
        world.tuples.push_back(std::move(tuple));
      } else {
        *same = std::move(tuple);
      }
    }
    if (expiry_random_() % 3 != 0) return;
    for (auto& tuple : world.tuples) {
      if (expiry_random_() % 4 == 0) tuple.expires_at = MakeExpiry();
    }
  }

  // Half of them are past; what expires at the time of the question has expired.
  WallTime MakeExpiry() {
    constexpr std::array<std::int64_t, 4> kMilliseconds = {-3'600'000, 0, 1, 3'600'000};
    return kAskedAt + std::chrono::milliseconds(kMilliseconds[expiry_random_() % 4]);
  }

  std::string MakeSubject() {
    const int kind = Below(100);
    if (kind < 55) return "user:" + Id();
    if (kind < 63) return "robot:" + Id();
    if (kind < 70) return std::string(OneOf(object_types_)) + ":" + Id();
    if (kind < 78) return std::string(Chance(70) ? "user" : "group") + ":*";
    return std::string(OneOf(object_types_)) + ":" + Id() + "#" + OneOf(relations_);
  }

  void MakeQuestions(World& world) {
    Oracle oracle(world.model, {});
    for (int i = 0; i < shape_.questions; ++i) {
      Oracle::Question question;
      question.tuple = {std::string(OneOf(object_types_)) + ":" + Id(), OneOf(relations_),
                        MakeSubject(), std::nullopt};
      if (!world.tuples.empty() && Chance(70)) question.tuple.object = OneOf(world.tuples).object;
      if (Chance(10)) question.tuple.relation = OneOf(kTuplesets);
      if (Chance(60)) question.context = *tuple::ParseContext(OneOf(kContexts));
      const int limit = Below(100);
      question.hops_max = limit < 50   ? 0
                          : limit < 65 ? 25
                                       : 1 + static_cast<std::uint32_t>(Below(6));
      if (Chance(25)) {
        for (int n = 1 + Below(3); n > 0; --n) AddContextual(world, oracle, question);
      }
      world.questions.push_back(std::move(question));
    }
  }

  // Contextual tuples have to fit; half of them shadow a stored one.
  void AddContextual(const World& world, const Oracle& oracle, Oracle::Question& question) {
    auto tuple = MakeTuple(world.model);
    if (!world.tuples.empty() && Chance(50)) {
      tuple = OneOf(world.tuples);
      tuple.expires_at.reset();  // What is of the question only has no expiry.
      if (tuple.condition) tuple.condition->context = *tuple::ParseContext(OneOf(kContexts));
    }
    if (oracle.Fits(tuple)) question.contextual_tuples.push_back(std::move(tuple));
  }

  std::mt19937_64 random_;
  std::mt19937_64 expiry_random_;  // Apart: the worlds without expiry are those of their seeds.
  const WorldShape& shape_;
  std::span<const char*const> object_types_, relations_;
  int ids_per_type_ = 1;
  int conditional_percent_ = 0;
  int operator_percent_ = 0;
  bool unions_only_ = false;
  bool direct_used_ = false;
};

std::string ToText(const tuple::Tuple& tuple) {
  auto text = tuple::ToText(tuple.view());
  if (tuple.condition) {
    text += " with " + tuple.condition->name + " " + tuple::CanonicalText(tuple.condition->context);
  }
  if (tuple.expires_at) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(*tuple.expires_at - kAskedAt);
    text += " expires in " + std::to_string(left.count()) + " ms";
  }
  return text;
}

}  // namespace

World RandomWorld(std::uint64_t seed, const WorldShape& shape) {
  return Builder(seed, shape).Build();
}

World OneSubjectWorld(std::uint64_t seed) {
  auto world = RandomWorld(seed, {.ids_per_type = 4, .tuples_max = 60});
  const auto& first = world.questions[0];
  for (auto& question : world.questions) {
    question.tuple.subject = first.tuple.subject;
    question.contextual_tuples = first.contextual_tuples;
    question.context = first.context;
    question.hops_max = seed % 2 == 0 ? 0 : 2 + static_cast<std::uint32_t>(seed % 7);
  }
  return world;
}

std::string Describe(const World& world, const Oracle::Question& question) {
  const auto dsl = model::PrintDsl(world.model);
  std::string text = dsl.ok() ? *dsl : model::ModelToJson(world.model);
  text += "\ntuples:\n";
  for (const auto& tuple : world.tuples) text += "  " + ToText(tuple) + "\n";
  text += "question:\n  " + ToText(question.tuple) + "\n  context " +
          tuple::CanonicalText(question.context) + ", hops_max " +
          std::to_string(question.hops_max) + "\n";
  for (const auto& tuple : question.contextual_tuples) {
    text += "  contextual " + ToText(tuple) + "\n";
  }
  return text;
}

}  // namespace pemba::engine::testing
