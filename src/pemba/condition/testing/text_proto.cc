#include "pemba/condition/testing/text_proto.h"

#include <charconv>
#include <cstdint>

namespace pemba::condition::testing {
namespace {

constexpr int kNestingMax = 200;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsScalarEnd(char c) {
  return IsSpace(c) || c == ',' || c == ';' || c == '{' || c == '}' || c == '[' || c == ']' ||
         c == ':' || c == '#';
}

void AppendCodePoint(std::uint32_t c, std::string& out) {
  const auto byte = [&](std::uint32_t bits) { out += static_cast<char>(bits); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xc0 | c >> 6);
    byte(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    byte(0xe0 | c >> 12);
    byte(0x80 | (c >> 6 & 0x3f));
    byte(0x80 | (c & 0x3f));
  } else {
    byte(0xf0 | c >> 18);
    byte(0x80 | (c >> 12 & 0x3f));
    byte(0x80 | (c >> 6 & 0x3f));
    byte(0x80 | (c & 0x3f));
  }
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<TextMessage> Run() {
    TextMessage message;
    if (!Fields(message, 0) || at_ != text_.size()) {
      return Error{ErrorCode::kInvalidArgument,
                   "not a text proto at offset " + std::to_string(at_)};
    }
    return message;
  }

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void SkipSpace() {
    for (; at_ < text_.size(); ++at_) {
      if (Peek() == '#') {
        while (at_ < text_.size() && Peek() != '\n') ++at_;
      } else if (!IsSpace(Peek())) {
        return;
      }
    }
  }

  bool Accept(char c) {
    SkipSpace();
    if (Peek() != c) return false;
    ++at_;
    return true;
  }

  // Fields up to a closing brace or the end.
  bool Fields(TextMessage& message, int nesting) {
    if (nesting > kNestingMax) return false;
    for (SkipSpace(); at_ < text_.size() && Peek() != '}'; SkipSpace()) {
      std::string name;
      if (!Name(name) || !Values(name, message, nesting)) return false;
      if (!Accept(',')) Accept(';');
    }
    return true;
  }

  bool Name(std::string& name) {
    const auto from = at_;
    if (Peek() == '[') {
      at_ = text_.find(']', at_);
      if (at_ == text_.npos) return false;
      ++at_;
    } else {
      while (at_ < text_.size() && !IsScalarEnd(Peek())) ++at_;
    }
    name = text_.substr(from, at_ - from);
    return !name.empty();
  }

  bool Values(const std::string& name, TextMessage& message, int nesting) {
    Accept(':');
    if (!Accept('[')) return OneValue(name, message, nesting);
    while (!Accept(']')) {
      if (!OneValue(name, message, nesting)) return false;
      Accept(',');
    }
    return true;
  }

  bool OneValue(const std::string& name, TextMessage& message, int nesting) {
    TextMessage::Field field;
    field.name = name;
    if (Accept('{')) {
      field.is_message = true;
      if (!Fields(field.message, nesting + 1) || !Accept('}')) return false;
    } else if (!Scalar(field.text)) {
      return false;
    }
    message.fields.push_back(std::move(field));
    return true;
  }

  bool Scalar(std::string& out) {
    SkipSpace();
    if (Peek() != '"' && Peek() != '\'') {
      const auto from = at_;
      while (at_ < text_.size() && !IsScalarEnd(Peek())) ++at_;
      out = text_.substr(from, at_ - from);
      return !out.empty();
    }
    // Adjacent strings are one.
    for (; Peek() == '"' || Peek() == '\''; SkipSpace()) {
      if (!Quoted(out)) return false;
    }
    return true;
  }

  bool Quoted(std::string& out) {
    const char quote = text_[at_++];
    while (at_ < text_.size() && Peek() != quote) {
      const char c = text_[at_++];
      if (c != '\\') {
        out += c;
      } else if (!Escape(out)) {
        return false;
      }
    }
    if (at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  bool Escape(std::string& out) {
    const char c = at_ < text_.size() ? text_[at_++] : '\0';
    constexpr std::string_view kFrom = "abfnrtv\\?\"'";
    constexpr std::string_view kTo = "\a\b\f\n\r\t\v\\?\"'";
    if (const auto i = kFrom.find(c); i != kFrom.npos) {
      out += kTo[i];
      return true;
    }
    std::uint32_t code = 0;
    if (c == 'x' || c == 'X') {
      if (!Digits(2, 16, code)) return false;
      out += static_cast<char>(code);
    } else if (c == 'u' || c == 'U') {
      if (!Digits(c == 'u' ? 4 : 8, 16, code)) return false;
      AppendCodePoint(code, out);
    } else {
      --at_;
      if (!Digits(3, 8, code)) return false;
      out += static_cast<char>(code);
    }
    return true;
  }

  // Up to `count` digits, at least one.
  bool Digits(std::size_t count, int base, std::uint32_t& code) {
    const auto digits = text_.substr(at_, count);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, base);
    at_ += static_cast<std::size_t>(end - digits.data());
    return error == std::errc();
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

const TextMessage::Field* TextMessage::Find(std::string_view name) const {
  for (const auto& field : fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

std::string TextMessage::Text(std::string_view name) const {
  const auto* field = Find(name);
  return field == nullptr ? std::string() : field->text;
}

const TextMessage& TextMessage::Message(std::string_view name) const {
  static const TextMessage kEmpty;
  const auto* field = Find(name);
  return field == nullptr ? kEmpty : field->message;
}

std::vector<const TextMessage::Field*> TextMessage::All(std::string_view name) const {
  std::vector<const Field*> all;
  for (const auto& field : fields) {
    if (field.name == name) all.push_back(&field);
  }
  return all;
}

Result<TextMessage> ParseTextProto(std::string_view text) { return Reader(text).Run(); }

}  // namespace pemba::condition::testing
