import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import { Type } from 'typebox';

/** RFC 7517. What upstreams check `X-Tenantry-Identity` with. */
export const readIdentityKeys = endpoint({
  name: 'gateway.read-identity-keys',
  method: 'GET',
  path: '/.well-known/tenantry-gateway/jwks.json',
  summary: 'The public keys of the identity that requests to products carry',
  access: 'public',
  response: Closed({
    keys: Type.Array(
      Closed({
        kty: Type.Literal('EC'),
        crv: Type.Literal('P-256'),
        x: Type.String(),
        y: Type.String(),
        kid: Type.String(),
        alg: Type.Literal('ES256'),
        use: Type.Literal('sig'),
      }),
    ),
  }),
});
