// The certified oidc-provider on 127.0.0.1: node certified_issuer.mjs PORT FILE_OF_PRIVATE_KEYS
// Gives JWT access tokens for the resource "ai" to one client, by client credentials.
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';

const [port, file] = process.argv.slice(2);
const audience = 'urn:ai';

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: JSON.parse(readFileSync(file, 'utf8')),
  clients: [{
    client_id: 'robot',
    client_secret: 'a secret between the robot and the provider',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  }],
  scopes: ['chat', 'embed'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: 'chat embed',
        audience,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 3600,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
