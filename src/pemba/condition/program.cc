#include "pemba/condition/program.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "pemba/base/assert.h"
#include "pemba/condition/internal/bindings.h"
#include "pemba/condition/internal/coercion.h"
#include "pemba/condition/internal/evaluator.h"
#include "pemba/condition/internal/expression.h"
#include "pemba/telemetry/metrics.h"

namespace pemba::condition {

using internal::Kind;
using internal::Value;

struct Program::Compiled {
  struct Parameter {
    std::string name;
    ParameterType type;
  };

  std::string name;
  std::vector<Parameter> parameters;  // By name; bindings keep this order.
  ProgramOptions options;
  std::unique_ptr<const internal::Plan> plan;
};

namespace {

Error NotConverted(const std::string& condition, std::string_view parameter,
                   std::string_view cause) {
  return {ErrorCode::kValidation, "parameter type error on condition '" + condition +
                                      "' - failed to convert context parameter '" +
                                      std::string(parameter) + "': " + std::string(cause)};
}

Error NoParameters(const std::string& condition) {
  return {ErrorCode::kValidation, "parameter type error on condition '" + condition +
                                      "' - no parameters defined for the condition"};
}

Error InvalidModel(std::string message) { return {ErrorCode::kInvalidModel, std::move(message)}; }

// Declares the parameters as variables of their static types.
Result<internal::Environment> Declare(const Source& source, Arena& arena) {
  internal::Environment environment{&internal::Library::Standard(), {}};
  for (const auto& [name, type] : source.parameters) {
    auto static_type = internal::StaticType(type, arena);
    if (!static_type.ok()) {
      return InvalidModel("failed to decode parameter type for parameter '" + name +
                          "': " + static_type.error().message);
    }
    environment.variables.push_back({name, *static_type});
  }
  return environment;
}

// The value that counts: the tuple's, or else the request's.
const Value& Pick(const Bindings* request, const Bindings* tuple, std::size_t i) {
  static const Value kUnknown = Value::Unknown();
  if (tuple != nullptr && tuple->values[i].kind != Kind::kUnknown) return tuple->values[i];
  return request != nullptr ? request->values[i] : kUnknown;
}

bool HasContext(const Bindings* bindings) {
  return bindings != nullptr && !bindings->is_context_empty;
}

using SteadyClock = std::chrono::steady_clock;

std::uint64_t NanosecondsSince(SteadyClock::time_point start) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(SteadyClock::now() - start).count());
}

// Runs the plan, and counts that it did.
internal::Evaluation Run(const internal::Plan& plan, std::span<const Value> values,
                         std::uint64_t cost_max, const ProgramMetrics& metrics, Arena& arena) {
  if (metrics.evaluation == nullptr) return internal::Evaluate(plan, values, cost_max, arena);
  struct Timing {
    std::uint32_t evaluations = 0;
    std::uint64_t nanoseconds = 0;  // Of the last one that was timed.
  };
  static thread_local Timing timing;
  const bool timed = timing.evaluations++ % kEvaluationsPerTiming == 0;
  const auto start = timed ? SteadyClock::now() : SteadyClock::time_point();
  auto evaluation = internal::Evaluate(plan, values, cost_max, arena);
  if (timed) timing.nanoseconds = NanosecondsSince(start);
  metrics.evaluation->Observe(timing.nanoseconds);
  metrics.cost->Observe(evaluation.cost * kCostScale);
  return evaluation;
}

}  // namespace

Program::Program(std::unique_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
Program::~Program() = default;

Result<std::shared_ptr<const Program>> Program::Compile(const Source& source,
                                                        const ProgramOptions& options) {
  const auto start = SteadyClock::now();
  Arena arena;  // Of the syntax tree and the types; the plan owns what it needs.
  PEMBA_TRY(const auto environment, Declare(source, arena));
  PEMBA_TRY(const auto checked,
            internal::CheckExpression(source.name, source.expression, environment, arena));
  auto plan = internal::MakePlan(*checked.root, environment, internal::Folding::kOn);
  if (!plan.ok()) {
    return InvalidModel("condition expression construction: " + plan.error().message);
  }
  if (checked.type->kind != internal::TypeKind::kBool) {
    return InvalidModel("expected a bool condition expression output, but got '" +
                        internal::RuntimeName(*checked.type) + "'");
  }
  auto compiled = std::make_unique<Compiled>();
  compiled->name = source.name;
  for (const auto& [name, type] : source.parameters) compiled->parameters.push_back({name, type});
  compiled->options = options;
  compiled->plan = *std::move(plan);
  if (auto* compilation = options.metrics.compilation; compilation != nullptr) {
    compilation->Observe(NanosecondsSince(start));
  }
  return std::shared_ptr<const Program>(new Program(std::move(compiled)));
}

const std::string& Program::name() const { return compiled_->name; }

bool Program::HasParameter(std::string_view parameter) const {
  const auto& parameters = compiled_->parameters;
  const auto at = std::lower_bound(
      parameters.begin(), parameters.end(), parameter,
      [](const Compiled::Parameter& p, std::string_view name) { return p.name < name; });
  return at != parameters.end() && at->name == parameter;
}

Status Program::ValidateContext(const boost::json::object& context) const {
  if (context.empty()) return Done{};
  if (compiled_->parameters.empty()) return NoParameters(name());
  const auto bindings = Bind(context);
  for (std::size_t i = 0; i < bindings->values.size(); ++i) {
    const Value& value = bindings->values[i];
    if (value.kind != Kind::kError) continue;
    return NotConverted(name(), compiled_->parameters[i].name, value.text());
  }
  std::optional<std::string_view> unknown;
  for (const auto& member : context) {
    const std::string_view key(member.key().data(), member.key().size());
    if (!HasParameter(key) && (!unknown || key < *unknown)) unknown = key;
  }
  if (!unknown) return Done{};
  return Error{ErrorCode::kValidation, "found invalid context parameter: " + std::string(*unknown)};
}

std::shared_ptr<const Bindings> Program::Bind(const boost::json::object& context) const {
  Arena scratch;
  const Bindings& made = *BindIn(context, scratch);
  // Bindings may be kept for every conditional tuple of a store, so they take what they need only.
  auto kept = std::make_shared<internal::KeptBindings>(scratch.used_bytes());
  Bindings& bindings = kept->bindings;
  bindings = {this, made.is_context_empty, kept->arena.NewArray<Value>(made.values.size())};
  std::transform(made.values.begin(), made.values.end(), bindings.values.begin(),
                 [&](const Value& value) { return internal::Copy(value, kept->arena); });
  return {std::move(kept), &bindings};
}

const Bindings* Program::BindIn(const boost::json::object& context, Arena& arena) const {
  const auto& parameters = compiled_->parameters;
  const auto values = arena.NewArray<Value>(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto* json = context.if_contains(parameters[i].name);
    values[i] =
        json == nullptr ? Value::Unknown() : internal::Coerce(*json, parameters[i].type, arena);
  }
  return arena.New<Bindings>(this, context.empty(), values);
}

Result<Verdict> Program::Evaluate(const Bindings* request, const Bindings* tuple,
                                  const TupleText& tuple_text, Arena& arena) const {
  return Evaluate(request, tuple, tuple_text, compiled_->options.metrics, arena);
}

Result<Verdict> Program::Reevaluate(const Bindings* request, const Bindings* tuple,
                                    const TupleText& tuple_text, Arena& arena) const {
  return Evaluate(request, tuple, tuple_text, {}, arena);
}

Result<Verdict> Program::Evaluate(const Bindings* request, const Bindings* tuple,
                                  const TupleText& tuple_text, const ProgramMetrics& metrics,
                                  Arena& arena) const {
  PEMBA_CHECK(request == nullptr || request->program == this);
  PEMBA_CHECK(tuple == nullptr || tuple->program == this);
  const auto& parameters = compiled_->parameters;
  if (parameters.empty() && (HasContext(request) || HasContext(tuple))) {
    return NoParameters(name());
  }
  const auto values = arena.NewArray<Value>(parameters.size());
  bool is_complete = true;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = Pick(request, tuple, i);
    if (values[i].kind == Kind::kError) {
      return NotConverted(name(), parameters[i].name, values[i].text());
    }
    is_complete = is_complete && values[i].kind != Kind::kUnknown;
  }

  const auto outcome =
      Run(*compiled_->plan, values, compiled_->options.cost_max, metrics, arena).value;
  if (outcome.kind == Kind::kError) {
    return Error{ErrorCode::kValidation,
                 "'" + name() +
                     "' - failed to evaluate condition expression: " + std::string(outcome.text())};
  }
  if (!is_complete) {
    std::string missing;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i].kind != Kind::kUnknown) continue;
      if (!missing.empty()) missing += ' ';
      missing += parameters[i].name;
    }
    std::string message = "'" + name() + "' - tuple '";
    message.append(tuple_text.object).append("#").append(tuple_text.relation);
    message.append("@").append(tuple_text.subject);
    message.append("' is missing context parameters '[").append(missing).append("]'");
    return Error{ErrorCode::kValidation, std::move(message)};
  }
  PEMBA_CHECK(outcome.kind == Kind::kBool);  // The checker saw to it.
  return outcome.boolean ? Verdict::kMet : Verdict::kNotMet;
}

}  // namespace pemba::condition
