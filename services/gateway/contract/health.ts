import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import { type Static, Type } from 'typebox';

const StatusSchema = Type.Union([Type.Literal('up'), Type.Literal('degraded'), Type.Literal('down')]);

export const SystemHealthSchema = Closed({
  status: StatusSchema,
  services: Type.Array(
    Closed({
      name: Type.String({ examples: ['billing'] }),
      status: StatusSchema,
      /** That take requests now. */
      instances: Type.Integer(),
    }),
  ),
});

export type SystemHealth = Static<typeof SystemHealthSchema>;

export const readSystemHealthEndpoint = endpoint({
  name: 'gateway.read-system-health',
  method: 'GET',
  path: '/v1/health',
  summary: 'The services as this tenant can reach them',
  permission: 'system-health:read',
  reach: 'own',
  response: SystemHealthSchema,
});
