#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "pemba/graph/internal/checkpoint.h"
#include "pemba/graph/internal/checkpoint_format.h"
#include "pemba/graph/internal/state.h"

namespace pemba::graph::internal {
namespace {

// A private, writable mapping: dictionaries add to their tables in place, without the file.
class Mapping {
 public:
  Mapping(void* at, std::size_t bytes) : at_(at), bytes_(bytes) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { ::munmap(at_, bytes_); }
  std::span<std::byte> bytes() const { return {static_cast<std::byte*>(at_), bytes_}; }

 private:
  void* at_;
  std::size_t bytes_;
};

Result<std::shared_ptr<const Mapping>> Map(const std::string& path) {
  const auto failed = [&path] {
    return Error{ErrorCode::kUnavailable,
                 "checkpoint `" + path + "` cannot be read: " + std::strerror(errno)};
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed();
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    ::close(fd);
    return failed();
  }
  const auto bytes = static_cast<std::size_t>(status.st_size);
  if (bytes < sizeof(FileHeader)) {
    ::close(fd);
    return Error{ErrorCode::kDataLoss, "checkpoint `" + path + "`: header: the file is truncated"};
  }
  void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  ::close(fd);
  if (at == MAP_FAILED) return failed();
  return std::make_shared<const Mapping>(at, bytes);
}

// The verified sections of a mapped file.
class Reader {
 public:
  Reader(const std::string& path, std::span<std::byte> file) : path_(path), file_(file) {}

  Error Corrupt(const std::string& section, const std::string& what) const {
    return {ErrorCode::kDataLoss, "checkpoint `" + path_ + "`: " + section + ": " + what};
  }

  Result<FileHeader> Verify() {
    FileHeader header;
    std::memcpy(&header, file_.data(), sizeof(header));
    if (header.magic != kMagic) return Corrupt("header", "not a checkpoint of a graph");
    if (header.version != kFormatVersion) {
      return Corrupt("header", "version " + std::to_string(header.version) + " is not known");
    }
    const auto table_bytes = std::uint64_t{header.sections} * sizeof(SectionEntry);
    if (header.file_bytes != file_.size() || table_bytes > file_.size() ||
        header.table_offset != file_.size() - table_bytes) {
      return Corrupt("header", "the file is truncated or its length altered");
    }
    std::vector<SectionEntry> table(header.sections);
    std::memcpy(table.data(), file_.data() + header.table_offset, table_bytes);
    if (HashOfHeader(header, table) != header.hash) return Corrupt("header", "altered");

    std::uint64_t end = sizeof(FileHeader);
    for (const SectionEntry& section : table) {
      const auto name = NameOf(section.kind, section.index);
      const auto padded = (section.bytes + kSectionAlign - 1) / kSectionAlign * kSectionAlign;
      if (section.offset != end || padded < section.bytes ||
          padded > header.table_offset - section.offset) {
        return Corrupt(name, "out of place");
      }
      end += padded;
      const auto bytes = file_.subspan(section.offset, padded);
      if (XXH3_64bits(bytes.data(), bytes.size()) != section.hash) return Corrupt(name, "altered");
      sections_[{section.kind, section.index}] = bytes.first(section.bytes);
    }
    if (end != header.table_offset) return Corrupt("header", "sections are missing");
    return header;
  }

  std::span<std::byte> Bytes(SectionKind kind, std::uint32_t index) const {
    const auto at = sections_.find({kind, index});
    return at == sections_.end() ? std::span<std::byte>() : at->second;
  }
  template <class T>
  std::span<const T> Array(SectionKind kind, std::uint32_t index) const {
    const auto bytes = Bytes(kind, index);
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

 private:
  static std::uint64_t HashOfHeader(const FileHeader& header,
                                    const std::vector<SectionEntry>& table) {
    XXH3_state_t* const state = XXH3_createState();
    XXH3_64bits_reset(state);
    XXH3_64bits_update(state, &header, offsetof(FileHeader, hash));
    XXH3_64bits_update(state, table.data(), table.size() * sizeof(SectionEntry));
    const auto hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return hash;
  }

  const std::string& path_;
  const std::span<std::byte> file_;
  std::map<std::pair<SectionKind, std::uint32_t>, std::span<std::byte>> sections_;
};

// Takes numbers and texts from the names section; nothing more once it has run out.
class NameReader {
 public:
  explicit NameReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  std::optional<std::uint64_t> Number() {
    std::uint64_t number = 0;
    if (rest_.size() < sizeof(number)) return std::nullopt;
    std::memcpy(&number, rest_.data(), sizeof(number));
    rest_ = rest_.subspan(sizeof(number));
    return number;
  }
  std::optional<std::string> Text() {
    const auto length = Number();
    if (!length || *length > rest_.size()) return std::nullopt;
    std::string text(reinterpret_cast<const char*>(rest_.data()), *length);
    rest_ = rest_.subspan(*length);
    return text;
  }

 private:
  std::span<const std::byte> rest_;
};

Status LoadNames(const Reader& reader, GraphState& state) {
  const auto bad = reader.Corrupt(NameOf(SectionKind::kNames, 0), "inconsistent");
  NameReader names(reader.Bytes(SectionKind::kNames, 0));
  const auto types = names.Number();
  if (!types) return bad;
  for (std::uint64_t id = 0; id < *types; ++id) {
    const auto name = names.Text();
    if (!name || state.names.InternType(*name).id != id) return bad;
  }
  const auto partitions = names.Number();
  if (!partitions) return bad;
  for (std::uint64_t id = 0; id < *partitions; ++id) {
    PartitionKey key;
    for (std::string* part : {&key.object_type, &key.relation, &key.subject_type,
                              &key.subject_relation, &key.condition}) {
      auto text = names.Text();
      if (!text) return bad;
      *part = *std::move(text);
    }
    const auto wildcard = names.Number();
    const auto edges = names.Number();
    if (!wildcard || !edges) return bad;
    key.wildcard = *wildcard != 0;
    Partition& partition = state.names.InternPartition(key);
    if (partition.id != id) return bad;
    partition.writes.store(*edges, std::memory_order_relaxed);
  }
  if (state.names.Types().size() != *types) return bad;
  return Done{};
}

Status LoadDictionary(const Reader& reader, Dictionary& dictionary, SectionKind records,
                      SectionKind positions, SectionKind table, std::uint32_t index) {
  const auto adopted =
      dictionary.Adopt(reader.Array<char>(records, index),
                       reader.Array<std::uint32_t>(positions, index), reader.Bytes(table, index));
  if (adopted == Dictionary::Adopted::kYes) return Done{};
  return reader.Corrupt(NameOf(records, index), "inconsistent");
}

// The leaf at an offset of the section, or null if it does not lie within.
const Leaf* LeafAt(std::span<const std::byte> leaves, std::uint64_t offset, std::uint8_t parts) {
  if (offset % 8 != 0 || offset > leaves.size() || leaves.size() - offset < sizeof(Leaf)) {
    return nullptr;
  }
  const auto* const leaf = reinterpret_cast<const Leaf*>(leaves.data() + offset);
  const bool fits = leaf->form <= LeafForm::kOffsets && leaf->parts == parts &&
                    leaf->bytes == LeafBytes(leaf->form, parts, leaf->edges) &&
                    leaf->bytes <= leaves.size() - offset;
  return fits ? leaf : nullptr;
}

Status LoadSide(const Reader& reader, Side& side, SectionKind leaf_kind, SectionKind cell_kind,
                SectionKind segment_kind, std::uint32_t index) {
  const auto leaves = reader.Bytes(leaf_kind, index);
  for (const FileCell& cell : reader.Array<FileCell>(cell_kind, index)) {
    const Leaf* const leaf = LeafAt(leaves, cell.leaf, side.parts());
    const bool fits = leaf != nullptr && cell.page < kLocalNodes >> kPageBits &&
                      (cell.shift == kPageBits || cell.shift == kCellBits) &&
                      cell.cell < 1u << (kPageBits - cell.shift);
    if (!fits) return reader.Corrupt(NameOf(cell_kind, index), "inconsistent");
    side.AdoptCell(cell.page, cell.shift, cell.cell, leaf);
  }

  const auto segments = reader.Array<FileSegment>(segment_kind, index);
  for (std::size_t begin = 0; begin < segments.size();) {
    std::vector<NodeId> firsts;
    std::vector<const Leaf*> row;
    std::size_t end = begin;
    for (; end < segments.size() && segments[end].row == segments[begin].row; ++end) {
      firsts.push_back(segments[end].first);
      row.push_back(LeafAt(leaves, segments[end].leaf, side.parts()));
      const bool fits = row.back() != nullptr && row.back()->form == LeafForm::kOneRow &&
                        (end == begin ? firsts.back() == 0 : firsts.back() > firsts.end()[-2]);
      if (!fits) return reader.Corrupt(NameOf(segment_kind, index), "inconsistent");
    }
    if (segments[begin].row >= kLocalNodes) {
      return reader.Corrupt(NameOf(segment_kind, index), "inconsistent");
    }
    side.AdoptBigRow(segments[begin].row, firsts, row);
    begin = end;
  }
  return Done{};
}

}  // namespace

Result<std::unique_ptr<GraphState>> LoadCheckpoint(const std::string& path, GraphOptions options) {
  PEMBA_TRY(auto mapping, Map(path));
  if (options.memory_bytes_max != 0 && mapping->bytes().size() > options.memory_bytes_max) {
    return Error{ErrorCode::kResourceExhausted,
                 "checkpoint `" + path + "` is larger than the store's memory budget"};
  }
  Reader reader(path, mapping->bytes());
  PEMBA_TRY(const FileHeader header, reader.Verify());

  auto state = std::make_unique<GraphState>(options, header.hash_seed);
  state->mapping = mapping;
  state->memory.SetMapping(mapping->bytes());
  PEMBA_TRY(std::ignore, LoadNames(reader, *state));
  using enum SectionKind;
  for (Type* type : state->names.Types()) {
    PEMBA_TRY(std::ignore, LoadDictionary(reader, type->nodes, kNodeRecords, kNodePositions,
                                          kNodeTable, type->id));
  }
  PEMBA_TRY(std::ignore, LoadDictionary(reader, state->contexts, kContextRecords, kContextPositions,
                                        kContextTable, 0));
  for (Partition* p : state->names.InOrder()) {
    PEMBA_TRY(std::ignore,
              LoadSide(reader, p->forward, kForwardLeaves, kForwardCells, kForwardSegments, p->id));
    PEMBA_TRY(std::ignore,
              LoadSide(reader, p->reverse, kReverseLeaves, kReverseCells, kReverseSegments, p->id));
  }
  const auto adopted = state->stamps.Adopt(state->memory, reader.Array<Stamps::Run>(kRuns, 0),
                                           reader.Array<std::int64_t>(kTimes, 0));
  if (adopted == Stamps::Adopted::kNo || state->stamps.last_revision() != header.revision) {
    return reader.Corrupt(NameOf(kRuns, 0), "inconsistent");
  }
  state->tuples.store(header.tuples, std::memory_order_relaxed);
  state->applied_revision.store(header.revision, std::memory_order_relaxed);
  state->published_revision.store(header.revision, std::memory_order_relaxed);
  state->gate.published.store(state->stamps.last(), std::memory_order_seq_cst);
  return state;
}

}  // namespace pemba::graph::internal
