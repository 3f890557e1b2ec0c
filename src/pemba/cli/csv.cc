#include "pemba/cli/csv.h"

#include <utility>

namespace pemba::cli {
namespace {

Error AtLine(std::size_t line, std::string_view cause) {
  return {ErrorCode::kInvalidArgument, "line " + std::to_string(line) + ": " + std::string(cause)};
}

class CsvReader {
 public:
  explicit CsvReader(std::string_view text) : text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  Result<std::vector<CsvRecord>> Read() {
    std::vector<CsvRecord> records;
    while (at_ < text_.size()) {
      if (SkipLineBreak()) continue;
      PEMBA_TRY(auto record, ReadRecord());
      if (!records.empty() && record.fields.size() != records.front().fields.size()) {
        return AtLine(record.line, "has " + std::to_string(record.fields.size()) +
                                       " fields, the header has " +
                                       std::to_string(records.front().fields.size()));
      }
      records.push_back(std::move(record));
    }
    return records;
  }

 private:
  bool SkipLineBreak() {
    if (text_.substr(at_).starts_with("\r\n")) {
      at_ += 2;
    } else if (text_.substr(at_).starts_with("\n")) {
      at_ += 1;
    } else {
      return false;
    }
    ++line_;
    return true;
  }

  Result<CsvRecord> ReadRecord() {
    CsvRecord record{.line = line_, .fields = {}};
    for (;;) {
      PEMBA_TRY(auto field, text_.substr(at_).starts_with('"') ? ReadQuoted() : ReadPlain());
      record.fields.push_back(std::move(field));
      if (at_ == text_.size() || SkipLineBreak()) return record;
      if (text_[at_] != ',') return AtLine(line_, "text follows a closing quote");
      ++at_;
    }
  }

  // Ends at a comma, a line break or the end.
  Result<std::string> ReadPlain() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' &&
           !text_.substr(at_).starts_with("\r\n")) {
      if (text_[at_] == '"') return AtLine(line_, "a quote stands in an unquoted field");
      ++at_;
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  Result<std::string> ReadQuoted() {
    const std::size_t opened_on = line_;
    std::string field;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] == '"') {
        ++at_;
        if (at_ == text_.size() || text_[at_] != '"') return field;
      }
      field.push_back(text_[at_]);
    }
    return AtLine(opened_on, "a quote is not closed");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

}  // namespace

Result<std::vector<CsvRecord>> ParseCsv(std::string_view text) { return CsvReader(text).Read(); }

std::string CsvLine(const std::vector<std::string>& fields) {
  std::string line;
  for (const auto& field : fields) {
    if (&field != &fields.front()) line.push_back(',');
    // A lone empty field would be an empty line, which readers skip.
    const bool quoted = field.find_first_of(",\"\r\n") != std::string::npos ||
                        (field.empty() && fields.size() == 1);
    if (!quoted) {
      line += field;
      continue;
    }
    line.push_back('"');
    for (const char c : field) {
      if (c == '"') line.push_back('"');
      line.push_back(c);
    }
    line.push_back('"');
  }
  return line + "\n";
}

}  // namespace pemba::cli
