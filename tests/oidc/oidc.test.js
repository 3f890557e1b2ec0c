import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startServer, temporaryDirectory } from '../sdk/js/server.js';
import { AUDIENCE, CLIENTS, OTHER_AUDIENCE, newKey, startIssuer } from './issuer.js';

let issuer, directory, server;
const oidcArguments = () => [
  '--authn-method', 'oidc', '--authn-oidc-issuer', issuer.url, '--authn-oidc-audience', AUDIENCE,
];

before(async () => {
  issuer = await startIssuer();
  directory = await temporaryDirectory();
  server = await startServer(directory.path, oidcArguments());
});
after(async () => {
  await server?.stop();
  await directory?.remove();
  await issuer?.stop();
});

const ask = (token, path = '/stores', options = {}, base = server.http) =>
  fetch(base + path, {
    ...options,
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
  });

async function expectRefusal(response, code) {
  assert.equal(response.status, 401);
  assert.equal((await response.json()).code, code);
}

// Until the server has read the issuer's new keys.
async function askUntilDecided(token) {
  for (let i = 0; i < 500; i += 1) {
    const response = await ask(token);
    if (response.status !== 500) return response;
    assert.equal((await response.json()).code, 'unavailable');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the keys were never read');
}

test('a token of the issuer for us is let in', async () => {
  const token = await issuer.token('menu');
  for (let again = 0; again < 2; again += 1) assert.equal((await ask(token)).status, 200);
  const created = await ask(token, '/stores', { method: 'POST', body: '{"name":"menu"}' });
  assert.equal(created.status, 201);
});

test('no token, a wrong token and a token for somebody else are not', async () => {
  await expectRefusal(await ask(), 'bearer_token_missing');
  await expectRefusal(await ask('garbage'), 'invalid_claims');
  await expectRefusal(await ask(await issuer.token('menu', OTHER_AUDIENCE)), 'invalid_claims');
  const token = await issuer.token('menu');
  const [header, claims, signature] = token.split('.');
  const forged = Buffer.from(
    JSON.stringify({ ...JSON.parse(Buffer.from(claims, 'base64url')), client_id: 'root' }),
  ).toString('base64url');
  await expectRefusal(await ask([header, forged, signature].join('.')), 'invalid_claims');
});

test('another issuer of the same kind does not help', async () => {
  const other = await startIssuer();
  try {
    await expectRefusal(await ask(await other.token('menu')), 'invalid_claims');
  } finally {
    await other.stop();
  }
});

test('keys rotate: the new one is read by itself, the old one ends', async () => {
  const old = await issuer.token('menu');
  assert.equal((await ask(old)).status, 200);
  const before = issuer.reads();
  issuer.rotate([newKey('second', 'ES256')], 'ES256');
  const token = await issuer.token('menu');
  assert.equal((await askUntilDecided(token)).status, 200);
  await expectRefusal(await ask(old), 'invalid_claims');
  assert.equal(issuer.reads(), before + 1);
});

test('a server that cannot read the keys does not start', async () => {
  const other = await temporaryDirectory();
  try {
    await assert.rejects(
      startServer(other.path, [
        '--authn-method', 'oidc', '--authn-oidc-audience', AUDIENCE,
        '--authn-oidc-issuer', 'http://127.0.0.1:1',
      ]),
      /cannot read the keys of the OpenID issuer `http:\/\/127\.0\.0\.1:1`/,
    );
  } finally {
    await other.remove();
  }
});

test('no secret and no token is in the log', async () => {
  const token = await issuer.token('menu');
  await ask(token);
  for (const secret of [token, ...Object.values(CLIENTS)]) assert.ok(!server.log().includes(secret));
});
