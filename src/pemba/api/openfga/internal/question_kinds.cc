#include "pemba/api/openfga/internal/question_kinds.h"

namespace pemba::api::openfga::internal {
namespace {

// Of the field rules, in characters, which bytes are here.
constexpr std::size_t kObjectBytesMax = 256, kSubjectBytesMax = 512;

constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (unsigned char c = '!'; c < 0x7F; ++c) plain[c] = c != ':' && c != '#' && c != '*';
  return plain;
}();

bool IsPlainId(std::string_view id) {
  bool plain = !id.empty();
  for (const char c : id) plain &= kPlain[static_cast<unsigned char>(c)];
  return plain;
}

bool Covers(const QuestionKind& kind, const tuple::TupleView& question) {
  const auto object = kind.object_prefix.view(), subject = kind.subject_prefix.view();
  return question.relation == kind.relation.view() && question.object.starts_with(object) &&
         question.subject.starts_with(subject) && question.object.size() <= kObjectBytesMax &&
         question.subject.size() <= kSubjectBytesMax &&
         IsPlainId(question.object.substr(object.size())) &&
         IsPlainId(question.subject.substr(subject.size()));
}

}  // namespace

QuestionKinds& QuestionKinds::OfThisThread() {
  static thread_local QuestionKinds kinds;
  return kinds;
}

const QuestionKind* QuestionKinds::Find(const tuple::TupleView& question) {
  if (last_ < count_ && Covers(kinds_[last_], question)) return &kinds_[last_];
  for (std::size_t at = 0; at < count_; ++at) {
    if (!Covers(kinds_[at], question)) continue;
    last_ = at;
    return &kinds_[at];
  }
  return nullptr;
}

void QuestionKinds::Remember(const tuple::TupleView& question, std::string_view model) {
  QuestionKind kind{};
  const auto object = question.object.substr(0, question.object.find(':') + 1);
  const auto subject = question.subject.substr(0, question.subject.find(':') + 1);
  if (object.empty() || subject.empty() || !kind.object_prefix.Fits(object) ||
      !kind.subject_prefix.Fits(subject) || !kind.relation.Fits(question.relation) ||
      !kind.model.Fits(model)) {
    return;
  }
  kind.object_prefix.Set(object);
  kind.subject_prefix.Set(subject);
  kind.relation.Set(question.relation);
  kind.model.Set(model);
  if (!Covers(kind, question)) return;
  // The same kind of another model makes room; else whichever came after the last one.
  if (Find(question) == nullptr) {
    last_ = count_ < kinds_.size() ? count_++ : (last_ + 1) % kinds_.size();
  }
  kinds_[last_] = kind;
}

}  // namespace pemba::api::openfga::internal
