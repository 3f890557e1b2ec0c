// TLS for listeners: TLS 1.2 and 1.3, ALPN, client certificates, certificates that are replaced
// while the server runs.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <openssl/ssl.h>

#include "pemba/base/result.h"
#include "pemba/rpc/call.h"
#include "pemba/rpc/server.h"

namespace pemba::rpc::internal {

struct SslDelete {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslPointer = std::unique_ptr<SSL, SslDelete>;

// The certificate of one listener. Thread-safe.
class TlsContext {
 public:
  // kInvalidArgument names the file that does not load.
  static Result<std::unique_ptr<TlsContext>> Load(const TlsOptions& options);

  // A server session on `socket`, with the certificate of now. Null if memory is short.
  SslPointer NewSession(int socket) const;

  // Loads the files again if one of them changed since they were last looked at. On an error the
  // certificate in use stays in use.
  Status ReloadIfChanged();

 private:
  using ContextPointer = std::unique_ptr<SSL_CTX, SslDelete>;
  struct FileStamp {
    std::int64_t modified_ns, inode, bytes;
    friend bool operator==(const FileStamp&, const FileStamp&) = default;
  };

  explicit TlsContext(TlsOptions options) : options_(std::move(options)) {}
  static Result<ContextPointer> MakeContext(const TlsOptions& options);
  std::vector<FileStamp> Stamps() const;

  const TlsOptions options_;
  mutable std::mutex mutex_;
  ContextPointer context_;         // Guarded by mutex_; sessions hold references of their own.
  std::vector<FileStamp> stamps_;  // Of the last attempt. Guarded by mutex_.
};

// Empty unless the client has presented a certificate that was verified.
PeerCertificate CertificateOfPeer(const SSL* ssl);

}  // namespace pemba::rpc::internal
