#include "pemba/api/reflection.h"

#include <memory>
#include <set>
#include <string>
#include <utility>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <grpc/reflection/v1/reflection.pb.h>
#include <grpc/reflection/v1alpha/reflection.pb.h>

#include "pemba/api/errors.h"
#include "pemba/base/assert.h"

namespace pemba::api {
namespace {

namespace pb = google::protobuf;

const pb::DescriptorPool& Pool() { return *pb::DescriptorPool::generated_pool(); }

// The file and everything that it imports, each once, the file first.
template <class Response>
void AddFile(const pb::FileDescriptor& file, std::set<const pb::FileDescriptor*>& seen,
             Response& out) {
  if (!seen.insert(&file).second) return;
  pb::FileDescriptorProto proto;
  file.CopyTo(&proto);
  file.CopyJsonNameTo(&proto);
  out.add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) AddFile(*file.dependency(i), seen, out);
}

template <class Request, class Response>
class Reflector {
 public:
  explicit Reflector(std::vector<std::string> services) : services_(std::move(services)) {}

  void Answer(const Request& request, Response& response) const {
    response.set_valid_host(request.host());
    *response.mutable_original_request() = request;
    switch (request.message_request_case()) {
      case Request::kFileByFilename:
        return SendFile(Pool().FindFileByName(request.file_by_filename()), response);
      case Request::kFileContainingSymbol:
        return SendFile(Pool().FindFileContainingSymbol(request.file_containing_symbol()),
                        response);
      case Request::kFileContainingExtension:
        return NotFound(response);  // The contracts extend nothing.
      case Request::kAllExtensionNumbersOfType:
        if (Pool().FindMessageTypeByName(request.all_extension_numbers_of_type()) == nullptr) {
          return NotFound(response);
        }
        response.mutable_all_extension_numbers_response()->set_base_type_name(
            request.all_extension_numbers_of_type());
        return;
      case Request::kListServices:
        for (const auto& service : services_) {
          response.mutable_list_services_response()->add_service()->set_name(service);
        }
        return;
      case Request::MESSAGE_REQUEST_NOT_SET:
        response.mutable_error_response()->set_error_code(
            static_cast<int>(grpc_code::kInvalidArgument));
        response.mutable_error_response()->set_error_message("no message_request");
        return;
    }
  }

 private:
  static void NotFound(Response& response) {
    response.mutable_error_response()->set_error_code(static_cast<int>(grpc_code::kNotFound));
    response.mutable_error_response()->set_error_message("not found");
  }

  static void SendFile(const pb::FileDescriptor* file, Response& response) {
    if (file == nullptr) return NotFound(response);
    std::set<const pb::FileDescriptor*> seen;
    AddFile(*file, seen, *response.mutable_file_descriptor_response());
  }

  const std::vector<std::string> services_;
};

template <class Request, class Response>
void AddVersion(const std::string& service, const std::vector<std::string>& services,
                rpc::Router& router) {
  const auto reflector = std::make_shared<const Reflector<Request, Response>>(services);
  rpc::Route route;
  route.grpc_method = "/" + service + "/ServerReflectionInfo";
  route.requests = rpc::Requests::kEach;
  route.execution = rpc::Execution::kWorker;  // It sends, and a peer may read slowly.
  route.handler = [reflector](rpc::Call& call) {
    Request request;
    const auto bytes = call.body();
    if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return call.FinishStream(
          {grpc_code::kInternal, "the message is not a ServerReflectionRequest"});
    }
    Response response;
    reflector->Answer(request, response);
    call.Send({}, response.SerializeAsString());
  };
  router.Add(std::move(route));
}

}  // namespace

void AddReflectionRoutes(std::vector<std::string> services, rpc::Router& router) {
  namespace v1 = ::grpc::reflection::v1;
  namespace v1alpha = ::grpc::reflection::v1alpha;
  const std::string v1_name = "grpc.reflection.v1.ServerReflection";
  const std::string v1alpha_name = "grpc.reflection.v1alpha.ServerReflection";
  services.push_back(v1_name);
  services.push_back(v1alpha_name);
  for (const auto& service : services) PEMBA_CHECK(Pool().FindServiceByName(service) != nullptr);
  AddVersion<v1::ServerReflectionRequest, v1::ServerReflectionResponse>(v1_name, services, router);
  AddVersion<v1alpha::ServerReflectionRequest, v1alpha::ServerReflectionResponse>(v1alpha_name,
                                                                                  services, router);
}

}  // namespace pemba::api
