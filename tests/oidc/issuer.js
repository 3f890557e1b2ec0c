// A real OpenID issuer (oidc-provider): access tokens as JWTs for named resources, keys that rotate.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

export const AUDIENCE = 'https://pemba.example';
export const OTHER_AUDIENCE = 'https://other.example';
export const CLIENTS = {
  menu: 'canary-menu-secret',
  cashier: 'canary-cashier-secret',
  robot: 'canary-robot-secret', // Sends its secret in the body, as the SDKs do.
};

export function newKey(id, algorithm) {
  const { privateKey } =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: id, alg: algorithm, use: 'sig' };
}

function newProvider(issuer, keys, algorithm) {
  const resource = {
    scope: 'ask',
    accessTokenFormat: 'jwt',
    accessTokenTTL: 60,
    jwt: { sign: { alg: algorithm } },
  };
  const provider = new Provider(issuer, {
    clients: Object.entries(CLIENTS).map(([client_id, client_secret]) => ({
      client_id,
      client_secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: algorithm,
      token_endpoint_auth_method: client_id === 'robot' ? 'client_secret_post' : 'client_secret_basic',
    })),
    jwks: { keys },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, indicator) => ({ ...resource, audience: indicator }),
      },
    },
  });
  provider.on('server_error', (_context, error) => console.error(error));
  return provider;
}

// Resolves to {url, rotate, token, reads, stop}.
export async function startIssuer() {
  let handle;
  let reads = 0;
  const server = createServer((request, response) => {
    if (request.url.startsWith('/jwks')) reads += 1;
    handle(request, response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  const rotate = (keys, algorithm) => {
    handle = newProvider(url, keys, algorithm).callback();
  };
  rotate([newKey('first', 'RS256')], 'RS256');

  // A client-credentials token for one audience.
  const token = async (client, audience = AUDIENCE) => {
    const response = await fetch(`${url}/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${client}:${CLIENTS[client]}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: audience, scope: 'ask' }),
    });
    const body = await response.json();
    if (!body.access_token) throw new Error(`the issuer gave no token: ${JSON.stringify(body)}`);
    return body.access_token;
  };
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url, rotate, token, reads: () => reads, stop };
}
