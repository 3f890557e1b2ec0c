#include "pemba/rpc/internal/tls.h"

#include <string_view>
#include <utility>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

namespace pemba::rpc::internal {
namespace {

// RFC 9113 9.2.2 forbids the rest of TLS 1.2's suites on HTTP/2.
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char kSessionContext[] = "pemba";

std::string OpensslReason() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown reason" : reason;
}

Error CannotLoad(const std::string& file) {
  return {ErrorCode::kInvalidArgument, "cannot load `" + file + "`: " + OpensslReason()};
}

// Ours is the preference: h2, then http/1.1. A client that offers neither goes on without ALPN.
int SelectProtocol(SSL*, const unsigned char** out, unsigned char* out_bytes,
                   const unsigned char* offered, unsigned offered_bytes, void*) {
  static constexpr unsigned char kOurs[] = "\x02h2\x08http/1.1";
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_bytes, kOurs, sizeof kOurs - 1, offered,
                            offered_bytes) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

std::string SubjectOf(const X509* certificate) {
  BIO* text = BIO_new(BIO_s_mem());
  if (text == nullptr) return {};
  X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(text, &bytes);
  std::string subject(bytes, static_cast<std::size_t>(size));
  BIO_free(text);
  return subject;
}

// A name with a NUL byte is nobody's: readers that stop at it would see another one.
std::string WithoutNul(const void* bytes, int size) {
  if (bytes == nullptr || size <= 0) return {};
  std::string text(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
  return text.find('\0') == text.npos ? text : std::string();
}

std::string UriOf(const X509* certificate) {
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  std::string uri;
  for (int i = 0; i < sk_GENERAL_NAME_num(names) && uri.empty(); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_URI) continue;
    const auto* value = name->d.uniformResourceIdentifier;
    uri = WithoutNul(ASN1_STRING_get0_data(value), ASN1_STRING_length(value));
  }
  GENERAL_NAMES_free(names);
  return uri;
}

std::string CommonNameOf(const X509* certificate) {
  auto* subject = X509_get_subject_name(certificate);
  int last = -1;
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) last = at;
  if (last < 0) return {};
  unsigned char* utf8 = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
  auto name = WithoutNul(utf8, size);
  OPENSSL_free(utf8);
  return name;
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::Load(const TlsOptions& options) {
  std::unique_ptr<TlsContext> tls(new TlsContext(options));
  tls->stamps_ = tls->Stamps();
  PEMBA_TRY(tls->context_, MakeContext(options));
  return tls;
}

Result<TlsContext::ContextPointer> TlsContext::MakeContext(const TlsOptions& options) {
  ERR_clear_error();
  ContextPointer made(SSL_CTX_new(TLS_server_method()));
  auto* context = made.get();
  if (context == nullptr) return Error{ErrorCode::kInternal, "no TLS context"};
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cipher_list(context, kTls12Ciphers);
  SSL_CTX_set_alpn_select_cb(context, SelectProtocol, nullptr);
  SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext - 1);
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1) {
    return CannotLoad(options.certificate_file);
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return CannotLoad(options.key_file);
  }
  if (!options.client_ca_file.empty()) {
    const char* file = options.client_ca_file.c_str();
    if (SSL_CTX_load_verify_locations(context, file, nullptr) != 1) {
      return CannotLoad(options.client_ca_file);
    }
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(file));
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return made;
}

std::vector<TlsContext::FileStamp> TlsContext::Stamps() const {
  std::vector<FileStamp> stamps;
  for (const auto* file :
       {&options_.certificate_file, &options_.key_file, &options_.client_ca_file}) {
    struct stat info {};
    if (file->empty() || stat(file->c_str(), &info) != 0) {
      stamps.push_back({});
      continue;
    }
    stamps.push_back({info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec,
                      static_cast<std::int64_t>(info.st_ino), info.st_size});
  }
  return stamps;
}

SslPointer TlsContext::NewSession(int socket) const {
  SslPointer ssl;
  {
    const std::lock_guard lock(mutex_);
    ssl.reset(SSL_new(context_.get()));
  }
  if (ssl == nullptr || SSL_set_fd(ssl.get(), socket) != 1) return nullptr;
  SSL_set_accept_state(ssl.get());
  return ssl;
}

Status TlsContext::ReloadIfChanged() {
  auto stamps = Stamps();
  {
    const std::lock_guard lock(mutex_);
    if (stamps == stamps_) return Done{};
    stamps_ = std::move(stamps);
  }
  PEMBA_TRY(auto fresh, MakeContext(options_));
  const std::lock_guard lock(mutex_);
  context_ = std::move(fresh);
  return Done{};
}

PeerCertificate CertificateOfPeer(const SSL* ssl) {
  X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr || SSL_get_verify_result(ssl) != X509_V_OK) return {};
  PeerCertificate peer{SubjectOf(certificate), UriOf(certificate)};
  if (peer.name.empty()) peer.name = CommonNameOf(certificate);
  return peer;
}

}  // namespace pemba::rpc::internal
