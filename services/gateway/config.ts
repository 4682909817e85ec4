import { OneOf } from '@tenantry/contract/schemas.ts';
import { ServerUrl } from '@tenantry/kit/configuration/secrecy.ts';
import { CommonConfiguration, defineConfiguration, StoreConfiguration } from '@tenantry/kit/configuration.ts';
import { type Static, Type } from 'typebox';
import { BALANCINGS } from './contract/upstreams.ts';

/** Of what the gateway never talks to itself. */
const neighbour = (what: string) =>
  ServerUrl({ default: '', description: `Of ${what}; only to refuse it as an upstream of a product` });

const GatewaySchema = Type.Object({
  ...CommonConfiguration,
  REDIS_URL: StoreConfiguration.REDIS_URL,
  CLICKHOUSE_URL: StoreConfiguration.CLICKHOUSE_URL,
  REQUIRED_SERVICES: Type.String({
    default: 'users,subscriptions,payments,notifications,billing',
    pattern: '^([a-z]+(,[a-z]+)*)?$',
    description: 'Services that must have been ready once before the gateway calls itself ready',
  }),
  GATEWAY_PROCESSES: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 64,
    description:
      'Processes that answer on the one port; as many as processors where the gateway has the machine to itself',
  }),
  RATE_LIMIT_TENANT_PER_SECOND: Type.Integer({ default: 500, minimum: 1, description: 'Requests of one tenant' }),
  RATE_LIMIT_TENANT_BURST_SECONDS: Type.Integer({
    default: 6,
    minimum: 1,
    maximum: 3_600,
    description: 'So many seconds of unused requests may be made up for at once',
  }),
  RATE_LIMIT_PRINCIPAL_PER_SECOND: Type.Integer({ default: 250, minimum: 1, description: 'Requests of one user' }),
  RATE_LIMIT_PRINCIPAL_BURST_SECONDS: Type.Integer({
    default: 6,
    minimum: 1,
    maximum: 3_600,
    description: "So many seconds of a user's unused requests may be made up for at once",
  }),
  RATE_LIMIT_ADDRESS_PER_SECOND: Type.Integer({
    default: 100,
    minimum: 1,
    description: 'Requests without a token, of one client address',
  }),
  RATE_LIMIT_ADDRESS_BURST_SECONDS: Type.Integer({
    default: 5,
    minimum: 1,
    maximum: 3_600,
    description: 'The same for requests without a token',
  }),
  RATE_LIMIT_FAILURES_PER_SECOND: Type.Integer({
    default: 10,
    minimum: 1,
    description: 'Tokens that do not hold and paths that do not exist, of one client address',
  }),
  RATE_LIMIT_FAILURES_BURST_SECONDS: Type.Integer({
    default: 10,
    minimum: 1,
    maximum: 3_600,
    description: 'So many seconds of failures may come at once',
  }),
  MAX_IN_FLIGHT: Type.Integer({
    default: 2_048,
    minimum: 1,
    description: 'Requests under way at a time; the gateway lowers it by itself while answers are slow',
  }),
  REQUEST_DEADLINE_MS: Type.Integer({ default: 10_000, minimum: 100, description: 'From request to answer' }),
  HEADERS_TIMEOUT_MS: Type.Integer({ default: 5_000, minimum: 100, description: 'To receive the headers' }),
  REQUEST_TIMEOUT_MS: Type.Integer({ default: 30_000, minimum: 100, description: 'To receive the whole request' }),
  STALL_TIMEOUT_MS: Type.Integer({
    default: 30_000,
    minimum: 100,
    description: 'For the next 64 KiB of a streamed upload to arrive, or of an answer to be read',
  }),
  TRUSTED_PROXIES: Type.String({
    default: '',
    description: 'Networks (10.0.0.0/8,fd00::/8) whose X-Forwarded-For is believed; none unless said',
  }),
  WEBSOCKETS_PER_TENANT: Type.Integer({ default: 1_000, minimum: 1, description: 'Open at once, over all gateways' }),
  WEBSOCKETS_PER_PRINCIPAL: Type.Integer({ default: 20, minimum: 1, description: 'The same, of one user or key' }),
  EVENT_STREAMS_PER_TENANT: Type.Integer({
    default: 1_000,
    minimum: 1,
    description: 'Open at once, over all gateways',
  }),
  EVENT_STREAMS_PER_PRINCIPAL: Type.Integer({
    default: 100,
    minimum: 1,
    description: 'The same, of one user or key, or of one address where there is no token',
  }),
  WEBSOCKET_MAX_MESSAGE_BYTES: Type.Integer({
    default: 1_048_576,
    minimum: 1_024,
    description: 'A larger message closes its connection with 1009',
  }),
  WEBSOCKET_PING_MS: Type.Integer({
    default: 30_000,
    minimum: 50,
    description: 'Between two pings; who has not answered one by the next is gone',
  }),
  EVENT_FEED_HEARTBEAT_MS: Type.Integer({
    default: 15_000,
    minimum: 50,
    description: 'Between two signs of life of /v1/events, so that nobody on the way takes it for dead',
  }),
  WEBSOCKET_IDLE_MS: Type.Integer({ default: 900_000, minimum: 100, description: 'Without a message either way' }),
  DRAIN_GRACE_MS: Type.Integer({
    default: 1_000,
    minimum: 1,
    description: 'How long a connection must be idle in a closing gateway before it is cut',
  }),
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
  DATABASE_URL: neighbour('the database'),
  SMTP_URL: neighbour('the mail server'),
  MAILBOX_URL: neighbour('the mailbox of a development machine'),
  MIDTRANS_URL: neighbour('the simulated payment provider'),
  TELEGRAM_URL: neighbour('the simulated messenger'),
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

export const gatewayConfiguration = defineConfiguration('gateway', GatewaySchema);

export const readGatewayConfiguration = gatewayConfiguration.read;

/** Parts of the house that do not register with the hub: who is let in there is trusted more than a product is. */
export const unregisteredDoors = (configuration: GatewayConfiguration): readonly string[] => [
  ...[configuration.NATS_URL, configuration.REDIS_URL, configuration.DATABASE_URL, configuration.CLICKHOUSE_URL],
  ...[configuration.HUB_URL, configuration.PUBLIC_URL, configuration.SMTP_URL, configuration.MAILBOX_URL],
  ...[configuration.MIDTRANS_URL, configuration.TELEGRAM_URL],
];
