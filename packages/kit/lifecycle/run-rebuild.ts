import { type Databases, openDatabases } from '@tenantry/databases/factory.ts';
import type { RebuildOptions, Rebuilt } from '@tenantry/events/rebuild-read-model.ts';
import { continueTrace } from '@tenantry/kernel/call-context.ts';
import { systemClock } from '@tenantry/kernel/clock.ts';
import { isId, type TenantId } from '@tenantry/kernel/id.ts';
import { Type } from 'typebox';
import type { ProgramName } from '../configuration/programs.ts';
import { CommonConfiguration, ConfigurationError, defineConfiguration, StoreConfiguration } from '../configuration.ts';

export type CreateRebuild<Tables> = (deps: {
  readonly databases: Databases<Tables>;
}) => (tenantId: TenantId, options?: RebuildOptions) => Promise<Rebuilt>;

/** Nothing in here asks Redis, and a client that is refused does no harm. */
const NO_REDIS = 'redis://127.0.0.1:1';

/**
 * Writes the read model of one tenant anew as a program of its own, beside the running service:
 * `rebuild.ts <tenant id> [position]`. Says how many streams it has shown and the position to go on from.
 */
export async function runRebuild<Tables>(service: ProgramName, create: CreateRebuild<Tables>): Promise<void> {
  try {
    const [tenantId = '', after = '0'] = process.argv.slice(2);
    if (!isId('ten', tenantId) || !/^\d{1,18}$/.test(after))
      throw new ConfigurationError(
        'Name a tenant (ten_…) and, to go on from there, the position of an earlier rebuild.',
      );
    const { streams, position } = await rebuildOnce(service, create, tenantId, BigInt(after));
    process.stdout.write(`${service}: ${streams} rebuilt for ${tenantId}, up to position ${position}.\n`);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

async function rebuildOnce<Tables>(
  service: ProgramName,
  create: CreateRebuild<Tables>,
  tenantId: TenantId,
  after: bigint,
): Promise<Rebuilt> {
  const { TENANTRY_MASTER_KEY, TENANTRY_DATA_DIR, TENANTRY_NAMESPACE } = CommonConfiguration;
  const { DATABASE_URL, TENANT_DATABASES, TENANT_PLACEMENTS } = StoreConfiguration;
  const schema = Type.Object({
    ...{ TENANTRY_MASTER_KEY, TENANTRY_DATA_DIR, TENANTRY_NAMESPACE },
    ...{ DATABASE_URL, TENANT_DATABASES, TENANT_PLACEMENTS },
  });
  const configuration = defineConfiguration(service, schema).read(process.env);
  const databases = openDatabases<Tables>({
    service,
    databaseUrl: configuration.DATABASE_URL,
    placement: { databases: configuration.TENANT_DATABASES, placements: configuration.TENANT_PLACEMENTS },
    redisUrl: NO_REDIS,
    clickhouseUrl: '',
    masterKey: configuration.TENANTRY_MASTER_KEY,
    dataDir: configuration.TENANTRY_DATA_DIR,
    namespace: configuration.TENANTRY_NAMESPACE,
    clock: systemClock,
    traceparent: () => continueTrace(undefined),
    onError: () => undefined,
  });
  try {
    return await create({ databases })(tenantId, { after });
  } finally {
    await databases.close();
  }
}
