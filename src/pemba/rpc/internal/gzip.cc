#include "pemba/rpc/internal/gzip.h"

#include <algorithm>

#include <zlib.h>

namespace pemba::rpc::internal {

GunzipOutcome Gunzip(std::string_view compressed, std::size_t bytes_max, std::string& out) {
  z_stream stream{};
  constexpr int kGzipOnly = 16;
  if (inflateInit2(&stream, MAX_WBITS + kGzipOnly) != Z_OK) return GunzipOutcome::kMalformed;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  out.clear();
  auto outcome = GunzipOutcome::kMalformed;
  for (std::size_t produced = 0;;) {
    out.resize(std::min(bytes_max + 1, std::max<std::size_t>(produced * 2, 4096)));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + produced);
    stream.avail_out = static_cast<uInt>(out.size() - produced);
    const int code = inflate(&stream, Z_NO_FLUSH);
    produced = out.size() - stream.avail_out;
    if (produced > bytes_max) {
      outcome = GunzipOutcome::kTooLarge;
      break;
    }
    if (code == Z_STREAM_END) {
      // Bytes after the stream are not part of the message that the peer announced.
      if (stream.avail_in == 0) outcome = GunzipOutcome::kDone;
      out.resize(produced);
      break;
    }
    if (code != Z_OK || (stream.avail_in == 0 && stream.avail_out != 0)) break;
  }
  inflateEnd(&stream);
  return outcome;
}

}  // namespace pemba::rpc::internal
