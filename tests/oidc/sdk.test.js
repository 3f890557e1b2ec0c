// The published SDK gets its own token from the issuer, and is let in with it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { CredentialsMethod, FgaApiAuthenticationError, OpenFgaClient } from '@openfga/sdk';

import { startServer, temporaryDirectory } from '../sdk/js/server.js';
import { AUDIENCE, CLIENTS, OTHER_AUDIENCE, startIssuer } from './issuer.js';

let issuer, directory, server;

before(async () => {
  issuer = await startIssuer();
  directory = await temporaryDirectory();
  server = await startServer(directory.path, [
    '--authn-method', 'oidc', '--authn-oidc-issuer', issuer.url, '--authn-oidc-audience', AUDIENCE,
  ]);
});
after(async () => {
  await server?.stop();
  await directory?.remove();
  await issuer?.stop();
});

const newClient = (audience, options = {}) =>
  new OpenFgaClient({
    apiUrl: server.http,
    ...options,
    credentials: {
      method: CredentialsMethod.ClientCredentials,
      config: {
        apiTokenIssuer: `${issuer.url}/token`,
        apiAudience: audience,
        clientId: 'robot',
        clientSecret: CLIENTS.robot,
        customClaims: { resource: audience, scope: 'ask' },
      },
    },
  });

test('with credentials for us it does all it does without', async () => {
  const { id: storeId } = await newClient(AUDIENCE).createStore({ name: 'robots' });
  const client = newClient(AUDIENCE, { storeId });
  const { authorization_model_id: authorizationModelId } = await client.writeAuthorizationModel({
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
  const fact = { user: 'user:anne', relation: 'viewer', object: 'document:1' };
  await client.write({ writes: [fact] }, { authorizationModelId });
  const answers = await Promise.all(Array.from({ length: 20 }, () => client.check(fact)));
  assert.ok(answers.every((one) => one.allowed));
  const streamed = [];
  for await (const { object } of client.streamedListObjects({ ...fact, type: 'document' })) streamed.push(object);
  assert.deepEqual(streamed, ['document:1']);
});

test('with credentials for somebody else it is told so', async () => {
  await assert.rejects(newClient(OTHER_AUDIENCE).listStores(), (error) => {
    assert.ok(error instanceof FgaApiAuthenticationError, error.name);
    assert.equal(error.statusCode, 401);
    assert.equal(error.apiErrorCode, 'invalid_claims');
    return true;
  });
});

test('a shared key is a token, too', async () => {
  const own = await temporaryDirectory();
  const keyed = await startServer(own.path, ['--authn-method', 'preshared', '--authn-preshared-keys', 'canary-key']);
  const clientWith = (token) =>
    new OpenFgaClient({ apiUrl: keyed.http, credentials: { method: CredentialsMethod.ApiToken, config: { token } } });
  try {
    assert.deepEqual((await clientWith('canary-key').listStores()).stores, []);
    await assert.rejects(clientWith('another').listStores(), { apiErrorCode: 'unauthenticated' });
    await assert.rejects(new OpenFgaClient({ apiUrl: keyed.http }).listStores(), { apiErrorCode: 'bearer_token_missing' });
  } finally {
    await keyed.stop();
    await own.remove();
  }
});
