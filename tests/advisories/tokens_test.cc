// Published bugs of continuation tokens and of paging: tokens are the caller's to keep, not to be
// trusted, and pages together are the whole.
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "advisories/served_store.h"

namespace pemba::advisories {
namespace {

namespace json = boost::json;

// A bar is a sign like any other in the names of types (openfga #3152).
constexpr const char* kTypes = R"(type `fol|der`
  relations
    define viewer: [user]
type document
  relations
    define viewer: [user]
)";

// A listing whose pages a token leads through.
struct Listing {
  const char* rpc;
  const char* items;
  json::object request;
};

class Tokens : public Served {
 protected:
  Tokens() {
    for (int i = 0; i < 4; ++i) {
      store_.NewStore("listed" + std::to_string(i));
      EXPECT_TRUE(store_.WriteModel(kTypes).ok);
      const auto id = std::to_string(i);
      EXPECT_TRUE(store_
                      .Write({"document:a|" + id + "#viewer@user:anne",
                              "fol|der:" + id + "|b#viewer@user:anne|b"})
                      .ok);
    }
  }

  wire_test::Answer Page(const Listing& listing, std::size_t size, const std::string& token) {
    auto request = listing.request;
    request["page_size"] = size;
    request["continuation_token"] = token;
    return store_.Call(listing.rpc, request);
  }
  std::string TokenOf(const Listing& listing) {
    const auto page = Page(listing, 1, "");
    EXPECT_TRUE(page.ok) << listing.rpc << ": " << page.message;
    return page.ok ? std::string(page.response.at("continuation_token").as_string()) : "";
  }
  // An error that names the caller's mistake: 2007 or a field rule.
  void ExpectRefused(const wire_test::Answer& answer, const std::string& what) {
    EXPECT_FALSE(answer.ok) << what;
    if (GetParam().transport == Transport::kGrpc) {
      EXPECT_TRUE(answer.grpc_code == 2007 || answer.grpc_code == 3)
          << what << ": " << answer.grpc_code;
    } else {
      EXPECT_EQ(answer.http_status, 400) << what;
    }
  }

  ServedStore store_{GetParam()};
  const std::vector<Listing> listings_{
      {"ListStores", "stores", {}},
      {"ReadAuthorizationModels", "authorization_models", {}},
      {"Read", "tuples", {}},
      {"ReadChanges", "changes", {}},
      {"ReadChanges", "changes", {{"type", "fol|der"}}},
  };
};
PEMBA_SERVED_EVERYWHERE(Tokens);

// CVE-2023-35930, I2, openfga #3152: the pages of any size together are the whole answer, in order
// and without repetition.
TEST_P(Tokens, PagesTogetherAreTheWhole) {
  for (const auto& listing : listings_) {
    std::vector<std::string> whole;
    const auto all = Page(listing, 100, "");
    ASSERT_TRUE(all.ok) << listing.rpc << ": " << all.message;
    for (const auto& item : all.response.at(listing.items).as_array()) {
      whole.push_back(json::serialize(item));
    }
    ASSERT_GE(whole.size(), 4U) << listing.rpc;
    for (std::size_t size = 1; size <= whole.size() + 1; ++size) {
      SCOPED_TRACE(listing.rpc + std::string(" by ") + std::to_string(size));
      std::vector<std::string> paged;
      std::string token;
      while (true) {
        const auto page = Page(listing, size, token);
        ASSERT_TRUE(page.ok) << page.message;
        const auto& items = page.response.at(listing.items).as_array();
        EXPECT_LE(items.size(), size);
        for (const auto& item : items) paged.push_back(json::serialize(item));
        token = std::string(page.response.at("continuation_token").as_string());
        if (token.empty() || items.empty()) break;
      }
      EXPECT_EQ(paged, whole);
    }
  }
}

// GHSA-vhvq-fv9f-wh4q, CVE-2026-33505, I9: a token with any sign changed, cut or added is refused
// with an error code, and the server goes on.
TEST_P(Tokens, AlteredOnesAreRefused) {
  for (const auto& listing : listings_) {
    const auto token = TokenOf(listing);
    ASSERT_FALSE(token.empty()) << listing.rpc;
    for (std::size_t i = 0; i < token.size(); ++i) {
      for (const char other : {'A', '_', '9', '=', '\'', ' '}) {
        auto changed = token;
        if (changed[i] == other) continue;
        changed[i] = other;
        ExpectRefused(Page(listing, 1, changed), changed);
      }
      if (i > 0) ExpectRefused(Page(listing, 1, token.substr(0, i)), "cut at " + std::to_string(i));
    }
    for (const auto& more : {token + "A", "A" + token, token + token, token + "=", token + "\n"}) {
      ExpectRefused(Page(listing, 1, more), more);
    }
    EXPECT_TRUE(Page(listing, 1, token).ok);
  }
}

// CVE-2026-33505: what a token holds is never the text of a query, nor a path, nor a format.
TEST_P(Tokens, ForgedOnesAreRefused) {
  const std::vector<std::string> forged{"'",
                                        "' OR 1=1 --",
                                        "1; DROP TABLE tuple",
                                        "JyBPUiAxPTEgLS0=",
                                        "eyJwayI6IkxBVEVTVF9OU0NPTkZJRyJ9",
                                        "MDFIVk1NQkNNR1pOVDNTRUQ0WjE3RUNYQ0E=",
                                        "fg==",
                                        "AAAA",
                                        "-",
                                        "_",
                                        "..%2f..",
                                        "%s%n",
                                        "{}",
                                        std::string(5'119, 'A'),
                                        std::string(5'120, 'A'),
                                        std::string(5'121, 'A'),
                                        std::string(60'000, 'A')};
  for (const auto& listing : listings_) {
    const auto token = TokenOf(listing);
    for (const auto& text : forged) ExpectRefused(Page(listing, 1, text), text.substr(0, 60));
    EXPECT_TRUE(Page(listing, 1, token).ok);
  }
}

// GHSA-vhvq-fv9f-wh4q: a token is good for the operation, the store and the server that made it.
TEST_P(Tokens, ForeignOnesAreRefused) {
  ServedStore other(GetParam(), kTypes);
  const auto neighbour = store_.NewStore("neighbour");
  for (const auto& from : listings_) {
    const auto token = TokenOf(from);
    for (const auto& to : listings_) {
      if (&from == &to) continue;
      const auto answer = Page(to, 1, token);
      EXPECT_FALSE(answer.ok) << from.rpc << " to " << to.rpc;
    }
    auto request = from.request;
    request["page_size"] = 1;
    request["continuation_token"] = token;
    ExpectRefused(other.Call(from.rpc, request), std::string(from.rpc) + " on another server");
    if (from.rpc == std::string("ListStores")) continue;
    request["store_id"] = neighbour;
    ExpectRefused(store_.Call(from.rpc, request), std::string(from.rpc) + " of another store");
  }
}

}  // namespace
}  // namespace pemba::advisories
