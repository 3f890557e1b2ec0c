// Server-side apply: documents that say what one manager wants of an object, and who owns which
// field. As the Kubernetes API defines it; ownership is kept in `metadata.managedFields`.
//
// Ownership is tracked from the first apply of an object on: whoever made it before, and has
// changed it by other means, is then `before-first-apply`. Objects that nobody applies carry none
// of it.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "pemba/base/clock.h"
#include "pemba/resource/failure.h"
#include "pemba/resource/object.h"
#include "pemba/resource/transaction.h"

namespace pemba::resource {

struct ApplyRequest {
  std::string_view manager;  // Not empty.
  // Takes fields over that others own. Otherwise they are a conflict, unless they agree.
  bool force = false;
  Part part = Part::kMain;
  WallTime now;
};

// What the object becomes: `applied` laid over `live`, without what the manager applied before and
// now leaves out (unless somebody else owns it, too). `live` is null if there is no object yet.
// Errors: kConflict, one cause for each field and owner.
Outcome<boost::json::object> Apply(const Kind& kind, const Object* live,
                                   const boost::json::object& applied, const ApplyRequest& request);

// After any other change of an object whose ownership is tracked: what `manager` changed is its own
// now. An empty `managedFields` in `document` ends the tracking.
void TrackUpdate(const Object& live, boost::json::object& document, std::string_view manager,
                 Part part, WallTime now);

}  // namespace pemba::resource
