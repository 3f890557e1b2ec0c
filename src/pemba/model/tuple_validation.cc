#include "pemba/model/tuple_validation.h"

#include <string>

#include "pemba/base/text.h"
#include "pemba/tuple/context.h"

namespace pemba::model {
namespace {

using tuple::SubjectKind;

Error Invalid(std::string message) { return {ErrorCode::kValidation, std::move(message)}; }

Error TypeNotFound(std::string_view type) {
  return Invalid("type '" + std::string(type) + "' not found");
}

std::string Quoted(std::string_view type, std::string_view relation) {
  return "'" + std::string(type) + "#" + std::string(relation) + "'";
}

// The parts of a tuple that level 2 looks at.
struct Fit {
  const Plan& plan;
  const PlanRelation& relation;
  std::string_view object_type;
  tuple::SubjectParts subject;
  TypeIndex subject_type = kNoIndex;
  RelationIndex subject_relation = kNoIndex;  // Of a userset.
  bool subject_known = true;                  // Its type, and its relation if it is a userset.

  std::string Target() const { return Quoted(object_type, relation.name); }
  bool SameKind(const DirectEntry& entry) const {
    return subject_known && entry.type == subject_type && entry.userset == subject_relation &&
           entry.wildcard == (subject.kind == SubjectKind::kWildcard);
  }
};

Status ValidateTupleset(const Fit& fit, const tuple::Tuple& tuple) {
  if (!fit.relation.tupleset) return Done{};
  if (fit.subject.kind == SubjectKind::kWildcard) {
    return Invalid("unexpected wildcard relationship with tupleset relation " + fit.Target());
  }
  if (fit.subject.kind == SubjectKind::kUserset || fit.subject.type.empty()) {
    return Invalid("unexpected user '" + tuple.subject + "' with tupleset relation " +
                   fit.Target());
  }
  if (fit.plan.nodes()[fit.relation.root].op != PlanOp::kDirect) {
    return Invalid("unexpected rewrite encountered with tupleset relation " + fit.Target());
  }
  return Done{};
}

Status ValidateRestriction(const Fit& fit) {
  for (const auto& entry : fit.plan.EntriesOf(fit.relation)) {
    if (fit.SameKind(entry)) return Done{};
  }
  const std::string type(fit.subject.type);
  switch (fit.subject.kind) {
    case SubjectKind::kUserset:
      return Invalid(Quoted(type, fit.subject.relation) +
                     " is not an allowed type restriction for " + fit.Target());
    case SubjectKind::kWildcard:
      return Invalid("the typed wildcard '" + type + ":*' is not an allowed type restriction for " +
                     fit.Target());
    case SubjectKind::kObject:
      return Invalid("type '" + type + "' is not an allowed type restriction for " + fit.Target());
  }
  return Done{};
}

// Between quotes, with escapes for what does not show: nobody's terminal obeys an error text.
std::string QuotedText(std::string_view text) {
  constexpr std::string_view kControls = "\a\b\f\n\r\t\v", kLetters = "abfnrtv";
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto control = kControls.find(text[i]);
    const bool is_c1 = byte == 0xC2 && i + 1 < text.size() &&
                       static_cast<unsigned char>(text[i + 1]) <= 0x9F;  // U+0080-009F.
    if (control != kControls.npos) {
      out.append({'\\', kLetters[control]});
    } else if (byte < 0x20 || byte == 0x7F) {
      out.append({'\\', 'x', kHex[byte >> 4], kHex[byte & 15]});
    } else if (is_c1) {
      const auto low = static_cast<unsigned char>(text[++i]);
      out.append({'\\', 'u', '0', '0', kHex[low >> 4], kHex[low & 15]});
    } else {
      if (byte == '"' || byte == '\\') out.push_back('\\');
      out.push_back(text[i]);
    }
  }
  return out + "\"";
}

Status ValidateContextText(const boost::json::object& context) {
  const auto found = tuple::FindControlCharacter(context);
  using Where = tuple::ForbiddenText::Where;
  if (found.where == Where::kNone) return Done{};
  const std::string what = found.where == Where::kKey ? "context key" : "context value";
  return Invalid(what + " " + QuotedText(found.text) + " contains forbidden characters");
}

Status ValidateCondition(const Fit& fit, const std::optional<tuple::Condition>& given) {
  const auto entries = fit.plan.EntriesOf(fit.relation);
  if (!given) {
    for (const auto& entry : entries) {
      if (fit.SameKind(entry) && entry.condition == kNoIndex) return Done{};
    }
    return Invalid("condition is missing");
  }
  if (HasControlCharacter(given->name)) {
    return Invalid("condition name contains forbidden characters");
  }
  const auto condition = fit.plan.FindCondition(given->name);
  if (condition == kNoIndex) return Invalid("undefined condition");
  bool named = false;
  for (const auto& entry : entries) {
    named = named || (fit.SameKind(entry) && entry.condition == condition);
  }
  if (!named) return Invalid("invalid condition for type restriction");
  PEMBA_TRY(std::ignore, ValidateContextText(given->context));
  return fit.plan.conditions()[condition]->ValidateContext(given->context);
}

struct Causes {
  Status shape;      // Levels 1 and 2 but for conditions.
  Status condition;  // Meaningful if `shape` is fine.
};

Causes ValidateLevel2(const Plan& plan, const tuple::Tuple& tuple) {
  const auto object_type = tuple::SplitObject(tuple.object).type;
  const auto type = plan.FindType(object_type);
  if (type == kNoIndex) {
    return {Invalid("type '" + std::string(object_type) +
                    "' does not exist in the authorization model"),
            Done{}};
  }
  const auto relation = plan.FindRelation(type, tuple.relation);
  if (relation == kNoIndex) {
    return {Invalid("relation " + Quoted(object_type, tuple.relation) + " not found"), Done{}};
  }
  Fit fit{plan, plan.relations()[relation], object_type, tuple::SplitSubject(tuple.subject)};
  fit.subject_type = plan.FindType(fit.subject.type);
  if (fit.subject_type != kNoIndex && fit.subject.kind == SubjectKind::kUserset) {
    fit.subject_relation = plan.FindRelation(fit.subject_type, fit.subject.relation);
  }
  if (auto status = ValidateTupleset(fit, tuple); !status.ok()) return {status, Done{}};
  fit.subject_known = fit.subject_type != kNoIndex && (fit.subject.kind != SubjectKind::kUserset ||
                                                       fit.subject_relation != kNoIndex);
  if (auto status = ValidateRestriction(fit); !status.ok()) return {status, Done{}};
  return {Done{}, ValidateCondition(fit, tuple.condition)};
}

Error Wrapped(const tuple::Tuple& tuple, std::string_view cause, ErrorCode code,
              std::string_view condition = {}) {
  std::string text = "Invalid tuple '" + ToText(tuple.view());
  if (!condition.empty()) text.append(" (condition ").append(condition).append(")");
  return {code, text.append("'. Reason: ").append(cause)};
}

Status ValidateLevel3(const Plan& plan, const tuple::Tuple& tuple, ErrorCode code,
                      ErrorCode condition_code) {
  auto shape = ValidateQuery(plan, tuple.view());
  Status condition = Done{};
  if (shape.ok()) {
    auto causes = ValidateLevel2(plan, tuple);
    shape = std::move(causes.shape);
    condition = std::move(causes.condition);
  }
  if (!shape.ok()) return Wrapped(tuple, shape.error().message, code);
  if (!condition.ok()) {
    return Wrapped(tuple, condition.error().message, condition_code,
                   tuple.condition ? std::string_view(tuple.condition->name) : std::string_view());
  }
  return Done{};
}

}  // namespace

Status ValidateSubject(const Plan& plan, std::string_view subject) {
  if (!tuple::IsSubject(subject)) return Invalid("the 'user' field is malformed");
  const auto parts = tuple::SplitSubject(subject);
  if (parts.type.empty()) {
    return Invalid(
        "the 'user' field must be an object (e.g. document:1) or an 'object#relation' or a typed "
        "wildcard (e.g. group:*)");
  }
  const auto type = plan.FindType(parts.type);
  if (type == kNoIndex) return TypeNotFound(parts.type);
  if (parts.kind == SubjectKind::kUserset && plan.FindRelation(type, parts.relation) == kNoIndex) {
    return Invalid("relation " + Quoted(parts.type, parts.relation) + " not found");
  }
  return Done{};
}

Status ValidateQuery(const Plan& plan, const tuple::TupleView& tuple) {
  PEMBA_TRY(std::ignore, ValidateSubject(plan, tuple.subject));
  return ValidateObjectRelation(plan, tuple.object, tuple.relation);
}

Status ValidateObjectRelation(const Plan& plan, std::string_view object,
                              std::string_view relation) {
  if (!tuple::IsObject(object)) return Invalid("invalid 'object' field format");
  const auto parts = tuple::SplitObject(object);
  if (parts.id == "*") {
    return Invalid("the 'object' field cannot reference a typed wildcard");
  }
  const auto type = plan.FindType(parts.type);
  if (type == kNoIndex) return TypeNotFound(parts.type);
  if (!tuple::IsRelation(relation)) return Invalid("the 'relation' field is malformed");
  if (plan.FindRelation(type, relation) == kNoIndex) {
    return Invalid("relation " + Quoted(parts.type, relation) + " not found");
  }
  return Done{};
}

Status ValidateFit(const Plan& plan, const tuple::Tuple& tuple) {
  auto causes = ValidateLevel2(plan, tuple);
  return causes.shape.ok() ? std::move(causes.condition) : std::move(causes.shape);
}

Status ValidateWrite(const Plan& plan, const tuple::Tuple& tuple) {
  PEMBA_TRY(std::ignore,
            ValidateLevel3(plan, tuple, ErrorCode::kValidation, ErrorCode::kValidation));
  if (tuple.subject == tuple.object + "#" + tuple.relation) {
    return Wrapped(tuple, "cannot write a tuple that is implicit", ErrorCode::kValidation);
  }
  if (tuple.condition) {
    const auto bytes = tuple::StructWireBytes(tuple.condition->context);
    if (bytes > kContextBytesMax) {
      return Wrapped(tuple,
                     "condition context size limit exceeded: " + std::to_string(bytes) +
                         " bytes exceeds " + std::to_string(kContextBytesMax) + " bytes",
                     ErrorCode::kValidation);
    }
  }
  return Done{};
}

namespace {

// Some ids that fit everywhere; others are left to those who look closely.
bool IsPlainId(std::string_view id) {
  bool plain = !id.empty();
  for (const char character : id) {
    const auto c = static_cast<unsigned char>(character);
    plain = plain && c > ' ' && c < 0x7F && c != ':' && c != '#' && c != '*';
  }
  return plain;
}

}  // namespace

// INVARIANT: true only for tuples that ValidateWrite accepts.
bool WriteValidator::Kind::Covers(const tuple::TupleView& tuple) const {
  const auto [object, written_relation, subject] = tuple;
  if (object_prefix.empty() || written_relation != relation) return false;
  if (!object.starts_with(object_prefix) || !IsPlainId(object.substr(object_prefix.size()))) {
    return false;
  }
  if (wildcard) return subject == subject_prefix;
  if (subject.size() <= subject_prefix.size() + subject_suffix.size()) return false;
  if (!subject.starts_with(subject_prefix) || !subject.ends_with(subject_suffix)) return false;
  const auto id = subject.substr(subject_prefix.size(),
                                 subject.size() - subject_prefix.size() - subject_suffix.size());
  if (!IsPlainId(id)) return false;
  // The implicit tuple o#r@o#r.
  return subject_suffix.empty() || id != object.substr(object_prefix.size()) ||
         subject_prefix != object_prefix || subject_suffix.substr(1) != relation;
}

void WriteValidator::Remember(const tuple::TupleView& tuple) {
  last_ = (last_ + 1) % kinds_.size();
  Kind& kind = kinds_[last_];
  const auto subject = tuple::SplitSubject(tuple.subject);
  kind.object_prefix = tuple.object.substr(0, tuple.object.find(':') + 1);
  kind.relation = tuple.relation;
  kind.wildcard = subject.kind == SubjectKind::kWildcard;
  kind.subject_prefix = tuple.subject.substr(0, subject.type.size() + 1);
  kind.subject_suffix = {};
  if (kind.wildcard) kind.subject_prefix = tuple.subject;
  if (subject.kind == SubjectKind::kUserset) {
    kind.subject_suffix = tuple.subject.substr(tuple.subject.size() - subject.relation.size() - 1);
  }
}

Status WriteValidator::Validate(const tuple::TupleView& tuple) {
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    const auto k = (last_ + i) % kinds_.size();
    if (!kinds_[k].Covers(tuple)) continue;
    last_ = k;
    return Done{};
  }
  PEMBA_TRY(std::ignore,
            ValidateWrite(plan_, {std::string(tuple.object), std::string(tuple.relation),
                                  std::string(tuple.subject), std::nullopt}));
  Remember(tuple);
  return Done{};
}

Status ValidateContextual(const Plan& plan, const tuple::Tuple& tuple, ErrorCode condition_error) {
  return ValidateLevel3(plan, tuple, ErrorCode::kInvalidTuple, condition_error);
}

Status ValidateDelete(const tuple::TupleView& tuple) {
  if (tuple::IsSubject(tuple.subject)) return Done{};
  return Invalid("Invalid tuple '" + ToText(tuple) + "'. Reason: the 'user' field is malformed");
}

Status ValidateRequestContext(const boost::json::object& context) {
  const auto status = ValidateContextText(context);
  if (status.ok()) return Done{};
  return Invalid("invalid context: " + status.error().message);
}

}  // namespace pemba::model
