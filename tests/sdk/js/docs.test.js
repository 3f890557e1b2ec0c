// The example of the README, as it stands there, against a real server.
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { OpenFgaClient } from '@openfga/sdk';

import { startServer, temporaryDirectory } from './server.js';

const fact = { user: 'user:anne', relation: 'viewer', object: 'document:roadmap' };
const model = {
  schema_version: '1.1',
  type_definitions: [
    { type: 'user' },
    {
      type: 'document',
      relations: { viewer: { this: {} } },
      metadata: { relations: { viewer: { directly_related_user_types: [{ type: 'user' }] } } },
    },
  ],
};

test('the example of the README works', async () => {
  const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
  const [, example] = /```js\n([^]*?)```/.exec(readme);
  const directory = await temporaryDirectory();
  const server = await startServer(directory.path);
  // Beside this file, where its import is found.
  const script = new URL('./.readme.mjs', import.meta.url);
  try {
    const { id: storeId } = await new OpenFgaClient({ apiUrl: server.http }).createStore({ name: 'readme' });
    const client = new OpenFgaClient({ apiUrl: server.http, storeId });
    await client.writeAuthorizationModel(model);
    await client.write({ writes: [fact] });
    assert.match(example, /http:\/\/localhost:8080/);
    const adapted = example.replace('http://localhost:8080', server.http).replace('storeId: "..."', `storeId: "${storeId}"`);
    await writeFile(script, `${adapted}\nexport { allowed };\n`);
    assert.equal((await import(script)).allowed, true);
  } finally {
    await rm(script, { force: true });
    await server.stop();
    await directory.remove();
  }
});
