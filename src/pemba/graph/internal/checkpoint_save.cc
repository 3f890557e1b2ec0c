#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include "pemba/graph/internal/checkpoint.h"
#include "pemba/graph/internal/checkpoint_format.h"
#include "pemba/graph/internal/state.h"

namespace pemba::graph::internal {
namespace {

// Writes sections one after the other. The first failure is kept; everything after it is nothing.
class FileWriter {
 public:
  explicit FileWriter(const std::string& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)),
        hash_(XXH3_createState()) {
    if (fd_ < 0) failure_ = errno;
    buffer_.reserve(kBufferBytes);
    XXH3_64bits_reset(hash_);
    FileHeader blank;
    Write(&blank, sizeof(blank));
  }
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  ~FileWriter() {
    if (fd_ >= 0) ::close(fd_);
    XXH3_freeState(hash_);
  }

  void Begin(SectionKind kind, std::uint32_t index) {
    table_.push_back({kind, index, offset_, 0, 0});
    XXH3_64bits_reset(hash_);
  }
  void Write(const void* bytes, std::size_t count) {
    XXH3_64bits_update(hash_, bytes, count);
    offset_ += count;
    if (buffer_.size() + count > kBufferBytes) Flush();
    if (count > kBufferBytes) return WriteOut(static_cast<const char*>(bytes), count);
    const auto* const first = static_cast<const char*>(bytes);
    buffer_.insert(buffer_.end(), first, first + count);
  }
  void End() {
    SectionEntry& section = table_.back();
    section.bytes = offset_ - section.offset;
    static constexpr std::array<char, kSectionAlign> kZeroes{};
    Write(kZeroes.data(), (kSectionAlign - offset_ % kSectionAlign) % kSectionAlign);
    section.hash = XXH3_64bits_digest(hash_);
    if (section.bytes == 0) table_.pop_back();
  }
  template <class T>
  void Section(SectionKind kind, std::uint32_t index, const std::vector<T>& elements) {
    Begin(kind, index);
    Write(elements.data(), elements.size() * sizeof(T));
    End();
  }

  // Adds table and header, and syncs. Returns the errno of the first failure, or 0.
  int Finish(FileHeader header) {
    header.magic = kMagic;
    header.sections = static_cast<std::uint32_t>(table_.size());
    header.table_offset = offset_;
    Write(table_.data(), table_.size() * sizeof(SectionEntry));
    header.file_bytes = offset_;
    Flush();
    XXH3_64bits_reset(hash_);
    XXH3_64bits_update(hash_, &header, offsetof(FileHeader, hash));
    XXH3_64bits_update(hash_, table_.data(), table_.size() * sizeof(SectionEntry));
    header.hash = XXH3_64bits_digest(hash_);
    if (failure_ == 0 && ::pwrite(fd_, &header, sizeof(header), 0) != sizeof(header)) {
      failure_ = errno != 0 ? errno : EIO;
    }
    if (failure_ == 0 && ::fsync(fd_) != 0) failure_ = errno;
    return failure_;
  }

 private:
  static constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

  void Flush() {
    WriteOut(buffer_.data(), buffer_.size());
    buffer_.clear();
  }
  void WriteOut(const char* bytes, std::size_t count) {
    while (failure_ == 0 && count > 0) {
      const auto written = ::write(fd_, bytes, count);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) {
        failure_ = written < 0 ? errno : EIO;
        return;
      }
      bytes += written;
      count -= static_cast<std::size_t>(written);
      written_ += static_cast<std::uint64_t>(written);
      SendToDisk();
    }
  }

  // Has what was written so far go to the disk, and waits for all but the last piece. Left to the
  // sync at the end, hundreds of megabytes would go at once, and before them would wait whoever
  // syncs a log on that disk: a file system may have to write all that is dirty first.
  void SendToDisk() {
    constexpr std::uint64_t kPiece = std::uint64_t{8} << 20;
    const auto send = [&](std::uint64_t first, unsigned how) {
      if (::sync_file_range(fd_, static_cast<off64_t>(first), kPiece, how) == 0) return;
      if (errno != ENOSYS && failure_ == 0) failure_ = errno;  // The sync would not tell again.
    };
    for (; written_ - sent_ >= kPiece; sent_ += kPiece) {
      send(sent_, SYNC_FILE_RANGE_WRITE);
      if (sent_ < kPiece) continue;
      send(sent_ - kPiece,
           SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    }
  }

  int fd_;
  int failure_ = 0;
  XXH3_state_t* hash_;
  std::uint64_t offset_ = 0;
  std::uint64_t written_ = 0;  // Handed to the kernel,
  std::uint64_t sent_ = 0;     // and by it to the disk.
  std::vector<char> buffer_;
  std::vector<SectionEntry> table_;
};

// One side as of a stamp, written with every delta merged and big rows cut evenly.
class SideWriter {
 public:
  SideWriter(FileWriter& file, const Side& side, Stamp stamp)
      : file_(file), parts_(side.parts()), root_(side.root()), stamp_(stamp) {}

  void WriteLeaves() {
    for (std::uint32_t p = 0; root_ != nullptr && p < root_->pages; ++p) {
      const Page* const page = root_->page()[p].load(std::memory_order_acquire);
      if (page == nullptr) continue;
      for (std::uint32_t c = 0; c < page->cell_count(); ++c) WriteCell(*page, p, c);
    }
  }

  std::vector<FileCell> cells;
  std::vector<FileSegment> segments;
  std::uint64_t edges = 0;

 private:
  void WriteCell(const Page& page, std::uint32_t page_index, std::uint32_t cell_index) {
    const Cell& cell = page.cells()[cell_index];
    const Log* const log = cell.log.load(std::memory_order_acquire);  // Before the leaf: see Cell.
    const Leaf* const leaf = cell.leaf.load(std::memory_order_acquire);
    if (leaf != nullptr && leaf->big_rows == 0 && (log == nullptr || log->count == 0)) {
      // As it lies there. INVARIANT: what is merged is visible to every snapshot.
      edges += leaf->edges;
      return AddCell(page, page_index, cell_index, WriteBytes(leaf, leaf->bytes));
    }
    Merge(leaf, log, {&stamp_, 1}, merged_);
    std::vector<Item> items = std::move(merged_.edges);
    const std::uint32_t first_row = cell_index << page.shift;
    const auto sorted = items.size();  // By row and other.
    for (std::uint32_t row = 0; leaf != nullptr && leaf->big_rows >> row != 0; ++row) {
      if (!leaf->IsBig(row)) continue;
      AddBigRow(*page.big_rows.load(std::memory_order_acquire)->Find(first_row + row),
                static_cast<std::uint16_t>(row), items);
      if (row == Leaf::kOffsetRows - 1) break;
    }
    if (items.empty()) return;
    if (items.size() > sorted) {
      std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
        return a.row != b.row ? a.row < b.row : a.other < b.other;
      });
    }
    edges += items.size();

    const NodeId first_node = (page_index << kPageBits) + first_row;
    const std::uint64_t big_rows =
        page.shift == kCellBits ? WriteBigRows(first_node, items) : std::uint64_t{0};
    const auto form = page.shift == kCellBits
                          ? FormFor(static_cast<std::uint32_t>(items.size()), Leaf::kOffsetRows)
                          : LeafForm::kPairs;
    AddCell(page, page_index, cell_index, WriteLeafOf(form, big_rows, items));
  }

  void AddCell(const Page& page, std::uint32_t page_index, std::uint32_t cell_index,
               std::uint64_t offset) {
    cells.push_back({page_index, static_cast<std::uint16_t>(page.shift),
                     static_cast<std::uint16_t>(cell_index), offset});
  }

  void AddBigRow(const BigRow& big, std::uint16_t row, std::vector<Item>& items) {
    const SegmentTable* const table = big.table.load(std::memory_order_acquire);
    for (std::uint32_t s = 0; s < table->count; ++s) {
      const Cell& cell = *table->cells()[s];
      const Log* const log = cell.log.load(std::memory_order_acquire);
      const Leaf* const leaf = cell.leaf.load(std::memory_order_acquire);
      Merge(leaf, log, {&stamp_, 1}, merged_);
      for (Item& item : merged_.edges) {
        item.row = row;
        items.push_back(item);
      }
    }
  }

  // Takes the rows that are too long for a leaf out of `items` and returns their bits.
  std::uint64_t WriteBigRows(NodeId first_node, std::vector<Item>& items) {
    std::uint64_t big_rows = 0;
    for (auto begin = items.begin(); begin != items.end();) {
      const auto end = std::find_if(begin, items.end(),
                                    [&](const Item& item) { return item.row != begin->row; });
      if (end - begin > kLeafRowMax) {
        big_rows |= std::uint64_t{1} << begin->row;
        const std::span<Item> row(begin, end);
        for (std::size_t at = 0; at < row.size(); at += kSegmentTarget) {
          const auto part = row.subspan(at, std::min<std::size_t>(kSegmentTarget, row.size() - at));
          const NodeId first = at == 0 ? 0 : part.front().other;
          segments.push_back(
              {first_node + begin->row, first, WriteLeafOf(LeafForm::kOneRow, 0, part)});
        }
      }
      begin = end;
    }
    std::erase_if(
        items, [&](const Item& item) { return big_rows != 0 && (big_rows >> item.row & 1) != 0; });
    return big_rows;
  }

  std::uint64_t WriteLeafOf(LeafForm form, std::uint64_t big_rows, std::span<const Item> items) {
    buffer_.resize(LeafBytes(form, parts_, static_cast<std::uint32_t>(items.size())) / 8);
    WriteLeaf(buffer_.data(), form, parts_, big_rows, items);
    return WriteBytes(buffer_.data(), buffer_.size() * 8);
  }

  // Returns where they begin.
  std::uint64_t WriteBytes(const void* bytes, std::size_t count) {
    file_.Write(bytes, count);
    return std::exchange(bytes_, bytes_ + count);
  }

  FileWriter& file_;
  const std::uint8_t parts_;
  const Root* const root_;
  const Stamp stamp_;
  std::uint64_t bytes_ = 0;
  Merged merged_;
  std::vector<std::uint64_t> buffer_;
};

void WriteDictionary(FileWriter& file, const Dictionary& dictionary, SectionKind records,
                     SectionKind positions, SectionKind table, std::uint32_t index) {
  const auto image = dictionary.MakeImage();
  file.Section(records, index, image.records);
  file.Section(positions, index, image.positions);
  file.Section(table, index, image.table);
}

std::uint64_t WriteSide(FileWriter& file, const Side& side, Stamp stamp, SectionKind leaves,
                        SectionKind cells, SectionKind segments, std::uint32_t index) {
  SideWriter writer(file, side, stamp);
  file.Begin(leaves, index);
  writer.WriteLeaves();
  file.End();
  file.Section(cells, index, writer.cells);
  file.Section(segments, index, writer.segments);
  return writer.edges;
}

void PutNumber(std::uint64_t number, std::vector<char>& out) {
  out.insert(out.end(), reinterpret_cast<const char*>(&number),
             reinterpret_cast<const char*>(&number + 1));
}
void PutText(std::string_view text, std::vector<char>& out) {
  PutNumber(text.size(), out);
  out.insert(out.end(), text.begin(), text.end());
}

Error IoError(const std::string& path, int failure) {
  return {ErrorCode::kUnavailable,
          "checkpoint `" + path + "` cannot be written: " + std::strerror(failure)};
}

// Makes the renaming of a file in the directory durable.
int SyncDirectoryOf(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  const int fd = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int failure = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  return failure;
}

}  // namespace

Status SaveCheckpoint(const Snapshot& snapshot, const GraphState& state, Stamp stamp,
                      const std::string& path) {
  const std::string temporary = path + ".tmp";
  FileWriter file(temporary);

  const auto types = state.names.Types();
  auto partitions = state.names.InOrder();
  std::sort(partitions.begin(), partitions.end(),
            [](const Partition* a, const Partition* b) { return a->id < b->id; });
  std::vector<char> names;
  std::uint64_t tuples = 0;
  std::uint32_t version = kFormatVersion;
  PutNumber(types.size(), names);
  for (const Type* type : types) PutText(type->name, names);
  PutNumber(partitions.size(), names);
  for (const Partition* p : partitions) {
    using enum SectionKind;
    const auto edges =
        WriteSide(file, p->forward, stamp, kForwardLeaves, kForwardCells, kForwardSegments, p->id);
    WriteSide(file, p->reverse, stamp, kReverseLeaves, kReverseCells, kReverseSegments, p->id);
    tuples += edges;
    for (const auto& part : {p->key.object_type, p->key.relation, p->key.subject_type,
                             p->key.subject_relation, p->key.condition}) {
      PutText(part, names);
    }
    PutNumber((p->key.wildcard ? kWildcard : 0) | (p->key.expires ? kExpires : 0), names);
    if (p->key.expires) version = kFormatVersionExpiring;
    PutNumber(edges, names);
  }
  file.Section(SectionKind::kNames, 0, names);

  // Ids that later writes have interned may come along: their log will find them again.
  for (const Type* type : types) {
    WriteDictionary(file, type->nodes, SectionKind::kNodeRecords, SectionKind::kNodePositions,
                    SectionKind::kNodeTable, type->id);
  }
  WriteDictionary(file, state.contexts, SectionKind::kContextRecords,
                  SectionKind::kContextPositions, SectionKind::kContextTable, 0);
  file.Section(SectionKind::kRuns, 0, state.stamps.Runs(stamp));
  file.Begin(SectionKind::kTimes, 0);
  for (Stamp s = 1; s <= stamp; ++s) {
    const std::int64_t time = state.stamps.TimeOf(s).time_since_epoch().count();
    file.Write(&time, sizeof(time));
  }
  file.End();

  int failure = file.Finish({.version = version,
                             .revision = snapshot.revision(),
                             .tuples = tuples,
                             .hash_seed = state.hash_seed});
  if (failure == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) failure = errno;
  if (failure == 0) failure = SyncDirectoryOf(path);
  if (failure == 0) return Done{};
  ::unlink(temporary.c_str());
  return IoError(path, failure);
}

}  // namespace pemba::graph::internal
