import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateSigningKey, type SigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { deriveRedisPassword } from '@tenantry/databases/credentials.ts';
import { type Customer, createMainJob, type MainJob, type Order, type Tenant } from '@tenantry/deploy/demo/main-job.ts';
import { registerWithHub } from '@tenantry/kit/lifecycle/registration.ts';
import { createLogger } from '@tenantry/kit/logger.ts';
import {
  type LaunchedSystem,
  launchSystem,
  SYSTEM_OPERATOR_PASSWORD,
} from '@tenantry/tests/support/launched-system.ts';

/** A launched system with a tenant and a paying customer, and the means to ask its parts directly. */
export type Stand = {
  readonly system: LaunchedSystem;
  readonly job: MainJob;
  readonly tenant: Tenant;
  readonly customer: Customer;
  readonly order: Order;
  readonly masterKey: string;
  readonly storeUrls: Readonly<{ databaseUrl: string; natsUrl: string; redisUrl: string }>;
  readonly serviceUrl: (port: number) => string;
  /** A key whose passports for users the services believe. */
  readonly gatewayKey: SigningKey;
  readonly close: () => Promise<void>;
  /** Resident memory per process, in MB. */
  readonly memory: () => readonly { name: string; residentMb: number }[];
};

export async function openStand(): Promise<Stand> {
  const startedAt = performance.now();
  const system = await launchSystem({
    RATE_LIMIT_TENANT_PER_SECOND: '1000000',
    RATE_LIMIT_PRINCIPAL_PER_SECOND: '1000000',
    RATE_LIMIT_ADDRESS_PER_SECOND: '1000000',
  });
  console.log(`System ready in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s (fresh data).`);
  const job = createMainJob(system.addresses);
  const operator = await job.loginOperator(SYSTEM_OPERATOR_PASSWORD);
  const tenant = await job.createTenant(operator.token, 'bench');
  const customer = await job.verify(tenant, 'budi@example.com', await job.register(tenant, 'budi@example.com'));
  const order = await job.subscribe(customer, await job.findPlan(customer.token, 'enterprise'));
  await job.pay(order);
  await job.awaitOutcome(customer, order);
  const masterKey = readFileSync(join(system.dataDir, 'master.key'), 'utf8').trim();
  const ports = JSON.parse(readFileSync(join(system.dataDir, 'ports.json'), 'utf8')) as Record<string, number>;
  const serviceUrl = (port: number): string => `http://127.0.0.1:${port + system.portOffset}`;
  const gateway = await registerGatewayKey(serviceUrl(8010), masterKey);
  return {
    system,
    job,
    tenant,
    customer,
    order,
    masterKey,
    storeUrls: {
      databaseUrl: `postgres://127.0.0.1:${ports.postgresql}/tenantry`,
      natsUrl: `nats://127.0.0.1:${ports.nats}`,
      redisUrl: `redis://:${deriveRedisPassword(masterKey)}@127.0.0.1:${ports.redis}`,
    },
    serviceUrl,
    gatewayKey: gateway.key,
    close: async () => {
      await gateway.leave();
      await system.destroy();
    },
    memory: () => readMemory(system.dataDir),
  };
}

/** Stands in the registry as a gateway, and beats, so that the services believe its passports for users. */
async function registerGatewayKey(
  hubUrl: string,
  masterKey: string,
): Promise<{ key: SigningKey; leave: () => Promise<void> }> {
  const key = generateSigningKey(`gateway-${crypto.randomUUID()}`);
  const registration = registerWithHub({
    hubUrl,
    masterKey,
    announcement: {
      instanceId: key.kid,
      service: 'gateway',
      url: 'http://127.0.0.1:1',
      publicKey: toPublicJwk(key.publicKey),
      endpoints: [],
    },
    logger: createLogger({ service: 'bench', instanceId: key.kid, level: 'silent' }),
  });
  await registration.accepted;
  return { key, leave: registration.leave };
}

function readMemory(dataDir: string): { name: string; residentMb: number }[] {
  const children = JSON.parse(readFileSync(join(dataDir, 'children.json'), 'utf8')) as {
    name: string;
    identity: string;
  }[];
  return children.map(({ name, identity }) => {
    const status = readFileSync(`/proc/${Number.parseInt(identity, 10)}/status`, 'utf8');
    return { name, residentMb: Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024) };
  });
}
