// The published Java SDK, unmodified, does with a Pemba server what it does with any other.
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.openfga.sdk.api.client.ClientAssertion;
import dev.openfga.sdk.api.client.OpenFgaClient;
import dev.openfga.sdk.api.client.model.*;
import dev.openfga.sdk.api.configuration.*;
import dev.openfga.sdk.api.model.*;
import dev.openfga.sdk.errors.FgaApiNotFoundError;
import dev.openfga.sdk.errors.FgaApiValidationError;
import dev.openfga.sdk.errors.FgaError;
import java.util.*;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;

public class SdkTest {
    static final String MODEL = """
        {"schema_version": "1.1",
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
           "name": "in_office", "expression": "place == \\"office\\"",
           "parameters": {"place": {"type_name": "TYPE_NAME_STRING"}}}}}
        """;

    interface Test {
        void run() throws Exception;
    }

    static void expect(Object got, Object want) {
        if (!Objects.equals(got, want)) throw new AssertionError("got " + got + ", want " + want);
    }

    static ClientTupleKey fact(String user, String relation, String object) {
        return new ClientTupleKey().user(user).relation(relation)._object(object);
    }

    static ClientTupleKey guest(Map<String, String> context) {
        return fact("user:gina", "guest", "document:1")
                .condition(new ClientRelationshipCondition().name("in_office").context(context));
    }

    static OpenFgaClient newClient(String store) throws Exception {
        return new OpenFgaClient(new ClientConfiguration().apiUrl(System.getenv("FGA_API_URL")).storeId(store));
    }

    // A client of a fresh store with the model and these tuples.
    static OpenFgaClient storeWith(ClientTupleKey... facts) throws Exception {
        var created = newClient(null).createStore(new CreateStoreRequest().name("sdk tests")).get();
        var client = newClient(created.getId());
        var model = new ObjectMapper().readValue(MODEL, WriteAuthorizationModelRequest.class);
        client.setAuthorizationModelId(client.writeAuthorizationModel(model).get().getAuthorizationModelId());
        if (facts.length > 0) client.writeTuples(List.of(facts)).get();
        return client;
    }

    static void stores() throws Exception {
        var client = newClient(null);
        var ids = new HashSet<String>();
        for (int i = 0; i < 3; i++) ids.add(client.createStore(new CreateStoreRequest().name("by java")).get().getId());
        var seen = new ArrayList<String>();
        var options = new ClientListStoresOptions().pageSize(2);
        do {
            var page = client.listStores(options).get();
            page.getStores().forEach(store -> seen.add(store.getId()));
            options.continuationToken(page.getContinuationToken());
        } while (!options.getContinuationToken().isEmpty());
        expect(seen.containsAll(ids), true);
        expect(new HashSet<>(seen).size(), seen.size());
        var own = newClient(ids.iterator().next());
        expect(own.getStore().get().getName(), "by java");
        own.deleteStore().get();
        expect(errorOf(() -> own.getStore().get(), FgaApiNotFoundError.class).getApiErrorCode(), "store_id_not_found");
    }

    static void models() throws Exception {
        var client = storeWith();
        var read = client.readAuthorizationModel().get().getAuthorizationModel();
        expect(read.getTypeDefinitions().get(1).getRelations().get("viewer").getDifference().getSubtract()
                .getComputedUserset().getRelation(), "blocked");
        var second = client.writeAuthorizationModel(new WriteAuthorizationModelRequest().schemaVersion("1.1")
                .typeDefinitions(List.of(new TypeDefinition().type("user")))).get().getAuthorizationModelId();
        expect(client.readLatestAuthorizationModel().get().getAuthorizationModel().getId(), second);
        expect(client.readAuthorizationModels().get().getAuthorizationModels().stream()
                .map(AuthorizationModel::getId).toList(), List.of(second, read.getId()));
    }

    static void tuplesAndChanges() throws Exception {
        var client = storeWith(fact("user:anne", "viewer", "document:1"), fact("user:anne", "owner", "document:2"),
                guest(Map.of("place", "office")));
        var words = new TreeSet<String>();
        var options = new ClientReadOptions().pageSize(2);
        do {
            var page = client.read(new ClientReadRequest(), options).get();
            page.getTuples().forEach(t -> words.add(
                    t.getKey().getObject() + "#" + t.getKey().getRelation() + "@" + t.getKey().getUser()));
            options.continuationToken(page.getContinuationToken());
        } while (!options.getContinuationToken().isEmpty());
        expect(List.copyOf(words), List.of(
                "document:1#guest@user:gina", "document:1#viewer@user:anne", "document:2#owner@user:anne"));
        client.deleteTuples(List.of(fact("user:anne", "owner", "document:2"))).get();
        var mixed = ClientWriteRequest.ofWrites(List.of(
                fact("user:bob", "viewer", "document:1"), fact("user:x", "nothing", "document:1")));
        var written = client.write(mixed,
                new ClientWriteOptions().disableTransactions(true).transactionChunkSize(1)).get().getWrites();
        expect(written.stream().map(ClientWriteSingleResponse::getStatus).toList(),
                List.of(ClientWriteStatus.SUCCESS, ClientWriteStatus.FAILURE));
        client.write(ClientWriteRequest.ofWrites(List.of(fact("user:bob", "viewer", "document:1"))),
                new ClientWriteOptions().onDuplicate(WriteRequestWrites.OnDuplicateEnum.IGNORE)).get();

        var asked = new ClientReadChangesRequest().type("document");
        var changes = client.readChanges(asked).get();
        expect(changes.getChanges().stream()
                .map(c -> c.getOperation().getValue().substring("TUPLE_OPERATION_".length()) + " " + c.getTupleKey().getRelation())
                .toList(), List.of("WRITE viewer", "WRITE owner", "WRITE guest", "DELETE owner", "WRITE viewer"));
        var later = client.readChanges(asked,
                new ClientReadChangesOptions().continuationToken(changes.getContinuationToken())).get();
        expect(later.getChanges().size(), 0);
        expect(later.getContinuationToken(), changes.getContinuationToken());
    }

    static void checks() throws Exception {
        var client = storeWith(fact("user:owen", "owner", "document:1"), fact("user:bert", "owner", "document:1"),
                fact("user:bert", "blocked", "document:1"), fact("user:*", "viewer", "document:2"), guest(null));
        var owen = new ClientCheckRequest().user("user:owen").relation("viewer")._object("document:1");
        expect(client.check(owen).get().getAllowed(), true);
        expect(client.check(new ClientCheckRequest().user("user:bert").relation("viewer")._object("document:1")).get().getAllowed(), false);
        expect(client.check(new ClientCheckRequest().user("user:zoe").relation("viewer")._object("document:1")
                .contextualTuples(List.of(fact("user:zoe", "owner", "document:1")))).get().getAllowed(), true);
        expect(client.check(new ClientCheckRequest().user("user:gina").relation("guest")._object("document:1")
                .context(Map.of("place", "office"))).get().getAllowed(), true);

        var items = new ArrayList<ClientBatchCheckItem>();
        for (var user : List.of("user:owen", "user:bert")) {
            for (var relation : List.of("viewer", "nothing")) {
                items.add(new ClientBatchCheckItem().user(user).relation(relation)._object("document:1")
                        .correlationId(user.substring(5) + "-" + relation));
            }
        }
        var results = client.batchCheck(ClientBatchCheckRequest.ofChecks(items)).get().getResult().stream()
                .collect(Collectors.toMap(ClientBatchCheckSingleResponse::getCorrelationId, one -> one));
        expect(results.get("owen-viewer").isAllowed(), true);
        expect(results.get("bert-viewer").isAllowed(), false);
        expect(results.get("owen-nothing").getError().getInputError().getValue(), "validation_error");
        expect(client.clientBatchCheck(List.of(owen)).get().get(0).getAllowed(), true);
        expect(Set.copyOf(client.listRelations(new ClientListRelationsRequest().user("user:owen")._object("document:1")
                .relations(List.of("owner", "viewer", "blocked"))).get().getRelations()), Set.of("owner", "viewer"));
        expect(client.expand(new ClientExpandRequest().relation("owner")._object("document:1")).get()
                .getTree().getRoot().getLeaf().getUsers().getUsers(), List.of("user:bert", "user:owen"));
    }

    static void lists() throws Exception {
        var client = storeWith(fact("user:owen", "owner", "document:1"), fact("user:*", "viewer", "document:2"));
        var request = new ClientListObjectsRequest().user("user:owen").relation("viewer").type("document");
        expect(Set.copyOf(client.listObjects(request).get().getObjects()), Set.of("document:1", "document:2"));
        var users = client.listUsers(new ClientListUsersRequest()._object(new FgaObject().type("document").id("2"))
                .relation("viewer").userFilters(List.of(new UserTypeFilter().type("user")))
                .contextualTupleKeys(List.of(fact("user:zoe", "viewer", "document:2")))).get().getUsers();
        expect(users.size(), 2);
        expect(users.get(0).getWildcard().getType(), "user");
    }

    static void assertions() throws Exception {
        var client = storeWith();
        client.writeAssertions(List.of(
                new ClientAssertion().user("user:anne").relation("viewer")._object("document:1").expectation(true))).get();
        var read = client.readAssertions().get().getAssertions();
        expect(read.size(), 1);
        expect(read.get(0).getTupleKey().getUser(), "user:anne");
        expect(read.get(0).getExpectation(), true);
    }

    static void errors() throws Exception {
        var client = storeWith(guest(null));
        var twice = fact("user:a", "viewer", "document:1");
        Map<String, Test> refused = new LinkedHashMap<>();
        refused.put("validation_error relation 'document#nothing' not found", () -> client.check(
                new ClientCheckRequest().user("user:a").relation("nothing")._object("document:1")).get());
        refused.put("validation_error missing context parameters '[place]'", () -> client.check(
                new ClientCheckRequest().user("user:gina").relation("guest")._object("document:1")).get());
        refused.put("cannot_allow_duplicate_tuples_in_one_request duplicate tuple in write",
                () -> client.writeTuples(List.of(twice, twice)).get());
        refused.put("type_not_found type 'page' not found", () -> client.listObjects(
                new ClientListObjectsRequest().user("user:a").relation("viewer").type("page")).get());
        for (var entry : refused.entrySet()) {
            var space = entry.getKey().indexOf(' ');
            var error = errorOf(entry.getValue(), FgaApiValidationError.class);
            expect(error.getApiErrorCode(), entry.getKey().substring(0, space));
            expect(error.getStatusCode(), 400);
            var text = entry.getKey().substring(space + 1);
            if (!error.getApiErrorMessage().contains(text)) throw new AssertionError(error.getApiErrorMessage());
            expect(error.getRequestId() != null, true);
        }
    }

    static <E extends FgaError> E errorOf(Test call, Class<E> kind) throws Exception {
        try {
            call.run();
        } catch (ExecutionException e) {
            if (kind.isInstance(e.getCause())) return kind.cast(e.getCause());
            throw e;
        }
        throw new AssertionError("no error");
    }

    public static void main(String[] arguments) {
        Map<String, Test> tests = new LinkedHashMap<>();
        tests.put("stores", SdkTest::stores);
        tests.put("models", SdkTest::models);
        tests.put("tuples and changes", SdkTest::tuplesAndChanges);
        tests.put("checks", SdkTest::checks);
        tests.put("lists", SdkTest::lists);
        tests.put("assertions", SdkTest::assertions);
        tests.put("errors", SdkTest::errors);
        int failed = 0;
        for (var test : tests.entrySet()) {
            try {
                test.getValue().run();
                System.out.println("ok " + test.getKey());
            } catch (Throwable e) {
                failed++;
                System.out.println("FAILED " + test.getKey());
                e.printStackTrace(System.out);
            }
        }
        System.exit(failed == 0 ? 0 : 1);
    }
}
