// The published gRPC client over our own proto files: the numbers of errors arrive as they are sent.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import * as grpc from '@grpc/grpc-js';
import * as protoLoader from '@grpc/proto-loader';

import { startServer, temporaryDirectory } from './server.js';

const definition = protoLoader.loadSync('openfga/v1/openfga_service.proto', {
  includeDirs: [fileURLToPath(new URL('../../../proto', import.meta.url))],
  keepCase: true,
  enums: String,
  defaults: true,
});
const { OpenFGAService } = grpc.loadPackageDefinition(definition).openfga.v1;

let directory;
let server;
let client;

// Resolves to {error, response, metadata} of one unary call.
const call = (method, request) =>
  new Promise((resolve) => {
    let metadata;
    client[method](request, { deadline: Date.now() + 10_000 }, (error, response) => resolve({ error, response, metadata }))
      .on('metadata', (received) => (metadata = received));
  });

before(async () => {
  directory = await temporaryDirectory();
  server = await startServer(directory.path);
  client = new OpenFGAService(server.grpc, grpc.credentials.createInsecure());
});

after(async () => {
  client?.close();
  if (server) assert.equal(await server.stop(), 0);
  await directory?.remove();
});

async function storeWithModel() {
  const created = await call('CreateStore', { name: 'grpc tests' });
  assert.equal(created.error, null);
  const store_id = created.response.id;
  const written = await call('WriteAuthorizationModel', {
    store_id,
    schema_version: '1.1',
    type_definitions: [
      { type: 'user' },
      {
        type: 'document',
        relations: { viewer: { this: {} } },
        metadata: { relations: { viewer: { directly_related_user_types: [{ type: 'user' }] } } },
      },
    ],
  });
  assert.equal(written.error, null);
  return { store_id, model_id: written.response.authorization_model_id };
}

const anne = { user: 'user:anne', relation: 'viewer', object: 'document:1' };

test('unary calls: write, then check', async () => {
  const { store_id, model_id } = await storeWithModel();
  const written = await call('Write', { store_id, writes: { tuple_keys: [anne] } });
  assert.equal(written.error, null);
  const yes = await call('Check', { store_id, tuple_key: anne });
  assert.equal(yes.response.allowed, true);
  assert.deepEqual(yes.metadata.get('openfga-authorization-model-id'), [model_id]);
  const no = await call('Check', { store_id, tuple_key: { ...anne, user: 'user:bob' } });
  assert.equal(no.response.allowed, false);
});

test('many calls at a time over one connection', async () => {
  const { store_id } = await storeWithModel();
  await call('Write', { store_id, writes: { tuple_keys: [anne] } });
  const answers = await Promise.all(
    Array.from({ length: 500 }, (_, i) => call('Check', { store_id, tuple_key: { ...anne, user: i % 2 ? 'user:anne' : 'user:bob' } })),
  );
  answers.forEach(({ error, response }, i) => {
    assert.equal(error, null);
    assert.equal(response.allowed, i % 2 === 1);
  });
});

test('error numbers above 16 arrive unchanged', async () => {
  const { store_id } = await storeWithModel();
  const cases = [
    [2000, 'Check', { store_id, tuple_key: { ...anne, relation: 'nothing' } }, /relation 'document#nothing' not found/],
    [2001, 'Check', { store_id, tuple_key: anne, authorization_model_id: '01ARZ3NDEKTSV4RRFFQ69G5FAV' }, /not found/],
    [2003, 'Write', { store_id }, /at least one write/],
    [2017, 'Write', { store_id, deletes: { tuple_keys: [anne] } }, /cannot delete a tuple which does not exist/],
    [2056, 'WriteAuthorizationModel', { store_id, schema_version: '1.1', type_definitions: [{ type: 'a' }, { type: 'a' }] }, /duplicate types/],
    [5002, 'GetStore', { store_id: '01ARZ3NDEKTSV4RRFFQ69G5FAV' }, /Store ID not found/],
  ];
  for (const [code, method, request, text] of cases) {
    const { error } = await call(method, request);
    assert.ok(error, `${method} must fail`);
    assert.equal(error.code, code, error.message);
    assert.match(error.details, text);
  }
});

test('field rules are plain INVALID_ARGUMENT', async () => {
  const { error } = await call('Check', { store_id: 'x', tuple_key: anne });
  assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
});
