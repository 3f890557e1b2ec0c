#include "faulty_front.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <openfga/v1/openfga_service.pb.h>

namespace pemba::e2e {
namespace {

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::string bytes;
  std::vector<grpc::Slice> slices;
  if (buffer.Dump(&slices).ok()) {
    for (const auto& slice : slices) {
      bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
  }
  return bytes;
}

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

class FaultyFront::Impl final : public grpc::CallbackGenericService {
 public:
  explicit Impl(const std::string& target)
      : stub_(grpc::CreateChannel(target, grpc::InsecureChannelCredentials())) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  ~Impl() override {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    std::unique_lock lock(mutex_);
    left_.wait(lock, [&] { return calls_under_way_ == 0; });
  }

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    const std::lock_guard lock(mutex_);
    ++calls_under_way_;
    return new Call(*this, context->method());
  }

  const std::string& address() const { return address_; }
  void Add(Fault fault) {
    const std::lock_guard lock(mutex_);
    faults_.push_back(std::move(fault));
  }
  void Heal() {
    const std::lock_guard lock(mutex_);
    faults_.clear();
  }
  void BeOld() {
    const std::lock_guard lock(mutex_);
    old_ = true;
  }
  std::size_t calls(const std::string& method) const {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(method);
    return found == calls_.end() ? 0 : found->second;
  }
  std::size_t tuples_max() const {
    const std::lock_guard lock(mutex_);
    return tuples_max_;
  }

 private:
  class Call final : public grpc::ServerGenericBidiReactor {
   public:
    Call(Impl& front, std::string path) : front_(front), path_(std::move(path)) {
      StartRead(&request_);
    }
    void OnReadDone(bool ok) override {
      if (!ok) {
        Finish(grpc::Status::CANCELLED);
        return;
      }
      std::thread([this] {  // Ends before OnDone: it is what finishes the call.
        const auto status = front_.Handle(path_, request_, response_);
        if (status.ok()) {
          StartWriteAndFinish(&response_, {}, grpc::Status::OK);
        } else {
          Finish(status);
        }
      })
          .detach();
    }
    void OnDone() override {
      front_.Leave();
      delete this;
    }

   private:
    Impl& front_;
    const std::string path_;
    grpc::ByteBuffer request_, response_;
  };

  void Leave() {
    const std::lock_guard lock(mutex_);
    --calls_under_way_;
    left_.notify_all();
  }

  grpc::Status Handle(const std::string& path, const grpc::ByteBuffer& request,
                      grpc::ByteBuffer& response) {
    const auto name = NameOf(path);
    const auto fault = Next(name);
    std::this_thread::sleep_for(fault.delay);
    const grpc::Status failed(static_cast<grpc::StatusCode>(fault.status), fault.message);
    if (fault.status != 0 && fault.when == Fault::When::kBefore) return failed;
    auto status = Pass(path, name == "Write" ? Watched(request) : request, response);
    return fault.status != 0 ? failed : status;
  }

  Fault Next(const std::string& name) {
    const std::lock_guard lock(mutex_);
    ++calls_[name];
    for (auto& fault : faults_) {
      if (fault.method != name || fault.times == 0) continue;
      --fault.times;
      return fault;
    }
    return {};
  }

  grpc::ByteBuffer Watched(const grpc::ByteBuffer& request) {
    openfga::v1::WriteRequest write;
    write.ParseFromString(BytesOf(request));
    const std::lock_guard lock(mutex_);
    const auto size = static_cast<std::size_t>(write.writes().tuple_keys_size() +
                                               write.deletes().tuple_keys_size());
    tuples_max_ = std::max(tuples_max_, size);
    if (!old_) return request;
    if (write.has_writes()) write.mutable_writes()->clear_on_duplicate();
    if (write.has_deletes()) write.mutable_deletes()->clear_on_missing();
    return BufferOf(write.SerializeAsString());
  }

  grpc::Status Pass(const std::string& path, const grpc::ByteBuffer& request,
                    grpc::ByteBuffer& response) {
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const auto call = stub_.PrepareUnaryCall(&context, path, request, &queue);
    call->StartCall();
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return status;
  }

  grpc::GenericStub stub_;
  std::string address_;
  mutable std::mutex mutex_;  // Guards what follows.
  std::condition_variable left_;
  std::vector<Fault> faults_;
  std::map<std::string, std::size_t> calls_;
  std::size_t tuples_max_ = 0;
  int calls_under_way_ = 0;
  bool old_ = false;
  std::unique_ptr<grpc::Server> server_;
};

FaultyFront::FaultyFront(const std::string& target) : impl_(std::make_unique<Impl>(target)) {}
FaultyFront::~FaultyFront() = default;
const std::string& FaultyFront::address() const { return impl_->address(); }
void FaultyFront::Add(Fault fault) { impl_->Add(std::move(fault)); }
void FaultyFront::Heal() { impl_->Heal(); }
void FaultyFront::BeOld() { impl_->BeOld(); }
std::size_t FaultyFront::calls(const std::string& method) const { return impl_->calls(method); }
std::size_t FaultyFront::tuples_max() const { return impl_->tuples_max(); }

}  // namespace pemba::e2e
