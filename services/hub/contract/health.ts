import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import { type Static, Type } from 'typebox';

const InstanceHealth = Closed({
  instanceId: Type.String(),
  url: Type.String(),
  status: Type.Union([Type.Literal('up'), Type.Literal('draining')]),
  registeredAt: Type.String(),
  lastBeatAgeMs: Type.Integer(),
});

export const HubHealthSchema = Closed({
  /** True while missed beats are blamed on the network or on the hub rather than on the instances. */
  selfPreservation: Type.Boolean(),
  services: Type.Array(Closed({ name: Type.String(), instances: Type.Array(InstanceHealth) })),
});

export type HubHealth = Static<typeof HubHealthSchema>;

export const readHubHealthEndpoint = endpoint({
  name: 'hub.read-health',
  method: 'GET',
  path: '/v1/health',
  summary: 'Instances per service and how long ago each was heard of',
  access: 'services',
  response: HubHealthSchema,
});
