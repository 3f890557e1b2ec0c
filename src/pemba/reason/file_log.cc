// The transaction log in one file.
//
// Header: `PEMBARSN`. Then for each record: length and the low half of its XXH3 (4 bytes each,
// little-endian), bytes. Zero bytes never begin a record, so that what a file system may leave
// behind the end after a crash is not taken for one.
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pemba/base/hash.h"
#include "pemba/reason/transaction_log.h"

namespace pemba::reason {
namespace {

constexpr std::string_view kHeader = "PEMBARSN";
constexpr std::size_t kFrameBytes = 8;
constexpr std::size_t kRecordBytesMax = std::size_t{1} << 31;

Error Unavailable(const std::string& what) {
  return {ErrorCode::kUnavailable, what + ": " + std::strerror(errno)};
}

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

Status WriteAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return Unavailable("the transaction log cannot be written");
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return Done{};
}

void PutNumber(std::string& bytes, std::uint32_t number) {
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(number >> (8 * i)));
}
std::uint32_t GetNumber(std::string_view bytes) {
  std::uint32_t number = 0;
  for (int i = 0; i < 4; ++i) {
    number |=
        static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]))
        << (8 * i);
  }
  return number;
}

std::string Frame(std::string_view record) {
  std::string frame;
  frame.reserve(kFrameBytes + record.size());
  PutNumber(frame, static_cast<std::uint32_t>(record.size()));
  PutNumber(frame, static_cast<std::uint32_t>(HashBytes(record)));
  frame.append(record);
  return frame;
}

Result<std::string> ReadAll(int descriptor) {
  struct stat info {};
  if (::fstat(descriptor, &info) != 0) return Unavailable("the transaction log cannot be read");
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t got =
        ::pread(descriptor, bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Unavailable("the transaction log cannot be read");
    at += static_cast<std::size_t>(got);
  }
  return bytes;
}

bool IsWhole(std::string_view frame, std::size_t size) {
  return static_cast<std::uint32_t>(HashBytes(frame.substr(kFrameBytes, size))) ==
         GetNumber(frame.substr(4));
}

// Whether what looks like a record whose writing was interrupted was once whole: it is so with
// another length, or a whole record is behind its head.
bool HoldsWholeRecord(std::string_view rest) {
  if (rest.size() > kFrameBytes && IsWhole(rest, rest.size() - kFrameBytes)) return true;
  for (std::size_t at = 1; at + kFrameBytes < rest.size(); ++at) {
    const std::string_view frame = rest.substr(at);
    const std::uint32_t size = GetNumber(frame);
    if (size != 0 && size <= frame.size() - kFrameBytes && IsWhole(frame, size)) return true;
  }
  return false;
}

// Sees every whole record. The result is where they end: behind it is what is torn. 0: not even the
// header is whole. What no crash leaves is damage, and then nothing may be cut off: a record that
// is as long as it says, and ends in anything but what a file system fills up with, was written
// whole.
Result<std::size_t> Walk(std::string_view bytes, const std::string& path,
                         const std::function<Status(std::string_view)>& see) {
  if (bytes.size() < kHeader.size()) return std::size_t{0};
  if (!bytes.starts_with(kHeader)) {
    return Error{ErrorCode::kDataLoss, "`" + path + "` is not a transaction log"};
  }
  std::size_t at = kHeader.size();
  std::string_view rest = bytes.substr(at);
  while (rest.size() >= kFrameBytes) {
    const std::uint32_t size = GetNumber(rest);
    const bool complete = size != 0 && rest.size() - kFrameBytes >= size;
    if (!complete || !IsWhole(rest, size)) {
      const bool last = !complete || rest.size() == kFrameBytes + size;
      const bool torn = last && (complete ? rest.back() == '\0' : !HoldsWholeRecord(rest));
      if (torn) break;
      return Error{ErrorCode::kDataLoss,
                   "the transaction log `" + path + "` is damaged at byte " + std::to_string(at)};
    }
    PEMBA_TRY(std::ignore, see(rest.substr(kFrameBytes, size)));
    at += kFrameBytes + size;
    rest = bytes.substr(at);
  }
  return at;
}

enum class TornEnd : std::uint8_t { kCutOff, kIsDamage };

class FileLog final : public TransactionLog {
 public:
  FileLog(std::string path, File file, TornEnd torn_end)
      : path_(std::move(path)), file_(std::move(file)), torn_end_(torn_end) {}

  Status Read(const std::function<Status(std::string_view)>& see) override {
    PEMBA_TRY(const std::string bytes, ReadAll(file_.get()));
    PEMBA_TRY(const std::size_t end, Walk(bytes, path_, see));
    if (torn_end_ == TornEnd::kIsDamage) {
      if (end == bytes.size() && end != 0) return Done{};
      return Error{ErrorCode::kDataLoss,
                   "the transaction log `" + path_ + "` ends in the middle of a record"};
    }
    if (end == 0) return Restart();  // Torn when it was made.
    if (CutOff(static_cast<off_t>(end))) return Done{};
    return Unavailable("the torn end of the transaction log cannot be cut off");
  }

  Status Append(std::string_view record) override {
    if (failed_) {
      return Error{ErrorCode::kUnavailable,
                   "an earlier write to the transaction log failed; open the database again"};
    }
    if (record.empty() || record.size() > kRecordBytesMax) {
      return Error{ErrorCode::kLimitExceeded, "the transaction is too large for one record"};
    }
    const off_t end = ::lseek(file_.get(), 0, SEEK_CUR);
    failed_ = true;  // Until it is known to have worked.
    if (auto written = WriteAll(file_.get(), Frame(record)); !written.ok()) {
      // A full disk, most likely. Without the part that fitted the log is as it was.
      failed_ = !CutOff(end);
      return written;
    }
    if (::fdatasync(file_.get()) != 0) return Unavailable("the transaction log cannot be synced");
    failed_ = false;
    return Done{};
  }

  Status Replace(std::string_view record) override {
    const std::string fresh = path_ + ".new";
    File file(::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (file.get() < 0) return Unavailable("`" + fresh + "` cannot be made");
    auto written = WriteAll(file.get(), kHeader);
    if (written.ok()) written = WriteAll(file.get(), Frame(record));
    if (!written.ok()) {
      ::unlink(fresh.c_str());  // Others may need the room.
      return written;
    }
    if (::fsync(file.get()) != 0) return Unavailable("`" + fresh + "` cannot be synced");
    if (::rename(fresh.c_str(), path_.c_str()) != 0) {
      return Unavailable("`" + fresh + "` cannot take the place of the transaction log");
    }
    file_ = std::move(file);
    failed_ = true;
    PEMBA_TRY(std::ignore, SyncParent());
    failed_ = false;
    return Done{};
  }

  Status SyncParent() const {
    const auto slash = path_.rfind('/');
    return SyncDirectory(slash == path_.npos ? "." : path_.substr(0, slash + 1));
  }

 private:
  // The log goes on at `end`. False, with errno, if that cannot be.
  bool CutOff(off_t end) {
    return end >= 0 && ::ftruncate(file_.get(), end) == 0 &&
           ::lseek(file_.get(), end, SEEK_SET) == end;
  }

  Status Restart() {
    if (::ftruncate(file_.get(), 0) != 0 || ::lseek(file_.get(), 0, SEEK_SET) < 0) {
      return Unavailable("the transaction log cannot be begun");
    }
    PEMBA_TRY(std::ignore, WriteAll(file_.get(), kHeader));
    if (::fsync(file_.get()) != 0) return Unavailable("the transaction log cannot be synced");
    return SyncParent();
  }

  std::string path_;
  File file_;
  const TornEnd torn_end_;
  bool failed_ = false;
};

Result<std::unique_ptr<TransactionLog>> Open(const std::string& path, int flags, TornEnd torn_end) {
  File file(::open(path.c_str(), flags | O_CLOEXEC, 0600));
  if (file.get() < 0) return Unavailable("the transaction log `" + path + "` cannot be opened");
  return std::unique_ptr<TransactionLog>(
      std::make_unique<FileLog>(path, std::move(file), torn_end));
}

}  // namespace

Status SyncDirectory(const std::string& directory) {
  const File handle(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.get() < 0 || ::fsync(handle.get()) != 0) {
    return Unavailable("`" + directory + "` cannot be synced");
  }
  return Done{};
}

Result<std::unique_ptr<TransactionLog>> OpenFileLog(const std::string& path) {
  return Open(path, O_RDWR | O_CREAT, TornEnd::kCutOff);
}

Result<std::unique_ptr<TransactionLog>> OpenCopiedFileLog(const std::string& path) {
  return Open(path, O_RDONLY, TornEnd::kIsDamage);
}

// Records are only appended, and Replace puts another file in the place of this one: what was there
// when the file was opened stays there.
Status CopyFileLog(const std::string& path, const std::string& to) {
  const File from(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (from.get() < 0 && errno == ENOENT) {
    return Error{ErrorCode::kStoreNotFound, "there is no transaction log `" + path + "`"};
  }
  if (from.get() < 0) return Unavailable("the transaction log `" + path + "` cannot be opened");
  PEMBA_TRY(const std::string bytes, ReadAll(from.get()));
  PEMBA_TRY(const std::size_t end,
            Walk(bytes, path, [](std::string_view) -> Status { return Done{}; }));
  const File copy(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (copy.get() < 0) return Unavailable("`" + to + "` cannot be made");
  PEMBA_TRY(std::ignore,
            WriteAll(copy.get(), end == 0 ? kHeader : std::string_view(bytes).substr(0, end)));
  if (::fsync(copy.get()) != 0) return Unavailable("`" + to + "` cannot be synced");
  return Done{};
}

}  // namespace pemba::reason
