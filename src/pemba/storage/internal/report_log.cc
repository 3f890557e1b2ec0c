#include "pemba/storage/internal/report_log.h"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <string>
#include <utility>

namespace pemba::storage::internal {
namespace {

class ReportLog final : public rocksdb::Logger {
 public:
  explicit ReportLog(std::function<void(std::string_view)> report)
      : Logger(rocksdb::InfoLogLevel::ERROR_LEVEL), report_(std::move(report)) {}

  void Logv(const char* format, va_list arguments) override {
    if (!report_) return;
    std::array<char, 1024> text;
    std::vsnprintf(text.data(), text.size(), format, arguments);  // NOLINT: theirs is printf.
    report_(std::string("rocksdb: ") + text.data());
  }
  using rocksdb::Logger::Logv;  // With a level: those below ours do not come here.

 private:
  const std::function<void(std::string_view)> report_;
};

}  // namespace

std::shared_ptr<rocksdb::Logger> NewReportLog(std::function<void(std::string_view)> report) {
  return std::make_shared<ReportLog>(std::move(report));
}

}  // namespace pemba::storage::internal
