// The published Go SDK, unmodified, does with a Pemba server what it does with any other.
package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"sort"
	"strings"
	"testing"

	openfga "github.com/openfga/go-sdk"
	"github.com/openfga/go-sdk/client"
)

const model = `{
  "schema_version": "1.1",
  "type_definitions": [
    {"type": "user"},
    {"type": "document",
     "relations": {
       "owner": {"this": {}},
       "blocked": {"this": {}},
       "viewer": {"difference": {
         "base": {"union": {"child": [{"this": {}}, {"computedUserset": {"relation": "owner"}}]}},
         "subtract": {"computedUserset": {"relation": "blocked"}}}},
       "guest": {"this": {}}},
     "metadata": {"relations": {
       "owner": {"directly_related_user_types": [{"type": "user"}]},
       "blocked": {"directly_related_user_types": [{"type": "user"}]},
       "viewer": {"directly_related_user_types": [{"type": "user"}, {"type": "user", "wildcard": {}}]},
       "guest": {"directly_related_user_types": [{"type": "user", "condition": "in_office"}]}}}}],
  "conditions": {"in_office": {
    "name": "in_office", "expression": "place == \"office\"",
    "parameters": {"place": {"type_name": "TYPE_NAME_STRING"}}}}
}`

var ctx = context.Background()

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func expect(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func fact(user, relation, object string) client.ClientTupleKey {
	return client.ClientTupleKey{User: user, Relation: relation, Object: object}
}

func newClient(t *testing.T, store string) *client.OpenFgaClient {
	t.Helper()
	return must(client.NewSdkClient(&client.ClientConfiguration{ApiUrl: os.Getenv("FGA_API_URL"), StoreId: store}))(t)
}

// A client of a fresh store with the model and these tuples.
func storeWith(t *testing.T, facts ...client.ClientTupleKey) *client.OpenFgaClient {
	t.Helper()
	created := must(newClient(t, "").CreateStore(ctx).Body(client.ClientCreateStoreRequest{Name: "sdk tests"}).Execute())(t)
	fga := newClient(t, created.Id)
	var body client.ClientWriteAuthorizationModelRequest
	if err := json.Unmarshal([]byte(model), &body); err != nil {
		t.Fatal(err)
	}
	written := must(fga.WriteAuthorizationModel(ctx).Body(body).Execute())(t)
	if err := fga.SetAuthorizationModelId(written.AuthorizationModelId); err != nil {
		t.Fatal(err)
	}
	if len(facts) > 0 {
		must(fga.WriteTuples(ctx).Body(facts).Execute())(t)
	}
	return fga
}

func TestStores(t *testing.T) {
	fga := newClient(t, "")
	ids := map[string]bool{}
	for i := 0; i < 3; i++ {
		ids[must(fga.CreateStore(ctx).Body(client.ClientCreateStoreRequest{Name: "listed by go"}).Execute())(t).Id] = true
	}
	seen := map[string]bool{}
	options := client.ClientListStoresOptions{PageSize: openfga.PtrInt32(2)}
	for {
		page := must(fga.ListStores(ctx).Options(options).Execute())(t)
		for _, store := range page.Stores {
			if seen[store.Id] {
				t.Fatalf("%s came twice", store.Id)
			}
			seen[store.Id] = true
		}
		if page.ContinuationToken == "" {
			break
		}
		options.ContinuationToken = openfga.PtrString(page.ContinuationToken)
	}
	for id := range ids {
		if !seen[id] {
			t.Fatalf("%s is not listed", id)
		}
		own := newClient(t, id)
		expect(t, must(own.GetStore(ctx).Execute())(t).Name, "listed by go")
		must(own.DeleteStore(ctx).Execute())(t)
		_, err := own.GetStore(ctx).Execute()
		var missing openfga.FgaApiNotFoundError
		if !errors.As(err, &missing) {
			t.Fatalf("got %v", err)
		}
	}
}

func TestModels(t *testing.T) {
	fga := storeWith(t)
	read := must(fga.ReadAuthorizationModel(ctx).Execute())(t).AuthorizationModel
	expect(t, read.SchemaVersion, "1.1")
	relations := *read.TypeDefinitions[1].Relations
	expect(t, relations["viewer"].Difference.Subtract.ComputedUserset.GetRelation(), "blocked")
	second := must(fga.WriteAuthorizationModel(ctx).Body(client.ClientWriteAuthorizationModelRequest{
		SchemaVersion: "1.1", TypeDefinitions: []openfga.TypeDefinition{{Type: "user"}}}).Execute())(t)
	latest := must(fga.ReadLatestAuthorizationModel(ctx).Execute())(t).AuthorizationModel
	expect(t, latest.Id, second.AuthorizationModelId)
	listed := must(fga.ReadAuthorizationModels(ctx).Execute())(t).AuthorizationModels
	expect(t, []string{listed[0].Id, listed[1].Id}, []string{second.AuthorizationModelId, read.Id})
}

func TestTuplesAndChanges(t *testing.T) {
	guest := fact("user:gina", "guest", "document:1")
	guest.Condition = &openfga.RelationshipCondition{Name: "in_office", Context: &map[string]any{"place": "office"}}
	fga := storeWith(t, fact("user:anne", "viewer", "document:1"), fact("user:anne", "owner", "document:2"), guest)
	words := func(request client.ClientReadRequest) []string {
		var found []string
		options := client.ClientReadOptions{PageSize: openfga.PtrInt32(2)}
		for {
			page := must(fga.Read(ctx).Body(request).Options(options).Execute())(t)
			for _, tuple := range page.Tuples {
				found = append(found, tuple.Key.Object+"#"+tuple.Key.Relation+"@"+tuple.Key.User)
			}
			if page.ContinuationToken == "" {
				sort.Strings(found)
				return found
			}
			options.ContinuationToken = &page.ContinuationToken
		}
	}
	expect(t, words(client.ClientReadRequest{}),
		[]string{"document:1#guest@user:gina", "document:1#viewer@user:anne", "document:2#owner@user:anne"})
	expect(t, words(client.ClientReadRequest{User: openfga.PtrString("user:anne"), Object: openfga.PtrString("document:")}),
		[]string{"document:1#viewer@user:anne", "document:2#owner@user:anne"})
	must(fga.DeleteTuples(ctx).Body([]client.ClientTupleKeyWithoutCondition{
		{User: "user:anne", Relation: "owner", Object: "document:2"}}).Execute())(t)
	written := must(fga.Write(ctx).Body(client.ClientWriteRequest{Writes: []client.ClientTupleKey{
		fact("user:bob", "viewer", "document:1"), fact("user:x", "nothing", "document:1")}}).
		Options(client.ClientWriteOptions{Transaction: &client.TransactionOptions{Disable: true, MaxPerChunk: 1, MaxParallelRequests: 2}}).Execute())(t)
	expect(t, []client.ClientWriteStatus{written.Writes[0].Status, written.Writes[1].Status},
		[]client.ClientWriteStatus{client.SUCCESS, client.FAILURE})

	changes := must(fga.ReadChanges(ctx).Body(client.ClientReadChangesRequest{Type: "document"}).Execute())(t)
	var told []string
	for _, change := range changes.Changes {
		told = append(told, strings.TrimPrefix(string(change.Operation), "TUPLE_OPERATION_")+" "+change.TupleKey.Relation)
	}
	expect(t, told, []string{"WRITE viewer", "WRITE owner", "WRITE guest", "DELETE owner", "WRITE viewer"})
	later := must(fga.ReadChanges(ctx).Body(client.ClientReadChangesRequest{Type: "document"}).
		Options(client.ClientReadChangesOptions{ContinuationToken: changes.ContinuationToken}).Execute())(t)
	expect(t, len(later.Changes), 0)
	expect(t, later.GetContinuationToken(), changes.GetContinuationToken())
}

func TestQuestions(t *testing.T) {
	guest := fact("user:gina", "guest", "document:1")
	guest.Condition = &openfga.RelationshipCondition{Name: "in_office"}
	fga := storeWith(t, fact("user:owen", "owner", "document:1"), fact("user:bert", "owner", "document:1"),
		fact("user:bert", "blocked", "document:1"), fact("user:*", "viewer", "document:2"), guest)
	allowed := func(user, relation, object string, context map[string]any, contextual ...client.ClientTupleKey) bool {
		t.Helper()
		return must(fga.Check(ctx).Body(client.ClientCheckRequest{User: user, Relation: relation, Object: object,
			Context: &context, ContextualTuples: contextual}).Execute())(t).GetAllowed()
	}
	expect(t, allowed("user:owen", "viewer", "document:1", nil), true)
	expect(t, allowed("user:bert", "viewer", "document:1", nil), false)
	expect(t, allowed("user:zoe", "viewer", "document:2", nil), true)
	expect(t, allowed("user:zoe", "viewer", "document:1", nil, fact("user:zoe", "owner", "document:1")), true)
	expect(t, allowed("user:gina", "guest", "document:1", map[string]any{"place": "office"}), true)
	expect(t, allowed("user:gina", "guest", "document:1", map[string]any{"place": "home"}), false)

	var body client.ClientBatchCheckBody
	for _, user := range []string{"user:owen", "user:bert", "user:zoe"} {
		body = append(body, client.ClientCheckRequest{User: user, Relation: "viewer", Object: "document:1"})
	}
	for _, one := range *must(fga.BatchCheck(ctx).Body(body).Execute())(t) {
		expect(t, one.GetAllowed(), one.Request.User == "user:owen")
	}
	relations := must(fga.ListRelations(ctx).Body(client.ClientListRelationsRequest{User: "user:owen",
		Object: "document:1", Relations: []string{"owner", "viewer", "blocked"}}).Execute())(t).Relations
	sort.Strings(relations)
	expect(t, relations, []string{"owner", "viewer"})

	objects := must(fga.ListObjects(ctx).Body(client.ClientListObjectsRequest{User: "user:owen",
		Relation: "viewer", Type: "document"}).Execute())(t).Objects
	sort.Strings(objects)
	expect(t, objects, []string{"document:1", "document:2"})
	users := must(fga.ListUsers(ctx).Body(client.ClientListUsersRequest{
		Object: openfga.FgaObject{Type: "document", Id: "2"}, Relation: "viewer",
		UserFilters:      []openfga.UserTypeFilter{{Type: "user"}},
		ContextualTuples: []client.ClientContextualTupleKey{fact("user:zoe", "viewer", "document:2")}}).Execute())(t).Users
	expect(t, len(users), 2)
	expect(t, users[0].Wildcard.Type, "user")
	expect(t, users[1].Object.Id, "zoe")
	tree := must(fga.Expand(ctx).Body(client.ClientExpandRequest{Relation: "owner", Object: "document:1"}).Execute())(t).Tree
	expect(t, tree.Root.Leaf.Users.Users, []string{"user:bert", "user:owen"})
}

func TestAssertions(t *testing.T) {
	fga := storeWith(t)
	must(fga.WriteAssertions(ctx).Body(client.ClientWriteAssertionsRequest{
		{User: "user:anne", Relation: "viewer", Object: "document:1", Expectation: true}}).Execute())(t)
	read := must(fga.ReadAssertions(ctx).Execute())(t)
	expect(t, len(*read.Assertions), 1)
	expect(t, (*read.Assertions)[0].TupleKey.User, "user:anne")
	expect(t, (*read.Assertions)[0].Expectation, true)
}

func TestErrors(t *testing.T) {
	guest := fact("user:gina", "guest", "document:1")
	guest.Condition = &openfga.RelationshipCondition{Name: "in_office"}
	fga := storeWith(t, guest)
	check := func(user, relation string) error {
		_, err := fga.Check(ctx).Body(client.ClientCheckRequest{User: user, Relation: relation, Object: "document:1"}).Execute()
		return err
	}
	_, twice := fga.WriteTuples(ctx).Body([]client.ClientTupleKey{
		fact("user:a", "viewer", "document:1"), fact("user:a", "viewer", "document:1")}).Execute()
	_, list := fga.ListObjects(ctx).Body(client.ClientListObjectsRequest{User: "user:a", Relation: "viewer", Type: "page"}).Execute()
	for _, c := range []struct {
		err  error
		code openfga.ErrorCode
		text string
	}{
		{check("user:a", "nothing"), "validation_error", "relation 'document#nothing' not found"},
		{check("user:gina", "guest"), "validation_error", "missing context parameters '[place]'"},
		{twice, "cannot_allow_duplicate_tuples_in_one_request", "duplicate tuple in write"},
		{list, "type_not_found", "type 'page' not found"},
	} {
		var refused openfga.FgaApiValidationError
		if !errors.As(c.err, &refused) {
			t.Fatalf("got %v, want %s", c.err, c.code)
		}
		expect(t, refused.ResponseCode(), c.code)
		expect(t, refused.ResponseStatusCode(), 400)
		if !strings.Contains(string(refused.Body()), c.text) {
			t.Fatalf("%q is not in %s", c.text, refused.Body())
		}
		if refused.ResponseHeader().Get("X-Request-Id") == "" {
			t.Fatal("no request id")
		}
	}
}
