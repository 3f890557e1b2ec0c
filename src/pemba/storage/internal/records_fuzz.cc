// The first byte chooses the decoder; what decodes must encode back to the same bytes.
#include <cstdint>
#include <cstdlib>

#include "pemba/storage/internal/records.h"

using namespace pemba::storage;            // NOLINT(google-build-using-namespace): a fuzzer
using namespace pemba::storage::internal;  // NOLINT(google-build-using-namespace): a fuzzer

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0: {
      WriteParts parts;
      const auto write = DecodeWrite(body, parts);
      if (write.ok() && EncodeWrite(*write) != body) std::abort();
      if (write.ok() && *DecodeWriteTime(body) != write->time) std::abort();
      break;
    }
    case 1: {
      const auto record = DecodeStore({"id"}, body);
      if (record.ok() && EncodeStore(*record) != body) std::abort();
      break;
    }
    case 2: {
      const auto unsealed = Unseal("key", body);
      if (unsealed.ok() && Seal("key", *unsealed) != body) std::abort();
      break;
    }
    default: {
      const auto record = DecodeRecord("key", body);
      if (record.ok() && EncodeRecord(*record) != body) std::abort();
    }
  }
  return 0;
}
