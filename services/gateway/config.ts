import { OneOf } from '@tenantry/contract/schemas.ts';
import { CommonConfiguration, readConfiguration, StoreConfiguration } from '@tenantry/kit/configuration.ts';
import { type Static, Type } from 'typebox';
import { BALANCINGS } from './contract/upstreams.ts';

const GatewaySchema = Type.Object({
  ...CommonConfiguration,
  REDIS_URL: StoreConfiguration.REDIS_URL,
  REQUIRED_SERVICES: Type.String({
    default: 'users,subscriptions,payments,notifications,billing',
    pattern: '^([a-z]+(,[a-z]+)*)?$',
    description: 'Services that must have been ready once before the gateway calls itself ready',
  }),
  RATE_LIMIT_TENANT_PER_SECOND: Type.Integer({ default: 500, minimum: 1, description: 'Requests of one tenant' }),
  RATE_LIMIT_TENANT_BURST_SECONDS: Type.Integer({
    default: 6,
    minimum: 1,
    maximum: 3_600,
    description: 'So many seconds of unused requests may be made up for at once',
  }),
  RATE_LIMIT_ADDRESS_PER_SECOND: Type.Integer({
    default: 100,
    minimum: 1,
    description: 'Requests without a token, of one client address',
  }),
  RATE_LIMIT_ADDRESS_BURST_SECONDS: Type.Integer({ default: 5, minimum: 1, maximum: 3_600 }),
  REQUEST_DEADLINE_MS: Type.Integer({ default: 10_000, minimum: 100, description: 'From request to answer' }),
  HEADERS_TIMEOUT_MS: Type.Integer({ default: 5_000, minimum: 100, description: 'To receive the headers' }),
  REQUEST_TIMEOUT_MS: Type.Integer({ default: 30_000, minimum: 100, description: 'To receive the whole request' }),
  SERVICE_BALANCING: OneOf(BALANCINGS, {
    default: 'peak-ewma',
    description: 'How an instance of a service is chosen',
  }),
  UPSTREAM_ALLOWED_NETWORKS: Type.String({
    default: '',
    pattern: '^([0-9a-fA-F.:]+/[0-9]{1,3}(,[0-9a-fA-F.:]+/[0-9]{1,3})*)?$',
    description:
      'Networks besides the public one where tenants may have their upstreams, as 10.20.0.0/16; in development loopback',
  }),
  DRAIN_DEADLINE_MS: Type.Integer({
    default: 8_000,
    minimum: 0,
    description: 'How long a closing gateway waits for requests under way',
  }),
});

export type GatewayConfiguration = Static<typeof GatewaySchema>;

/** Who tries a product on their own machine need not configure that machine first. */
const DEVELOPMENT_NETWORKS = ['127.0.0.0/8'];

export const allowedNetworksOf = ({ UPSTREAM_ALLOWED_NETWORKS, TENANTRY_ENVIRONMENT }: GatewayConfiguration) => {
  const given = UPSTREAM_ALLOWED_NETWORKS.split(',').filter((network) => network !== '');
  return given.length === 0 && TENANTRY_ENVIRONMENT === 'development' ? DEVELOPMENT_NETWORKS : given;
};

export const readGatewayConfiguration = (environment: NodeJS.ProcessEnv): GatewayConfiguration =>
  readConfiguration(GatewaySchema, environment);
