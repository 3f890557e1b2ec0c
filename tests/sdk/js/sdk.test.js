// The published SDK, unmodified, does with a Pemba server what it does with any other.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import {
  FgaApiNotFoundError,
  FgaApiValidationError,
  FgaValidationError,
  OpenFgaClient,
} from '@openfga/sdk';

import { startServer, temporaryDirectory } from './server.js';

const model = {
  schema_version: '1.1',
  type_definitions: [
    { type: 'user', relations: {} },
    {
      type: 'group',
      relations: { member: { this: {} } },
      metadata: {
        relations: {
          member: { directly_related_user_types: [{ type: 'user' }, { type: 'group', relation: 'member' }] },
        },
      },
    },
    {
      type: 'document',
      relations: {
        owner: { this: {} },
        blocked: { this: {} },
        viewer: {
          difference: {
            base: { union: { child: [{ this: {} }, { computedUserset: { relation: 'owner' } }] } },
            subtract: { computedUserset: { relation: 'blocked' } },
          },
        },
        guest: { this: {} },
      },
      metadata: {
        relations: {
          owner: { directly_related_user_types: [{ type: 'user' }] },
          blocked: { directly_related_user_types: [{ type: 'user' }] },
          viewer: {
            directly_related_user_types: [
              { type: 'user' },
              { type: 'user', wildcard: {} },
              { type: 'group', relation: 'member' },
            ],
          },
          guest: { directly_related_user_types: [{ type: 'user', condition: 'in_office' }] },
        },
      },
    },
  ],
  conditions: {
    in_office: {
      name: 'in_office',
      expression: 'place == "office"',
      parameters: { place: { type_name: 'TYPE_NAME_STRING' } },
    },
  },
};

const tuple = (user, relation, object) => ({ user, relation, object });

// Whatever the client can do is tried: its methods note when they are called.
const called = new Set();
const methods = Object.entries(Object.getOwnPropertyDescriptors(OpenFgaClient.prototype))
  .filter(([name, { value }]) => name !== 'constructor' && typeof value === 'function')
  .map(([name]) => name);
for (const name of methods) {
  const method = OpenFgaClient.prototype[name];
  OpenFgaClient.prototype[name] = function (...parameters) {
    called.add(name);
    return method.apply(this, parameters);
  };
}

let directory;
let server;
const newClient = (options = {}) => new OpenFgaClient({ apiUrl: server.http, ...options });

// A client of a fresh store with the model above and these tuples.
async function storeWith(tuples = []) {
  const created = await newClient().createStore({ name: 'sdk tests' });
  const client = newClient({ storeId: created.id });
  const written = await client.writeAuthorizationModel(model);
  const bound = newClient({ storeId: created.id, authorizationModelId: written.authorization_model_id });
  if (tuples.length > 0) await bound.write({ writes: tuples });
  return bound;
}

before(async () => {
  directory = await temporaryDirectory();
  server = await startServer(directory.path);
});

after(async () => {
  if (server) assert.equal(await server.stop(), 0);
  await directory?.remove();
  assert.deepEqual(methods.filter((name) => !called.has(name)), [], 'methods that no test calls');
});

describe('stores', () => {
  test('are created, read, listed page by page, and deleted', async () => {
    const client = newClient();
    const ids = new Set();
    for (let i = 0; i < 5; i++) ids.add((await client.createStore({ name: `listed ${i}` })).id);
    assert.equal(ids.size, 5);

    const [first] = ids;
    const store = await client.getStore({ storeId: first });
    assert.equal(store.name, 'listed 0');
    assert.ok(!Number.isNaN(Date.parse(store.created_at)));

    const seen = [];
    let continuationToken;
    do {
      const page = await client.listStores({ pageSize: 2, continuationToken });
      assert.ok(page.stores.length <= 2);
      seen.push(...page.stores.map((one) => one.id));
      continuationToken = page.continuation_token;
    } while (continuationToken);
    for (const id of ids) assert.ok(seen.includes(id));
    assert.equal(new Set(seen).size, seen.length, 'no store twice');

    const named = await client.listStores({ name: 'listed 3' });
    assert.deepEqual(named.stores.map((one) => one.name), ['listed 3']);

    await client.deleteStore({ storeId: first });
    await assert.rejects(client.getStore({ storeId: first }), (error) => {
      assert.ok(error instanceof FgaApiNotFoundError);
      assert.equal(error.statusCode, 404);
      assert.equal(error.apiErrorCode, 'store_id_not_found');
      return true;
    });
  });
});

describe('models', () => {
  test('come back as they were written, newest first', async () => {
    const client = await storeWith();
    const first = client.authorizationModelId;
    const second = (await client.writeAuthorizationModel({ schema_version: '1.1', type_definitions: [{ type: 'user' }] }))
      .authorization_model_id;
    assert.ok(second > first, 'ids grow with time');

    const read = (await client.readAuthorizationModel()).authorization_model;
    assert.equal(read.id, first);
    assert.equal(read.schema_version, '1.1');
    assert.deepEqual(read.type_definitions.map((one) => one.type), ['user', 'group', 'document']);
    const viewer = read.type_definitions[2].relations.viewer;
    assert.deepEqual(viewer.difference.subtract, { computedUserset: { relation: 'blocked', object: '' } });
    assert.equal(read.conditions.in_office.expression, 'place == "office"');
    assert.equal(read.conditions.in_office.parameters.place.type_name, 'TYPE_NAME_STRING');

    const latest = (await client.readLatestAuthorizationModel()).authorization_model;
    assert.equal(latest.id, second);
    const listed = await client.readAuthorizationModels();
    assert.deepEqual(listed.authorization_models.map((one) => one.id), [second, first]);
    const page = await client.readAuthorizationModels({ pageSize: 1 });
    assert.equal(page.authorization_models.length, 1);
    const rest = await client.readAuthorizationModels({ pageSize: 1, continuationToken: page.continuation_token });
    assert.deepEqual(rest.authorization_models.map((one) => one.id), [first]);
    assert.equal(rest.continuation_token, '');
  });

  test('that make no sense are refused', async () => {
    const client = await storeWith();
    const looping = {
      schema_version: '1.1',
      type_definitions: [
        { type: 'user' },
        { type: 'document', relations: { viewer: { computedUserset: { relation: 'nothing' } } } },
      ],
    };
    await assert.rejects(client.writeAuthorizationModel(looping), (error) => {
      assert.ok(error instanceof FgaApiValidationError);
      assert.equal(error.apiErrorCode, 'invalid_authorization_model');
      assert.match(error.apiErrorMessage, /'document#nothing' relation is undefined/);
      return true;
    });
  });
});

describe('tuples', () => {
  test('are written, read with every filter, and deleted', async () => {
    const client = await storeWith([
      tuple('user:anne', 'viewer', 'document:1'),
      tuple('user:anne', 'owner', 'document:2'),
      tuple('user:bob', 'viewer', 'document:1'),
    ]);
    const read = async (filter, options) =>
      (await client.read(filter, options)).tuples.map(({ key }) => `${key.object}#${key.relation}@${key.user}`).sort();

    assert.equal((await read({})).length, 3);
    assert.deepEqual(await read({ object: 'document:1' }), [
      'document:1#viewer@user:anne',
      'document:1#viewer@user:bob',
    ]);
    assert.deepEqual(await read({ object: 'document:', user: 'user:anne' }), [
      'document:1#viewer@user:anne',
      'document:2#owner@user:anne',
    ]);
    assert.deepEqual(await read({ object: 'document:1', relation: 'viewer', user: 'user:bob' }), [
      'document:1#viewer@user:bob',
    ]);

    const page = await client.read({}, { pageSize: 2 });
    assert.equal(page.tuples.length, 2);
    assert.ok(!Number.isNaN(Date.parse(page.tuples[0].timestamp)));
    const rest = await client.read({}, { pageSize: 2, continuationToken: page.continuation_token });
    assert.equal(rest.tuples.length, 1);
    assert.equal(rest.continuation_token, '');

    const result = await client.write({
      writes: [tuple('user:carl', 'viewer', 'document:1')],
      deletes: [tuple('user:bob', 'viewer', 'document:1')],
    });
    assert.deepEqual([result.writes[0].status, result.deletes[0].status], ['success', 'success']);
    await client.deleteTuples([tuple('user:carl', 'viewer', 'document:1')]);
    await client.writeTuples([tuple('group:eng#member', 'viewer', 'document:1')]);
    assert.deepEqual(await read({ object: 'document:1' }), [
      'document:1#viewer@group:eng#member',
      'document:1#viewer@user:anne',
    ]);
  });

  test('keep their condition and its context', async () => {
    const client = await storeWith();
    await client.write({
      writes: [{ ...tuple('user:anne', 'guest', 'document:1'), condition: { name: 'in_office', context: { place: 'office' } } }],
    });
    const { tuples } = await client.read({});
    assert.deepEqual(tuples[0].key.condition, { name: 'in_office', context: { place: 'office' } });
  });

  test('are written in chunks without a transaction, and failures are told apart', async () => {
    const client = await storeWith();
    const writes = Array.from({ length: 25 }, (_, i) => tuple(`user:${i}`, 'viewer', 'document:1'));
    writes.push(tuple('user:x', 'nothing', 'document:1'));
    const result = await client.write({ writes }, { transaction: { disable: true, maxPerChunk: 1, maxParallelRequests: 5 } });
    assert.equal(result.writes.filter((one) => one.status === 'success').length, 25);
    const failed = result.writes.filter((one) => one.status === 'failure');
    assert.equal(failed.length, 1);
    assert.ok(failed[0].err instanceof FgaApiValidationError);
  });

  test('that are there already fail the write, or are ignored on demand', async () => {
    const existing = tuple('user:anne', 'viewer', 'document:1');
    const client = await storeWith([existing]);
    await assert.rejects(client.write({ writes: [existing] }), (error) => {
      assert.ok(error instanceof FgaApiValidationError);
      assert.equal(error.statusCode, 400);
      assert.equal(error.apiErrorCode, 'write_failed_due_to_invalid_input');
      assert.match(error.apiErrorMessage, /cannot write a tuple which already exists/);
      return true;
    });
    await client.write({ writes: [existing] }, { conflict: { onDuplicateWrites: 'ignore' } });
    const missing = tuple('user:zoe', 'viewer', 'document:1');
    await assert.rejects(client.write({ deletes: [missing] }), { apiErrorCode: 'write_failed_due_to_invalid_input' });
    await client.write({ deletes: [missing] }, { conflict: { onMissingDeletes: 'ignore' } });
  });

  test('leave their history in order', async () => {
    const client = await storeWith([tuple('user:anne', 'viewer', 'document:1')]);
    await client.write({ writes: [tuple('user:bob', 'member', 'group:eng')] });
    await client.write({ deletes: [tuple('user:anne', 'viewer', 'document:1')] });
    const told = ({ changes }) => changes.map((one) => `${one.operation} ${one.tuple_key.object}`);

    const all = await client.readChanges();
    assert.deepEqual(told(all), [
      'TUPLE_OPERATION_WRITE document:1',
      'TUPLE_OPERATION_WRITE group:eng',
      'TUPLE_OPERATION_DELETE document:1',
    ]);
    const documents = await client.readChanges({ type: 'document' }, { pageSize: 1 });
    assert.deepEqual(told(documents), ['TUPLE_OPERATION_WRITE document:1']);
    const next = await client.readChanges({ type: 'document' }, { continuationToken: documents.continuation_token });
    assert.deepEqual(told(next), ['TUPLE_OPERATION_DELETE document:1']);
    const end = await client.readChanges({ type: 'document' }, { continuationToken: next.continuation_token });
    assert.deepEqual(told(end), []);
    assert.equal(end.continuation_token, next.continuation_token, 'poll with the same token');
    await assert.rejects(client.readChanges({ type: 'group' }, { continuationToken: documents.continuation_token }), {
      apiErrorCode: 'query_string_type_continuation_token_mismatch',
    });
  });
});

describe('checks', () => {
  let client;
  before(async () => {
    client = await storeWith([
      tuple('user:owen', 'owner', 'document:1'),
      tuple('group:eng#member', 'viewer', 'document:1'),
      tuple('group:core#member', 'member', 'group:eng'),
      tuple('user:carl', 'member', 'group:core'),
      tuple('user:bert', 'member', 'group:core'),
      tuple('user:bert', 'blocked', 'document:1'),
      tuple('user:*', 'viewer', 'document:public'),
      { ...tuple('user:gina', 'guest', 'document:1'), condition: { name: 'in_office' } },
    ]);
  });
  const allowed = async (user, relation, object, more = {}) =>
    (await client.check({ user, relation, object, ...more })).allowed;

  test('follow owners, groups, wildcards and exclusions', async () => {
    assert.equal(await allowed('user:owen', 'viewer', 'document:1'), true);
    assert.equal(await allowed('user:carl', 'viewer', 'document:1'), true);
    assert.equal(await allowed('user:bert', 'viewer', 'document:1'), false);
    assert.equal(await allowed('user:zoe', 'viewer', 'document:1'), false);
    assert.equal(await allowed('user:zoe', 'viewer', 'document:public'), true);
    assert.equal(await allowed('group:core#member', 'viewer', 'document:1'), true);
  });

  test('take contextual tuples and context', async () => {
    const contextualTuples = [tuple('user:zoe', 'member', 'group:core')];
    assert.equal(await allowed('user:zoe', 'viewer', 'document:1', { contextualTuples }), true);
    assert.equal(await allowed('user:zoe', 'viewer', 'document:1'), false, 'they leave no trace');
    assert.equal(await allowed('user:gina', 'guest', 'document:1', { context: { place: 'office' } }), true);
    assert.equal(await allowed('user:gina', 'guest', 'document:1', { context: { place: 'home' } }), false);
  });

  test('see a write at once', async () => {
    const grant = tuple('user:new', 'viewer', 'document:1');
    for (let i = 0; i < 10; i++) {
      await client.write({ writes: [grant] });
      assert.equal(await allowed('user:new', 'viewer', 'document:1'), true);
      await client.write({ deletes: [grant] });
      assert.equal(await allowed('user:new', 'viewer', 'document:1'), false);
    }
  });

  test('come in batches, each with its own outcome', async () => {
    const { result } = await client.batchCheck({
      checks: [
        { ...tuple('user:owen', 'viewer', 'document:1'), correlationId: 'yes' },
        { ...tuple('user:zoe', 'viewer', 'document:1'), correlationId: 'no' },
        { ...tuple('user:zoe', 'nothing', 'document:1'), correlationId: 'wrong' },
        {
          ...tuple('user:zoe', 'viewer', 'document:1'),
          correlationId: 'contextual',
          contextualTuples: { tuple_keys: [tuple('user:zoe', 'owner', 'document:1')] },
        },
        { ...tuple('user:gina', 'guest', 'document:1'), correlationId: 'context', context: { place: 'office' } },
      ],
    });
    const by = Object.fromEntries(result.map((one) => [one.correlationId, one]));
    assert.equal(by.yes.allowed, true);
    assert.equal(by.no.allowed, false);
    assert.equal(by.contextual.allowed, true);
    assert.equal(by.context.allowed, true);
    assert.equal(by.wrong.error.input_error, 'validation_error');
    assert.ok(!by.wrong.allowed);
  });

  test('come in batches of single requests', async () => {
    const { result } = await client.clientBatchCheck(
      [tuple('user:owen', 'viewer', 'document:1'), tuple('user:zoe', 'viewer', 'document:1'), tuple('user:zoe', 'nothing', 'document:1')],
      { maxParallelRequests: 2 },
    );
    const by = Object.fromEntries(result.map((one) => [`${one._request.user} ${one._request.relation}`, one]));
    assert.equal(by['user:owen viewer'].allowed, true);
    assert.equal(by['user:zoe viewer'].allowed, false);
    assert.equal(by['user:zoe nothing'].error.apiErrorCode, 'validation_error');
  });

  test('come in batches larger than one request', async () => {
    const checks = Array.from({ length: 130 }, (_, i) => tuple(i % 2 ? 'user:owen' : 'user:zoe', 'viewer', `document:1`));
    const { result } = await client.batchCheck({ checks }, { maxBatchSize: 40, maxParallelRequests: 3 });
    assert.equal(result.length, 130);
    for (const one of result) assert.equal(one.allowed, one.request.user === 'user:owen');
  });

  test('say which relations somebody has', async () => {
    const { relations } = await client.listRelations({
      user: 'user:owen',
      object: 'document:1',
      relations: ['owner', 'viewer', 'blocked'],
    });
    assert.deepEqual(relations.sort(), ['owner', 'viewer']);
  });
});

describe('lists', () => {
  let client;
  before(async () => {
    client = await storeWith([
      tuple('user:owen', 'owner', 'document:1'),
      tuple('user:owen', 'viewer', 'document:2'),
      tuple('user:owen', 'blocked', 'document:2'),
      tuple('user:mary', 'member', 'group:core'),
      tuple('group:core#member', 'viewer', 'document:1'),
      tuple('user:*', 'viewer', 'document:3'),
      { ...tuple('user:gina', 'guest', 'document:1'), condition: { name: 'in_office' } },
    ]);
  });

  const objects = async (request) => (await client.listObjects({ type: 'document', ...request })).objects.sort();
  const users = async (relation, id, filter, rest = {}) =>
    (await client.listUsers({ object: { type: 'document', id }, relation, user_filters: [filter], ...rest })).users;

  test('of objects', async () => {
    assert.deepEqual(await objects({ user: 'user:owen', relation: 'viewer' }), ['document:1', 'document:3']);
    assert.deepEqual(await objects({ user: 'user:nobody', relation: 'owner' }), []);
    const contextualTuples = [tuple('user:zoe', 'member', 'group:core')];
    assert.deepEqual(await objects({ user: 'user:zoe', relation: 'viewer', contextualTuples }), ['document:1', 'document:3']);
    assert.deepEqual(await objects({ user: 'user:gina', relation: 'guest', context: { place: 'office' } }), ['document:1']);
  });

  test('of objects, streamed', async () => {
    const found = [];
    for await (const { object } of client.streamedListObjects({ user: 'user:owen', relation: 'viewer', type: 'document' })) {
      found.push(object);
    }
    assert.deepEqual(found.sort(), ['document:1', 'document:3']);
    for await (const one of client.streamedListObjects({ user: 'user:nobody', relation: 'owner', type: 'document' })) {
      assert.fail(`nobody owns ${one.object}`);
    }
  });

  test('of a thousand objects and more, streamed', async () => {
    const many = await storeWith();
    for (let i = 0; i < 12; i++) {
      await many.write(
        { writes: Array.from({ length: 100 }, (_, j) => tuple('user:owen', 'owner', `document:${i * 100 + j}`)) },
        { transaction: { maxPerChunk: 100 } },
      );
    }
    const request = { user: 'user:owen', relation: 'owner', type: 'document' };
    assert.equal((await many.listObjects(request)).objects.length, 1000);
    const found = new Set();
    for await (const { object } of many.streamedListObjects(request)) found.add(object);
    assert.equal(found.size, 1200);
  });

  test('of users', async () => {
    const ids = (list) => list.map((user) => user.object?.id).sort();
    assert.deepEqual(ids(await users('viewer', '1', { type: 'user' })), ['mary', 'owen']);
    assert.deepEqual(await users('viewer', '3', { type: 'user' }), [{ wildcard: { type: 'user' } }]);
    assert.deepEqual(await users('viewer', '1', { type: 'group', relation: 'member' }), [
      { userset: { type: 'group', id: 'core', relation: 'member' } },
    ]);
    const contextualTuples = [tuple('user:zoe', 'owner', 'document:1')];
    assert.deepEqual(ids(await users('owner', '1', { type: 'user' }, { contextualTuples })), ['owen', 'zoe']);
  });

  test('that cannot be decided fail', async () => {
    const undecided = (error) => error instanceof FgaApiValidationError && /missing context parameters/.test(error.apiErrorMessage);
    await assert.rejects(objects({ user: 'user:gina', relation: 'guest' }), undecided);
    await assert.rejects(users('guest', '1', { type: 'user' }), undecided);
  });
});

test('requests that the client has no method for go through it as well', async () => {
  const client = await storeWith([tuple('user:owen', 'owner', 'document:1'), tuple('user:owen', 'viewer', 'document:2')]);
  await client.checkValidApiConnection();
  await newClient({ storeId: client.storeId }).checkValidApiConnection();
  const pathParams = { store_id: client.storeId };
  const kinds = [
    { type: 'document', relation: 'owner' },
    { type: 'document', relation: 'viewer' },
  ];
  const found = await client.executeApiRequest({
    operationName: 'ListObjectsOfKinds',
    method: 'POST',
    path: '/stores/{store_id}/list-objects-of-kinds',
    pathParams,
    body: { kinds, user: 'user:owen' },
  });
  assert.deepEqual(
    found.objects.map(({ object, relation }) => `${object}#${relation}`),
    ['document:1#owner', 'document:1#viewer', 'document:2#viewer'],
  );
  const stream = await client.executeStreamedApiRequest({
    operationName: 'StreamedListObjects',
    method: 'POST',
    path: '/stores/{store_id}/streamed-list-objects',
    pathParams,
    body: { type: 'document', relation: 'owner', user: 'user:owen' },
  });
  let text = '';
  for await (const part of stream) text += part;
  assert.deepEqual(JSON.parse(text), { result: { object: 'document:1' } });
});

test('a relation is expanded one level deep', async () => {
  const client = await storeWith([tuple('user:owen', 'owner', 'document:1'), tuple('user:mary', 'viewer', 'document:1')]);
  const { tree } = await client.expand({ relation: 'viewer', object: 'document:1' });
  const name = 'document:1#viewer';
  assert.equal(tree.root.name, name);
  assert.deepEqual(tree.root.difference.base.union.nodes, [
    { name, leaf: { users: { users: ['user:mary'] } } },
    { name, leaf: { computed: { userset: 'document:1#owner' } } },
  ]);
  assert.deepEqual(tree.root.difference.subtract, { name, leaf: { computed: { userset: 'document:1#blocked' } } });
});

describe('assertions', () => {
  test('are kept with their model', async () => {
    const client = await storeWith();
    assert.deepEqual((await client.readAssertions()).assertions, []);
    await client.writeAssertions([
      { ...tuple('user:anne', 'viewer', 'document:1'), expectation: true },
      { ...tuple('user:bob', 'viewer', 'document:1'), expectation: false },
    ]);
    const read = await client.readAssertions();
    assert.equal(read.authorization_model_id, client.authorizationModelId);
    assert.deepEqual(
      read.assertions.map(({ tuple_key, expectation }) => [tuple_key.user, expectation]),
      [['user:anne', true], ['user:bob', false]],
    );
  });
});

describe('errors', () => {
  const expectValidation = (code, message) => (error) => {
    assert.ok(error instanceof FgaApiValidationError, `${error.name}: ${error.message}`);
    assert.equal(error.statusCode, 400);
    assert.equal(error.apiErrorCode, code);
    assert.match(error.apiErrorMessage, message);
    assert.match(error.responseHeader['x-request-id'] ?? '', /^[0-9a-f-]{32,36}$/);
    return true;
  };

  test('of checks carry the code and the text', async () => {
    const client = await storeWith([{ ...tuple('user:gina', 'guest', 'document:1'), condition: { name: 'in_office' } }]);
    await assert.rejects(
      client.check(tuple('user:anne', 'nothing', 'document:1')),
      expectValidation('validation_error', /relation 'document#nothing' not found/),
    );
    await assert.rejects(
      client.check(tuple('user:anne', 'viewer', 'folder:1')),
      expectValidation('validation_error', /type 'folder' not found/),
    );
    await assert.rejects(
      client.check(tuple('user:gina', 'guest', 'document:1')),
      expectValidation('validation_error', /missing context parameters '\[place\]'/),
    );
    await assert.rejects(
      client.check({
        ...tuple('user:anne', 'viewer', 'document:1'),
        contextualTuples: [tuple('user:anne', 'nothing', 'document:1')],
      }),
      expectValidation('invalid_tuple', /./),
    );
  });

  test('of writes carry the code and the text', async () => {
    const client = await storeWith();
    await assert.rejects(
      client.write({ writes: [tuple('group:eng', 'viewer', 'document:1')] }),
      expectValidation('validation_error', /type 'group' is not an allowed type restriction for 'document#viewer'/),
    );
    const twice = tuple('user:anne', 'viewer', 'document:1');
    await assert.rejects(
      client.write({ writes: [twice, twice] }),
      expectValidation('cannot_allow_duplicate_tuples_in_one_request', /duplicate tuple in write/),
    );
    const many = Array.from({ length: 101 }, (_, i) => tuple(`user:${i}`, 'viewer', 'document:1'));
    await assert.rejects(client.write({ writes: many }), expectValidation('exceeded_entity_limit', /allowed limit of 100/));
    assert.equal((await client.read({})).tuples.length, 0, 'nothing of a failed write is there');
  });

  test('of models that are not there', async () => {
    const unknown = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
    const client = await storeWith();
    await assert.rejects(
      client.check(tuple('user:anne', 'viewer', 'document:1'), { authorizationModelId: unknown }),
      expectValidation('authorization_model_not_found', /Authorization Model '01ARZ3NDEKTSV4RRFFQ69G5FAV' not found/),
    );
    const empty = await newClient().createStore({ name: 'without a model' });
    await assert.rejects(
      newClient({ storeId: empty.id }).check(tuple('user:anne', 'viewer', 'document:1')),
      expectValidation('latest_authorization_model_not_found', /No authorization models found for store/),
    );
  });

  test('of field rules and of the client itself', async () => {
    await assert.rejects(newClient().createStore({ name: 'x' }), expectValidation('validation_error', /./));
    const client = await storeWith();
    await assert.rejects(client.read({}, { pageSize: 101 }), expectValidation('page_size_invalid', /./));
    assert.throws(() => newClient({ storeId: 'not-a-ulid' }), FgaValidationError);
  });
});

describe('a restart', () => {
  test('keeps stores, models, tuples, history and assertions', async () => {
    const own = await temporaryDirectory();
    let running = await startServer(own.path);
    const connect = (options) => new OpenFgaClient({ apiUrl: running.http, ...options });
    try {
      const storeId = (await connect().createStore({ name: 'kept' })).id;
      let client = connect({ storeId });
      const authorizationModelId = (await client.writeAuthorizationModel(model)).authorization_model_id;
      client = connect({ storeId, authorizationModelId });
      await client.write({
        writes: [
          tuple('group:eng#member', 'viewer', 'document:1'),
          tuple('user:anne', 'member', 'group:eng'),
          { ...tuple('user:gina', 'guest', 'document:1'), condition: { name: 'in_office', context: { place: 'office' } } },
        ],
      });
      await client.write({ deletes: [tuple('user:anne', 'member', 'group:eng')] });
      await client.write({ writes: [tuple('user:bob', 'member', 'group:eng')] });
      await client.writeAssertions([{ ...tuple('user:bob', 'viewer', 'document:1'), expectation: true }]);
      const changes = await client.readChanges();

      for (let restart = 0; restart < 2; restart++) {
        assert.equal(await running.stop(), 0);
        running = await startServer(own.path);
        client = connect({ storeId, authorizationModelId });
        assert.equal((await client.getStore()).name, 'kept');
        assert.equal((await client.readLatestAuthorizationModel()).authorization_model.id, authorizationModelId);
        assert.equal((await client.check(tuple('user:bob', 'viewer', 'document:1'))).allowed, true);
        assert.equal((await client.check(tuple('user:anne', 'viewer', 'document:1'))).allowed, false);
        assert.equal((await client.check(tuple('user:gina', 'guest', 'document:1'))).allowed, true);
        assert.equal((await client.read({})).tuples.length, 3);
        assert.deepEqual((await client.readChanges()).changes, changes.changes);
        assert.equal((await client.readAssertions()).assertions.length, 1);
        const later = await client.readChanges(undefined, { continuationToken: changes.continuation_token });
        assert.deepEqual(later.changes, [], 'tokens outlive the server');
      }
    } finally {
      await running.stop();
      await own.remove();
    }
  });
});
