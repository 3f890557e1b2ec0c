// Tables: objects as `kubectl get` prints them.
#pragma once

#include <span>

#include <boost/json/object.hpp>

#include "pemba/base/clock.h"
#include "pemba/resource/object.h"

namespace pemba::api::k8s {

// What is attached to every row.
enum class RowObject : std::uint8_t { kNone, kMetadata, kWhole };

// A meta.k8s.io/v1 Table. `with_columns`: watches describe their columns once.
enum class Columns : std::uint8_t { kNamed, kUnnamed };
boost::json::object ToTable(const resource::Kind& kind,
                            std::span<const resource::ObjectPtr> objects, RowObject row_object,
                            Columns columns, WallTime now);

}  // namespace pemba::api::k8s
