#include "pemba/iam/internal/settled.h"

#include <charconv>
#include <limits>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <xxhash.h>

#include "pemba/provider/model_merge.h"

namespace pemba::iam::internal {
namespace {

constexpr std::string_view kForm = "1 ";
constexpr std::string_view kNobody = "-";

XXH128_hash_t HashOf(const tuple::TupleView& tuple) {
  static thread_local std::string text;
  text.assign(tuple.object).append("#").append(tuple.relation).append("@").append(tuple.subject);
  return XXH3_128bits(text.data(), text.size());
}

template <class Number>
bool ParseNumber(std::string_view text, int base, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size();
}

// The text up to the next blank, which is taken off.
std::string_view Word(std::string_view& text) {
  const auto blank = std::min(text.find(' '), text.size());
  const auto word = text.substr(0, blank);
  text.remove_prefix(std::min(blank + 1, text.size()));
  return word;
}

std::optional<Settled> Parse(std::string_view text) {
  if (!text.starts_with(kForm)) return std::nullopt;
  text.remove_prefix(kForm.size());
  Settled settled;
  if (const auto by = Word(text); by != kNobody) settled.by = by;
  const auto tuples = TupleSum::Parse(Word(text));
  if (!tuples || !ParseNumber(text, 10, settled.objects)) return std::nullopt;
  settled.tuples = *tuples;
  return settled;
}

// Collects texts; each stays apart from the next one.
class Fingerprint {
 public:
  Fingerprint& Add(std::string_view text) {
    text_ += fmt::format("{}:", text.size());
    text_ += text;
    return *this;
  }
  std::string ToText() const {
    const auto hash = XXH3_128bits(text_.data(), text_.size());
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  }

 private:
  std::string text_;
};

void AddSettings(const Settings& settings, Fingerprint& print) {
  // A field more does not compile: it is to be added below.
  const auto& [system, assignable, organization_owner, project_owner, get_invitation,
               accept_invitation, self_delete, self_manage, preferences, owner_roles,
               account_domain, deactivation, grants] = settings;
  for (const auto* text : {&system, &assignable, &organization_owner, &project_owner,
                           &get_invitation, &accept_invitation, &self_delete, &self_manage,
                           &preferences, &owner_roles, &account_domain}) {
    print.Add(*text);
  }
  print.Add(std::to_string(static_cast<int>(deactivation)));
  print.Add(std::to_string(static_cast<int>(grants)));
}

}  // namespace

void TupleSum::Add(const tuple::TupleView& tuple) {
  const auto hash = HashOf(tuple);
  low_ += hash.low64;
  high_ += hash.high64;
}

void TupleSum::Remove(const tuple::TupleView& tuple) {
  const auto hash = HashOf(tuple);
  low_ -= hash.low64;
  high_ -= hash.high64;
}

std::string TupleSum::ToText() const { return fmt::format("{:016x}{:016x}", high_, low_); }

std::optional<TupleSum> TupleSum::Parse(std::string_view text) {
  TupleSum sum;
  if (text.size() != 32) return std::nullopt;
  if (!ParseNumber(text.substr(0, 16), 16, sum.high_)) return std::nullopt;
  if (!ParseNumber(text.substr(16), 16, sum.low_)) return std::nullopt;
  return sum;
}

TupleSum SumOfManaged(const graph::Snapshot& snapshot) {
  TupleSum sum;
  std::string object;  // With `:`, of the type that was looked at last.
  bool managed = false;
  snapshot.Scan({}, nullptr, std::numeric_limits<std::size_t>::max(),
                [&](const graph::StoredTuple& stored) {
                  const auto type = tuple::SplitObject(stored.tuple.object).type;
                  if (type != object) {
                    object = type;
                    managed = provider::IsManagedTuple(stored.tuple);
                  }
                  if (!managed) return;
                  sum.Add(stored.tuple);
                  const bool plain = stored.condition.empty() && !stored.expires_at;
                  if (!plain) sum.Add({stored.tuple.object, stored.tuple.relation, "not plain"});
                });
  return sum;
}

std::string Encode(const Settled& settled) {
  return fmt::format("{}{} {} {}", kForm, settled.by.empty() ? kNobody : settled.by,
                     settled.tuples.ToText(), settled.objects);
}

Settled Decode(const storage::Record& record) {
  auto settled = Parse(record.value).value_or(Settled());
  settled.revision = record.revision;
  return settled;
}

Result<std::optional<Settled>> ReadSettled(const store::Store& store) {
  std::optional<Settled> settled;
  const auto visit = [&](const storage::Record& record) {
    if (record.key != kSettledKey) return storage::Visit::kContinue;
    settled = Decode(record);
    return storage::Visit::kStop;
  };
  PEMBA_TRY(std::ignore, store.ReadRecords(kSettledKey, visit));
  return settled;
}

std::string FingerprintOf(std::string_view program, const Settings& settings,
                          const ProjectionOptions& projection, const resource::Registry& registry) {
  if (program.empty()) return {};
  Fingerprint print;
  print.Add(program);
  AddSettings(settings, print);
  print.Add(ToText(projection.kind));
  for (const auto& name : projection.platform_namespaces) print.Add(name);
  for (const auto& kind : registry.kinds()) {
    print.Add(kind->qualified_name()).Add(kind->version).Add(kind->name);
    print.Add(kind->scope == resource::Scope::kCluster ? "cluster" : "namespaced");
    print.Add(kind->has_status ? "with status" : "without");
    print.Add(boost::json::serialize(kind->schema_json));
  }
  return print.ToText();
}

}  // namespace pemba::iam::internal
