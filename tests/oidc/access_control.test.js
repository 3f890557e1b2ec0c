// Who may call what is decided by a store of the server itself.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startServer, temporaryDirectory } from '../sdk/js/server.js';
import { AUDIENCE, startIssuer } from './issuer.js';

const ON_STORES = [
  'read', 'write', 'check', 'expand', 'list_objects', 'list_users', 'read_changes', 'read_authorization_models',
  'write_authorization_models', 'read_assertions', 'write_assertions', 'get_store', 'delete_store',
].map((call) => `can_call_${call}`);
const ON_SYSTEM = ['can_call_create_stores', 'can_call_list_stores'];

const direct = (relations, types) => ({
  relations: Object.fromEntries(relations.map((relation) => [relation, { this: {} }])),
  metadata: {
    relations: Object.fromEntries(
      relations.map((relation) => [relation, { directly_related_user_types: types.map((type) => ({ type })) }]),
    ),
  },
});
// An application is granted each call by itself; the admins of the system may do everything.
const controlModel = () => {
  const store = direct(ON_STORES, ['application']);
  for (const relation of ON_STORES) {
    store.relations[relation] = {
      union: {
        child: [
          { this: {} },
          { tupleToUserset: { tupleset: { relation: 'system' }, computedUserset: { relation: 'admin' } } },
        ],
      },
    };
  }
  const system = direct(['system'], ['system']);
  Object.assign(store.relations, system.relations);
  Object.assign(store.metadata.relations, system.metadata.relations);
  const module_ = direct(['store'], ['store']);
  const writer = direct(['can_call_write'], ['application']);
  return {
    schema_version: '1.1',
    type_definitions: [
      { type: 'application' },
      { type: 'system', ...direct(['admin', ...ON_SYSTEM], ['application']) },
      { type: 'store', ...store },
      {
        type: 'module',
        relations: { ...module_.relations, ...writer.relations },
        metadata: { relations: { ...module_.metadata.relations, ...writer.metadata.relations } },
      },
    ],
  };
};

let issuer, directory, server, control, stores;
const tokens = {};

async function call(token, method, path, body) {
  const response = await fetch(server.http + path, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
  });
  const text = await response.text();
  return { status: response.status, ...(text && { body: JSON.parse(text) }) };
}

const grant = (...tuples) =>
  call(tokens.menu, 'POST', `/stores/${control.store}/write`, {
    writes: { tuple_keys: tuples.map(([user, relation, object]) => ({ user, relation, object })) },
  });

function expectForbidden({ status, body }) {
  assert.deepEqual({ status, ...body }, {
    status: 401,
    code: 'forbidden',
    message: 'the principal is not authorized to perform the action',
  });
}

before(async () => {
  issuer = await startIssuer();
  directory = await temporaryDirectory();
  // Before access control is on, somebody makes the control store and names the first admin.
  server = await startServer(directory.path);
  const store = (await call(null, 'POST', '/stores', { name: 'control' })).body.id;
  const model = (await call(null, 'POST', `/stores/${store}/authorization-models`, controlModel())).body;
  control = { store, model: model.authorization_model_id };
  assert.ok(control.model, JSON.stringify(model));
  const first = await call(null, 'POST', `/stores/${store}/write`, {
    writes: {
      tuple_keys: [
        { user: 'application:menu', relation: 'admin', object: 'system:fga' },
        { user: 'application:menu', relation: 'can_call_create_stores', object: 'system:fga' },
        { user: 'application:menu', relation: 'can_call_list_stores', object: 'system:fga' },
      ],
    },
  });
  assert.equal(first.status, 200);
  await server.stop();

  server = await startServer(directory.path, [
    '--authn-method', 'oidc', '--authn-oidc-issuer', issuer.url, '--authn-oidc-audience', AUDIENCE,
    '--experimentals', 'enable-access-control', '--access-control-enabled=true',
    '--access-control-store-id', control.store, '--access-control-model-id', control.model,
  ]);
  for (const client of ['menu', 'cashier']) tokens[client] = await issuer.token(client);
  stores = [];
  for (const name of ['kitchen', 'cellar', 'garden']) {
    stores.push((await call(tokens.menu, 'POST', '/stores', { name })).body.id);
  }
});
after(async () => {
  await server?.stop();
  await directory?.remove();
  await issuer?.stop();
});

const CHECK = { tuple_key: { user: 'user:anne', relation: 'viewer', object: 'doc:1' } };
const calls = (store) => [
  ['POST', '/stores', { name: 'mine' }],
  ['GET', '/stores'],
  ['GET', `/stores/${store}`],
  ['DELETE', `/stores/${store}`],
  ['POST', `/stores/${store}/authorization-models`,
    { schema_version: '1.1', type_definitions: [{ type: 'user' }] }],
  ['GET', `/stores/${store}/authorization-models`],
  ['GET', `/stores/${store}/authorization-models/${store}`],
  ['PUT', `/stores/${store}/assertions/${store}`, { assertions: [] }],
  ['GET', `/stores/${store}/assertions/${store}`],
  ['POST', `/stores/${store}/read`, {}],
  ['GET', `/stores/${store}/changes`],
  ['POST', `/stores/${store}/check`, CHECK],
  ['POST', `/stores/${store}/batch-check`, { checks: [{ ...CHECK, correlation_id: 'a' }] }],
  ['POST', `/stores/${store}/expand`, { tuple_key: { relation: 'viewer', object: 'doc:1' } }],
  ['POST', `/stores/${store}/list-objects`, { type: 'doc', relation: 'viewer', user: 'user:anne' }],
  ['POST', `/stores/${store}/streamed-list-objects`, { type: 'doc', relation: 'viewer', user: 'user:anne' }],
  ['POST', `/stores/${store}/list-users`,
    { object: { type: 'doc', id: '1' }, relation: 'viewer', user_filters: [{ type: 'user' }] }],
];

test('who was granted nothing may call nothing', async () => {
  for (const [method, path, body] of calls(stores[0])) {
    const answer = await call(tokens.cashier, method, path, body);
    // A stream is 200 by its headers; the refusal is its only line.
    if (path.endsWith('streamed-list-objects') && answer.status === 200) {
      assert.ok(answer.body.error, path);
    } else {
      assert.equal(answer.status, 401, `${method} ${path}: ${JSON.stringify(answer.body)}`);
      expectForbidden(answer);
    }
  }
});

test('a stored admin may call everything', async () => {
  for (const [method, path, body] of calls(stores[0])) {
    if (method === 'DELETE') continue;
    const answer = await call(tokens.menu, method, path, body);
    assert.notEqual(answer.status, 401, `${method} ${path}`);
  }
});

test('a grant counts for its store and its call alone', async () => {
  await grant(['application:cashier', 'can_call_check', `store:${stores[0]}`]);
  const check = (store) => call(tokens.cashier, 'POST', `/stores/${store}/check`, CHECK);
  assert.notEqual((await check(stores[0])).status, 401);
  expectForbidden(await check(stores[1]));
  expectForbidden(await call(tokens.cashier, 'POST', `/stores/${stores[0]}/read`, {}));
});

test('ListStores shows what the caller may get, and nothing if that is nothing', async () => {
  await grant(['application:cashier', 'can_call_list_stores', 'system:fga']);
  const list = async (query = '') => (await call(tokens.cashier, 'GET', `/stores${query}`)).body;
  assert.deepEqual((await list()).stores, []);
  await grant(['application:cashier', 'can_call_get_store', `store:${stores[2]}`]);
  const seen = await list('?page_size=1');
  assert.deepEqual(seen.stores.map((store) => store.id), [stores[2]]);
  assert.equal((await call(tokens.menu, 'GET', '/stores')).body.stores.length >= 4, true);
});

test('a write may be granted for one module', async () => {
  const [store] = stores;
  const relation = (module_) => ({
    type: module_ === 'shop' ? 'order' : 'invoice',
    relations: { owner: { this: {} } },
    metadata: { module: module_, relations: { owner: { directly_related_user_types: [{ type: 'user' }] } } },
  });
  const model = await call(tokens.menu, 'POST', `/stores/${store}/authorization-models`, {
    schema_version: '1.2',
    type_definitions: [{ type: 'user' }, relation('shop'), relation('books')],
  });
  assert.equal(model.status, 201, JSON.stringify(model.body));
  await grant(['application:cashier', 'can_call_write', `module:${store}|shop`]);
  const write = (...objects) =>
    call(tokens.cashier, 'POST', `/stores/${store}/write`, {
      writes: { tuple_keys: objects.map((object) => ({ user: 'user:anne', relation: 'owner', object })) },
    });
  assert.equal((await write('order:1')).status, 200);
  expectForbidden(await write('invoice:1'));
  expectForbidden(await write('order:2', 'invoice:2'));
  expectForbidden(await write('user:1'));
  // The model is resolved first.
  const unknown = await call(tokens.cashier, 'POST', `/stores/${store}/write`, {
    authorization_model_id: '01HVMMBCMGZNT3SED4Z17ECXCA',
    writes: { tuple_keys: [{ user: 'user:anne', relation: 'owner', object: 'order:1' }] },
  });
  assert.equal(unknown.body.code, 'authorization_model_not_found');
});
