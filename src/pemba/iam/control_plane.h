// ControlPlane: identities and access as declared objects, at work.
//
// Composition of the parts: admission rules and controllers (rules.h) that run within each
// transaction, the projector (projection.h) that turns what is declared into tuples of the same
// commit, and the objects themselves. After a commit nothing is left to be done, but for clocks:
// an invitation expires, a scheduled one becomes due. One thread sleeps until the next of these.
//
// Thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/iam/authority.h"
#include "pemba/iam/build_id.h"
#include "pemba/iam/catalog.h"
#include "pemba/iam/projector.h"
#include "pemba/iam/settings.h"
#include "pemba/resource/resource_store.h"
#include "pemba/store/store.h"

namespace pemba::iam {

struct ControlPlaneOptions {
  Settings settings = {};
  ProjectionKind projection = ProjectionKind::kRoleRelation;
  // Namespaces of roles that all organizations share, beside those that the settings name.
  std::vector<std::string> platform_namespaces = {};
  // What the provider takes; 0: no limit.
  std::size_t model_types_max = 0, model_bytes_max = 0;
  // Who may pass on what. Null: nobody but system:masters may pass on anything.
  Authority* authority = nullptr;  // Borrowed. See also UseAuthority.
  // The addresses of the identities that the caller's identity provider knows it by. Null: it
  // cannot be asked, and nobody but system:masters changes an address.
  std::function<Result<std::vector<std::string>>(const resource::Caller&)> linked_emails = {};
  std::size_t history_max = 100'000;
  // Which program this is. One that left everything settled, with the same settings and kinds, need
  // not look at it all again when it starts. Empty: every start looks at everything.
  std::string program = BuildId();
  std::function<std::string()> new_uid = resource::NewUid;
};

class ControlPlane {
 public:
  // Reads what is there, makes sure of the namespaces, brings every object up to what today's rules
  // and kinds make of it, and repairs the tuples. What was settled when it was left, and is as it
  // was left, is not looked at again (internal/settled.h). `registry` has the kinds of kinds.h.
  // Borrows store, registry and clock. Errors: kInvalidArgument (settings, a missing kind), those
  // of ResourceStore::Open and of writing.
  static Result<std::unique_ptr<ControlPlane>> Open(store::Store& store,
                                                    const resource::Registry& registry,
                                                    const Clock& clock,
                                                    ControlPlaneOptions options = {});
  ~ControlPlane();

  // What the start came upon.
  struct Started {
    Drift drift;              // What it had to repair.
    bool reconciled = false;  // Every object was looked at.
  };
  const Started& started() const;

  resource::ResourceStore& resources();
  const Settings& settings() const;
  ProjectionKind projection() const;
  // The registered kinds as of the newest commit.
  std::shared_ptr<const Catalog> catalog() const;

  // In place of ControlPlaneOptions::authority, for one that itself reads this control plane.
  // Before the first request. Borrowed.
  void UseAuthority(Authority& authority);

  // What a remote provider does not take.
  struct Refusal {
    std::string object, subject;  // As in tuples.
    std::string why;
  };
  // A remote provider has the tuples and models of all commits up to this one, but for what it
  // refuses: bindings whose grants were waiting for that become Ready (Grants::kWhenProvided);
  // those that something was refused of stay as they are, and say why. Errors: those of writing.
  Status Provided(resource::Revision revision, std::span<const Refusal> refused = {});

  // Looks at every object again. With nothing wrong, nothing is written. Errors: those of writing.
  Status Reconcile();

  // Compares the store's tuples and model with what is declared; puts them right if asked. Writers
  // wait meanwhile.
  Result<Drift> Audit(Projector::Repair repair);

  // What has become due by now, as the thread does by itself.
  Status RunDue();

  // What in the settings or objects keeps rules from working, for the operator: a role that the
  // settings name and that does not exist.
  std::vector<std::string> Problems() const;

 private:
  class Impl;
  explicit ControlPlane(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pemba::iam
