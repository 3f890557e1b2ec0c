"""The published Python SDK, unmodified, does with a Pemba server what it does with any other."""

import asyncio
import os
import unittest

import openfga_sdk
from openfga_sdk.client import ClientConfiguration
from openfga_sdk.client.models import (
    ClientAssertion,
    ClientBatchCheckItem,
    ClientBatchCheckRequest,
    ClientCheckRequest,
    ClientExpandRequest,
    ClientListObjectsRequest,
    ClientListRelationsRequest,
    ClientReadChangesRequest,
    ClientTuple,
    ClientWriteRequest,
    ClientWriteRequestOnDuplicateWrites,
    ConflictOptions,
    WriteTransactionOpts,
)
from openfga_sdk.client.models.list_users_request import ClientListUsersRequest
from openfga_sdk.exceptions import NotFoundException, ValidationException
from openfga_sdk.models import (
    CreateStoreRequest,
    FgaObject,
    ReadRequestTupleKey,
    RelationshipCondition,
    UserTypeFilter,
    WriteAuthorizationModelRequest,
)
from openfga_sdk.sync import OpenFgaClient

MODEL = {
    "schema_version": "1.1",
    "type_definitions": [
        {"type": "user"},
        {
            "type": "document",
            "relations": {
                "owner": {"this": {}},
                "blocked": {"this": {}},
                "viewer": {
                    "difference": {
                        "base": {"union": {"child": [{"this": {}}, {"computedUserset": {"relation": "owner"}}]}},
                        "subtract": {"computedUserset": {"relation": "blocked"}},
                    }
                },
                "guest": {"this": {}},
            },
            "metadata": {
                "relations": {
                    "owner": {"directly_related_user_types": [{"type": "user"}]},
                    "blocked": {"directly_related_user_types": [{"type": "user"}]},
                    "viewer": {"directly_related_user_types": [{"type": "user"}, {"type": "user", "wildcard": {}}]},
                    "guest": {"directly_related_user_types": [{"type": "user", "condition": "in_office"}]},
                }
            },
        },
    ],
    "conditions": {
        "in_office": {
            "name": "in_office",
            "expression": 'place == "office"',
            "parameters": {"place": {"type_name": "TYPE_NAME_STRING"}},
        }
    },
}


def configuration(**more):
    return ClientConfiguration(api_url=os.environ["FGA_API_URL"], **more)


def new_store(tuples=()):
    """A client of a fresh store with the model and these tuples."""
    with OpenFgaClient(configuration()) as client:
        store_id = client.create_store(CreateStoreRequest(name="sdk tests")).id
    client = OpenFgaClient(configuration(store_id=store_id))
    written = client.write_authorization_model(WriteAuthorizationModelRequest(**MODEL))
    client.set_authorization_model_id(written.authorization_model_id)
    if tuples:
        client.write_tuples(list(tuples))
    return client


def fact(user, relation, document, **more):
    return ClientTuple(user=user, relation=relation, object=document, **more)


def words(tuples):
    return sorted(f"{t.key.object}#{t.key.relation}@{t.key.user}" for t in tuples)


class Sdk(unittest.TestCase):
    def test_stores(self):
        with OpenFgaClient(configuration()) as client:
            ids = {client.create_store(CreateStoreRequest(name=f"listed {i}")).id for i in range(3)}
            seen, token = [], None
            while True:
                options = {"page_size": 2}
                if token:
                    options["continuation_token"] = token
                page = client.list_stores(options)
                seen += [store.id for store in page.stores]
                token = page.continuation_token
                if not token:
                    break
            self.assertTrue(ids <= set(seen))
            self.assertEqual(len(seen), len(set(seen)))
            gone = ids.pop()
            client.set_store_id(gone)
            self.assertTrue(client.get_store().name.startswith("listed"))
            client.delete_store()
            with self.assertRaises(NotFoundException) as raised:
                client.get_store()
            self.assertEqual(raised.exception.code, "store_id_not_found")

    def test_models(self):
        client = new_store()
        first = client.get_authorization_model_id()
        read = client.read_authorization_model().authorization_model
        self.assertEqual(read.id, first)
        self.assertEqual([t.type for t in read.type_definitions], ["user", "document"])
        viewer = read.type_definitions[1].relations["viewer"]
        self.assertEqual(viewer.difference.subtract.computed_userset.relation, "blocked")
        second = client.write_authorization_model(
            WriteAuthorizationModelRequest(schema_version="1.1", type_definitions=[{"type": "user"}])
        ).authorization_model_id
        self.assertEqual(client.read_latest_authorization_model().authorization_model.id, second)
        listed = client.read_authorization_models().authorization_models
        self.assertEqual([model.id for model in listed], [second, first])
        with self.assertRaises(ValidationException) as raised:
            client.write_authorization_model(
                WriteAuthorizationModelRequest(
                    schema_version="1.1", type_definitions=[{"type": "a"}, {"type": "a"}]
                )
            )
        self.assertEqual(raised.exception.code, "invalid_authorization_model")

    def test_tuples_and_changes(self):
        client = new_store(
            [
                fact("user:anne", "viewer", "document:1"),
                fact("user:anne", "owner", "document:2"),
                fact("user:gina", "guest", "document:1",
                     condition=RelationshipCondition(name="in_office", context={"place": "office"})),
            ]
        )
        everything = client.read(ReadRequestTupleKey()).tuples
        self.assertEqual(
            words(everything),
            ["document:1#guest@user:gina", "document:1#viewer@user:anne", "document:2#owner@user:anne"],
        )
        kept = [t for t in everything if t.key.relation == "guest"][0].key.condition
        self.assertEqual((kept.name, kept.context), ("in_office", {"place": "office"}))
        page = client.read(ReadRequestTupleKey(object="document:", user="user:anne"), {"page_size": 1})
        rest = client.read(
            ReadRequestTupleKey(object="document:", user="user:anne"),
            {"page_size": 1, "continuation_token": page.continuation_token},
        )
        self.assertEqual(
            words(page.tuples + rest.tuples), ["document:1#viewer@user:anne", "document:2#owner@user:anne"]
        )
        client.delete_tuples([fact("user:anne", "owner", "document:2")])
        written = client.write(
            ClientWriteRequest(writes=[fact("user:bob", "viewer", "document:1"), fact("user:x", "no", "document:1")]),
            {"transaction": WriteTransactionOpts(disabled=True, max_per_chunk=1)},
        )
        self.assertEqual([w.success for w in written.writes], [True, False])
        again = client.write(
            ClientWriteRequest(writes=[fact("user:bob", "viewer", "document:1")]),
            {"conflict": ConflictOptions(on_duplicate_writes=ClientWriteRequestOnDuplicateWrites.IGNORE)},
        )
        self.assertTrue(again.writes[0].success)
        changes = client.read_changes(ClientReadChangesRequest(type="document"))
        self.assertEqual(
            [(c.operation, c.tuple_key.relation) for c in changes.changes],
            [
                ("TUPLE_OPERATION_WRITE", "viewer"),
                ("TUPLE_OPERATION_WRITE", "owner"),
                ("TUPLE_OPERATION_WRITE", "guest"),
                ("TUPLE_OPERATION_DELETE", "owner"),
                ("TUPLE_OPERATION_WRITE", "viewer"),
            ],
        )
        later = client.read_changes(
            ClientReadChangesRequest(type="document"), {"continuation_token": changes.continuation_token}
        )
        self.assertEqual((later.changes, later.continuation_token), ([], changes.continuation_token))

    def test_checks(self):
        client = new_store(
            [
                fact("user:owen", "owner", "document:1"),
                fact("user:bert", "owner", "document:1"),
                fact("user:bert", "blocked", "document:1"),
                fact("user:*", "viewer", "document:public"),
                fact("user:gina", "guest", "document:1", condition=RelationshipCondition(name="in_office")),
            ]
        )

        def allowed(user, relation, document, **more):
            return client.check(ClientCheckRequest(user=user, relation=relation, object=document, **more)).allowed

        self.assertTrue(allowed("user:owen", "viewer", "document:1"))
        self.assertFalse(allowed("user:bert", "viewer", "document:1"))
        self.assertTrue(allowed("user:zoe", "viewer", "document:public"))
        self.assertTrue(
            allowed("user:zoe", "viewer", "document:1", contextual_tuples=[fact("user:zoe", "owner", "document:1")])
        )
        self.assertTrue(allowed("user:gina", "guest", "document:1", context={"place": "office"}))
        self.assertFalse(allowed("user:gina", "guest", "document:1", context={"place": "home"}))

        checks = [
            ClientBatchCheckItem(user=user, relation=relation, object="document:1", correlation_id=f"{i}-{relation}")
            for i, user in enumerate(["user:owen", "user:zoe"])
            for relation in ["viewer", "nothing"]
        ]
        result = client.batch_check(ClientBatchCheckRequest(checks=checks), {"max_batch_size": 3}).result
        by = {one.correlation_id: one for one in result}
        self.assertTrue(by["0-viewer"].allowed)
        self.assertFalse(by["1-viewer"].allowed)
        self.assertEqual(by["0-nothing"].error.input_error, "validation_error")
        alone = client.client_batch_check([ClientCheckRequest(user="user:owen", relation="owner", object="document:1")])
        self.assertTrue(alone[0].allowed)
        self.assertEqual(
            client.list_relations(
                ClientListRelationsRequest(user="user:owen", object="document:1", relations=["owner", "viewer", "blocked"])
            ),
            ["owner", "viewer"],
        )
        tree = client.expand(ClientExpandRequest(relation="owner", object="document:1")).tree
        self.assertEqual(tree.root.leaf.users.users, ["user:bert", "user:owen"])

    def test_lists(self):
        client = new_store(
            [
                fact("user:owen", "owner", "document:1"),
                fact("user:owen", "viewer", "document:2"),
                fact("user:*", "viewer", "document:3"),
            ]
        )
        request = ClientListObjectsRequest(user="user:owen", relation="viewer", type="document")
        self.assertEqual(sorted(client.list_objects(request).objects), ["document:1", "document:2", "document:3"])
        self.assertEqual(
            sorted(one.object for one in client.streamed_list_objects(request)),
            ["document:1", "document:2", "document:3"],
        )
        users = client.list_users(
            ClientListUsersRequest(
                object=FgaObject(type="document", id="3"),
                relation="viewer",
                user_filters=[UserTypeFilter(type="user")],
                contextual_tuples=[fact("user:zoe", "viewer", "document:3")],
            )
        ).users
        self.assertEqual([u.wildcard.type for u in users if u.wildcard], ["user"])
        self.assertEqual([u.object.id for u in users if u.object], ["zoe"])

    def test_assertions(self):
        client = new_store()
        client.write_assertions(
            [ClientAssertion(user="user:anne", relation="viewer", object="document:1", expectation=True)]
        )
        read = client.read_assertions()
        self.assertEqual(read.authorization_model_id, client.get_authorization_model_id())
        self.assertEqual([(a.tuple_key.user, a.expectation) for a in read.assertions], [("user:anne", True)])

    def test_errors(self):
        client = new_store([fact("user:gina", "guest", "document:1", condition=RelationshipCondition(name="in_office"))])
        cases = [
            (lambda: client.check(ClientCheckRequest(user="user:a", relation="no", object="document:1")),
             "validation_error", "relation 'document#no' not found"),
            (lambda: client.check(ClientCheckRequest(user="user:gina", relation="guest", object="document:1")),
             "validation_error", "missing context parameters '[place]'"),
            (lambda: client.write_tuples([fact("user:a", "viewer", "document:1")] * 2),
             "cannot_allow_duplicate_tuples_in_one_request", "duplicate tuple in write"),
            (lambda: client.list_objects(ClientListObjectsRequest(user="user:a", relation="viewer", type="page")),
             "type_not_found", "type 'page' not found"),
        ]
        for call, code, text in cases:
            with self.subTest(code=code, text=text):
                with self.assertRaises(ValidationException) as raised:
                    call()
                self.assertEqual((raised.exception.status, raised.exception.code), (400, code))
                self.assertIn(text, raised.exception.error_message)

    def test_the_asynchronous_client(self):
        async def run():
            blocking = new_store([fact("user:owen", "owner", "document:1")])
            bound = configuration(
                store_id=blocking.get_store_id(), authorization_model_id=blocking.get_authorization_model_id()
            )
            async with openfga_sdk.OpenFgaClient(bound) as client:
                asked = ClientCheckRequest(user="user:owen", relation="viewer", object="document:1")
                answers = await asyncio.gather(*(client.check(asked) for _ in range(20)))
                request = ClientListObjectsRequest(user="user:owen", relation="viewer", type="document")
                streamed = [one.object async for one in client.streamed_list_objects(request)]
                return [answer.allowed for answer in answers], streamed

        answers, streamed = asyncio.run(run())
        self.assertEqual(answers, [True] * 20)
        self.assertEqual(streamed, ["document:1"])


if __name__ == "__main__":
    unittest.main()
