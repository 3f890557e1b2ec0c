#include "pemba/iam/build_id.h"

#include <cstring>

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

namespace pemba::iam {
namespace {

constexpr std::size_t kAlignment = 4;
std::size_t Aligned(std::size_t bytes) { return (bytes + kAlignment - 1) & ~(kAlignment - 1); }

// Empty if it is not among the notes.
std::string BuildIdIn(const char* notes, std::size_t bytes) {
  while (bytes >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof note);
    const auto whole = sizeof note + Aligned(note.n_namesz) + Aligned(note.n_descsz);
    if (whole > bytes) return {};
    const char* const name = notes + sizeof note;
    if (note.n_type == NT_GNU_BUILD_ID && std::string_view(name, note.n_namesz) ==
                                              std::string_view(ELF_NOTE_GNU, sizeof ELF_NOTE_GNU)) {
      std::string text;
      const char* const id = name + Aligned(note.n_namesz);
      for (std::size_t i = 0; i < note.n_descsz; ++i) {
        text += fmt::format("{:02x}", static_cast<unsigned char>(id[i]));
      }
      return text;
    }
    notes += whole;
    bytes -= whole;
  }
  return {};
}

int Visit(dl_phdr_info* info, std::size_t, void* out) {
  auto& id = *static_cast<std::string*>(out);
  for (int i = 0; i < info->dlpi_phnum && id.empty(); ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    const auto at = info->dlpi_addr + header.p_vaddr;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): where the linker put it.
    id = BuildIdIn(reinterpret_cast<const char*>(at), header.p_memsz);
  }
  return 1;  // The first one is the program; its libraries are of no interest.
}

}  // namespace

std::string BuildId() {
  std::string id;
  dl_iterate_phdr(Visit, &id);
  return id;
}

}  // namespace pemba::iam
