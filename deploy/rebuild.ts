import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ConfigurationError } from '@tenantry/kit/configuration.ts';
import { StartFailure } from './embedded/start-failure.ts';
import { readSettings } from './launcher/settings.ts';
import { tenantDatabaseUrls, withoutCredentials } from './launcher/stores.ts';
import { findRunningDatabase } from './running-database.ts';

const REBUILDABLE = ['subscriptions', 'payments', 'billing'];

/** `node boot.mjs deploy/rebuild.ts <service> <tenant id> [position]`, while Tenantry is running. See deploy/README.md. */
async function run([service = '', ...rest]: readonly string[]): Promise<number> {
  if (!REBUILDABLE.includes(service) || rest.length === 0)
    throw new StartFailure(`Usage: node boot.mjs deploy/rebuild.ts ${REBUILDABLE.join(' | ')} <tenant id> [position]`);
  const settings = readSettings(process.env);
  const { adminUrl, masterKey } = findRunningDatabase(settings);
  const tenantDatabases = tenantDatabaseUrls(adminUrl, settings.tenantDatabases);
  const child = fork(join(settings.root, 'services', service, 'rebuild.ts'), rest, {
    env: {
      ...process.env,
      // The service signs in as itself.
      DATABASE_URL: withoutCredentials(adminUrl),
      TENANT_DATABASES: tenantDatabases.map(({ name, url }) => `${name}=${withoutCredentials(url)}`).join(','),
      TENANT_PLACEMENTS: settings.tenantPlacements,
      TENANTRY_MASTER_KEY: masterKey,
      TENANTRY_DATA_DIR: settings.dataDir,
      TENANTRY_NAMESPACE: '',
    },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof StartFailure || error instanceof ConfigurationError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
