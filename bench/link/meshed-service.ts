import { toPublicJwk } from '@tenantry/auth/jws.ts';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import { deriveNatsToken } from '@tenantry/databases/credentials.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { Dependencies } from '@tenantry/kit/health/dependencies.ts';
import { Answering } from '@tenantry/kit/http/answering.ts';
import { createLinkDoor } from '@tenantry/kit/http/link-door.ts';
import { authenticateByPassport } from '@tenantry/kit/http/passport-check.ts';
import { serve } from '@tenantry/kit/http/route.ts';
import { createHttpServer } from '@tenantry/kit/http/server.ts';
import { instanceKey } from '@tenantry/kit/lifecycle/instance-key.ts';
import { certificateFromHub, joinMesh } from '@tenantry/kit/lifecycle/join-mesh.ts';
import { openMeshDoor } from '@tenantry/kit/lifecycle/mesh-door.ts';
import { registerWithHub } from '@tenantry/kit/lifecycle/registration.ts';
import { createLogger, gatheredOutput } from '@tenantry/kit/logger.ts';
import { openDiscovery } from '@tenantry/mesh/discovery.ts';
import { toEndpointRecords } from '@tenantry/mesh/registry.ts';
import { Type } from 'typebox';
import type { MeshedServiceOrder } from './orders.ts';

/** A service with the kit around it and no stores: passport, permission, validation, counts and a line of log for each call. */
const { name, path, speaksLinks, port, hubUrl, natsUrl, masterKey } = JSON.parse(
  process.env['BENCH_SERVICE'] ?? '',
) as MeshedServiceOrder;

const readThing = endpoint({
  ...{ name: `${name}.read-thing`, method: 'GET', path: `${path}/:thingId`, summary: 'X' },
  ...{ permission: 'thing:read', reach: 'own', params: Closed({ thingId: Type.String() }) },
  response: Closed({ id: Type.String(), name: Type.String(), description: Type.String(), isActive: Type.Boolean() }),
});
const thing = { name: 'A thing of ordinary size', description: 'x'.repeat(180), isActive: true };
const routes = [serve(readThing, async ({ params }) => ({ id: params.thingId, ...thing }))];

const instanceId = `${name}-${newUuid()}`;
const logger = createLogger({ service: name, instanceId, level: 'info', output: gatheredOutput() });
const nats = await connectNats({ url: natsUrl, name: instanceId, namespace: '', token: deriveNatsToken(masterKey) });
const discovery = await openDiscovery(nats, { keyOf: (issuer) => instanceKey(masterKey, issuer).publicKey });
const membership = await joinMesh({
  settings: {
    MESH_TLS: 'required',
    TENANTRY_NAMESPACE: '',
    TENANTRY_MASTER_KEY: masterKey,
    TENANTRY_DATA_DIR: process.env['TENANTRY_DATA_DIR'] ?? '',
  },
  ...{ service: name, instanceId, nats, logger, dependencies: new Dependencies(logger) },
  request: certificateFromHub({ hubUrl, masterKey, service: name, instanceId }),
});
if (membership === null) throw new Error('A mesh that is required is never off.');
await membership.settled;
const answering = new Answering({
  ...{ service: name, routes, logger, idempotency: null },
  authenticate: authenticateByPassport(discovery),
  isReady: async () => true,
});
const server = createHttpServer(answering);
const door = await openMeshDoor({
  ...{ identity: membership.identity, callers: 'any', http: server.server, logger, host: '127.0.0.1', port: 0 },
  ...(speaksLinks ? { onLink: createLinkDoor(answering, logger) } : {}),
});
const url = await server.listen({ host: '127.0.0.1', port });
const registration = registerWithHub({
  ...{ hubUrl, masterKey, logger },
  announcement: {
    ...{ instanceId, service: name, url, meshUrl: door.url },
    publicKey: toPublicJwk(instanceKey(masterKey, instanceId).publicKey),
    endpoints: toEndpointRecords([readThing], name),
  },
});
await registration.accepted;
process.once('SIGTERM', () => process.exit());
process.once('disconnect', () => process.exit());
