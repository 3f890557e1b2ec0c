// Rules: what is said about every change of declared objects before it is made, and what follows.
//
// Fills in what servers fill in, refuses what breaks a rule between objects or would pass on more
// than its author holds (rules/), and runs the controllers (controllers/) over the outcome, all
// within the transaction.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <vector>

#include "pemba/iam/catalog.h"
#include "pemba/resource/transaction.h"

namespace pemba::iam {

namespace internal {
struct Environment;
class Scheduler;
}  // namespace internal

// Called by one transaction at a time.
class Rules final : public resource::Admission {
 public:
  // Borrows it.
  explicit Rules(const internal::Environment& environment);
  ~Rules() override;

  resource::Outcome<Done> Mutate(resource::Transaction& transaction,
                                 resource::Operation& operation) override;
  resource::Outcome<Done> Admit(resource::Transaction& transaction,
                                const resource::Operation& operation) override;
  resource::Outcome<Done> Conclude(resource::Transaction& transaction) override;

  // Within the body of the first transaction, before anything is staged: reads what is registered.
  void Start(const resource::Transaction& transaction);
  // Within a transaction's body: these are looked at by the controllers, changed or not.
  void LookAt(std::set<resource::ObjectKey> keys) { due_ = std::move(keys); }

  // The transaction that was concluded last is committed, or not.
  void Committed();
  void Abandoned() { concluded_.reset(); }
  // Between transactions: other servers have changed these.
  void Followed(std::span<const resource::ObjectKey> changed);

 private:
  const Catalog& CatalogIn(const resource::Transaction& transaction);

  const internal::Environment& environment_;
  const std::unique_ptr<const internal::Scheduler> scheduler_;
  std::set<resource::ObjectKey> due_;

  CatalogPtr committed_ = std::make_shared<const Catalog>();  // As of the newest commit.
  // Of the transaction under way, if it may have changed the kinds: set by Conclude.
  CatalogPtr concluded_;
  // Some registration was touched that committed_ may not know. Perhaps by a transaction that came
  // to nothing: then the catalog is read once more than needed.
  bool touched_ = true;
  CatalogPtr current_;  // What CatalogIn answered last; borrowed by whoever asked.
};

}  // namespace pemba::iam
