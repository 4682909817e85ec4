import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema } from '@tenantry/contract/schemas.ts';
import { notFound } from '@tenantry/kernel/problems.ts';
import { Type } from 'typebox';
import { generationStale, instanceLeft, instanceReplaced, routeTaken } from '../problems.ts';
import { HeartbeatSchema } from './heartbeat.ts';
import { InstanceAnnouncementSchema, InstanceIdSchema, InstanceRecordSchema, ServiceNameSchema } from './schemas.ts';

/** A record travels as one NATS message, whose default limit is 1 MiB. */
const MAX_ANNOUNCEMENT_BYTES = 900_000;

const InstanceParams = Closed({ instanceId: InstanceIdSchema });
const InstanceList = Closed({ data: Type.Array(InstanceRecordSchema), nextCursor: Type.Null() });

export const registerInstanceEndpoint = endpoint({
  name: 'hub.register-instance',
  method: 'POST',
  path: '/v1/registry/instances',
  summary: 'Register an instance, or register it again with its full record',
  access: 'services',
  callers: 'any',
  body: InstanceAnnouncementSchema,
  response: InstanceRecordSchema,
  status: 201,
  problems: [routeTaken, generationStale, instanceReplaced, instanceLeft],
  maxBodyBytes: MAX_ANNOUNCEMENT_BYTES,
});

export const renewLeaseEndpoint = endpoint({
  name: 'hub.renew-lease',
  method: 'PUT',
  path: '/v1/registry/instances/:instanceId/heartbeat',
  isRoutine: true,
  summary: 'Say that an instance lives, and how busy it is',
  access: 'services',
  callers: 'any',
  params: InstanceParams,
  body: HeartbeatSchema,
  problems: [notFound, generationStale],
});

export const removeInstanceEndpoint = endpoint({
  name: 'hub.remove-instance',
  method: 'DELETE',
  path: '/v1/registry/instances/:instanceId',
  summary: 'Leave the registry',
  access: 'services',
  callers: 'any',
  params: InstanceParams,
});

export const listInstancesEndpoint = endpoint({
  name: 'hub.list-instances',
  method: 'GET',
  path: '/v1/registry/instances',
  summary: 'All registered instances',
  access: 'services',
  callers: 'any',
  response: InstanceList,
});

export const discoverInstancesEndpoint = endpoint({
  name: 'hub.discover-instances',
  method: 'GET',
  path: '/v1/registry/discover',
  summary:
    'The instances of one service that take new calls: a tenant’s own ones if it has any, else those for everybody',
  access: 'services',
  callers: 'any',
  query: Closed({ service: ServiceNameSchema, tenantId: Type.Optional(IdSchema('ten')) }),
  response: InstanceList,
});
