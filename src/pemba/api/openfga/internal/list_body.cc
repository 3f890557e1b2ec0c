#include "pemba/api/openfga/internal/list_body.h"

#include <bit>
#include <cstddef>

#include "pemba/api/json_writer.h"
#include "pemba/engine/lister.h"

namespace pemba::api::openfga::internal {
namespace {

using rpc::Protocol;

std::size_t VarintBytes(std::size_t number) {
  return static_cast<std::size_t>(std::bit_width(number | 1) + 6) / 7;
}

void AppendVarint(std::size_t number, std::string& out) {
  for (; number >= 0x80; number >>= 7) out.push_back(static_cast<char>(number | 0x80));
  out.push_back(static_cast<char>(number));
}

// A field of so many bytes, which are to follow: its tag and its length.
void BeginField(unsigned field, std::size_t bytes, std::string& out) {
  out.push_back(static_cast<char>(field << 3 | 2));
  AppendVarint(bytes, out);
}
std::size_t FieldBytes(std::size_t bytes) { return 1 + VarintBytes(bytes) + bytes; }

// proto3 leaves out what is empty.
std::size_t TextFieldBytes(std::string_view text) {
  return text.empty() ? 0 : FieldBytes(text.size());
}
void AppendTextField(unsigned field, std::string_view text, std::string& out) {
  if (text.empty()) return;
  BeginField(field, text.size(), out);
  out.append(text);
}

std::size_t ObjectBytes(std::string_view type, std::string_view id) {
  return type.size() + 1 + id.size();
}

// Field 1, in a ListObjectsResponse one of many, in a StreamedListObjectsResponse the only one.
void AppendObjectField(std::string_view type, std::string_view id, std::string& out) {
  BeginField(1, ObjectBytes(type, id), out);
  out.append(type).push_back(':');
  out.append(id);
}

void AppendObjectJson(std::string_view type, std::string_view id, std::string& text,
                      std::string& out) {
  text.assign(type).append(":").append(id);
  AppendJsonString(text, out);
}

// A User: an object (1), a userset (2) or a wildcard (3), of type (1), id (2) and relation (3).
struct UserParts {
  unsigned kind;
  std::string_view type, id, relation;

  std::size_t bytes() const {
    return TextFieldBytes(type) + TextFieldBytes(id) + TextFieldBytes(relation);
  }
};

UserParts PartsOf(const ::openfga::v1::UserTypeFilter& filter, std::string_view id) {
  if (!filter.relation().empty()) return {2, filter.type(), id, filter.relation()};
  if (id == engine::kWildcardId) return {3, filter.type(), {}, {}};
  return {1, filter.type(), id, {}};
}

void AppendUserField(const UserParts& user, std::string& out) {
  const auto bytes = user.bytes();
  BeginField(1, FieldBytes(bytes), out);
  BeginField(user.kind, bytes, out);
  AppendTextField(1, user.type, out);
  AppendTextField(2, user.id, out);
  AppendTextField(3, user.relation, out);
}

void AppendUserJson(const UserParts& user, std::string& out) {
  constexpr std::string_view kKinds[] = {"", "object", "userset", "wildcard"};
  out.append("{\"").append(kKinds[user.kind]).append("\":{\"type\":");
  AppendJsonString(user.type, out);
  if (user.kind != 3) {
    out += ",\"id\":";
    AppendJsonString(user.id, out);
  }
  if (user.kind == 2) {
    out += ",\"relation\":";
    AppendJsonString(user.relation, out);
  }
  out += "}}";
}

}  // namespace

void AppendStreamedObjects(Protocol protocol, std::string_view type,
                           std::span<const std::string_view> ids, std::string& out) {
  if (protocol == Protocol::kGrpc) {
    for (const auto id : ids) {
      rpc::BeginGrpcMessage(FieldBytes(ObjectBytes(type, id)), out);
      AppendObjectField(type, id, out);
    }
    return;
  }
  std::string text;
  for (const auto id : ids) {
    out += R"({"result":{"object":)";
    AppendObjectJson(type, id, text, out);
    out += "}}\n";
  }
}

ListBody::ListBody(Protocol protocol, Of of) : protocol_(protocol) {
  if (protocol == Protocol::kGrpc) return;
  bytes_ = of == Of::kObjects ? R"({"objects":[)" : R"({"users":[)";
}

void ListBody::BeginItem() {
  if (!empty_) bytes_ += ',';
  empty_ = false;
}

void ListBody::AddObjects(std::string_view type, std::span<const std::string_view> ids) {
  for (const auto id : ids) {
    if (protocol_ == Protocol::kGrpc) {
      AppendObjectField(type, id, bytes_);
      continue;
    }
    BeginItem();
    AppendObjectJson(type, id, text_, bytes_);
  }
}

void ListBody::AddUsers(const ::openfga::v1::UserTypeFilter& filter,
                        std::span<const std::string_view> ids) {
  for (const auto id : ids) {
    const auto user = PartsOf(filter, id);
    if (protocol_ == Protocol::kGrpc) {
      AppendUserField(user, bytes_);
      continue;
    }
    BeginItem();
    AppendUserJson(user, bytes_);
  }
}

std::string_view ListBody::Finish() {
  if (protocol_ == Protocol::kHttp) bytes_ += "]}";
  return bytes_;
}

}  // namespace pemba::api::openfga::internal
