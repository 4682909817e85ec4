import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError } from '@tenantry/kit/configuration.ts';
import { runCommand } from '../embedded/run-command.ts';
import { keptMasterKey } from './kept-secret.ts';
import type { Programs, ProgramsInput } from './programs.ts';
import { readRememberedPorts } from './remembered-ports.ts';
import { launcherConfiguration, masterKeyFile, readSettings, type Settings, withoutEmpty } from './settings.ts';
import { inheritedEnvironment } from './start-program.ts';
import { type StoreUrls, tenantDatabaseUrls, withoutCredentials } from './stores.ts';

/**
 * `npm start -- --print-config`: what the launcher would do, and what each service says of itself when it is started as the
 * launcher would start it. Nothing is started, connected to or made. Tells whether all of it is valid.
 */
export async function printConfigurations(
  listPrograms: (input: ProgramsInput) => Programs,
  environment: NodeJS.ProcessEnv,
): Promise<{ readonly isValid: boolean; readonly output: string; readonly problems: string }> {
  const own = readOwn(environment);
  const { settings } = own;
  const { services } = listPrograms({
    settings,
    stores: plannedStores(settings),
    masterKey: settings.masterKey ?? futureMasterKey(masterKeyFile(settings.dataDir)),
    operatorPassword: settings.operatorPassword ?? 'made or read at the start',
  });
  const answers = await Promise.all(
    services.map(async (program) => ({
      name: program.name,
      ...(await runCommand(process.execPath, [program.file, '--print-config'], {
        env: { ...inheritedEnvironment(environment), ...program.environment },
      })),
    })),
  );
  const parts = [
    ...(own.printed === '' ? [] : [own.printed]),
    'To a service, what the launcher gives it is its environment. Port 0 is that of a store which has not chosen one yet.\n',
    ...answers.map(({ stdout }) => stdout).filter((text) => text !== ''),
  ];
  const failed = answers.filter(({ code }) => code !== 0);
  return {
    isValid: own.problem === null && failed.length === 0,
    output: parts.join('\n'),
    problems: [
      ...(own.problem === null ? [] : [`launcher: ${own.problem}\n`]),
      ...failed.map(({ name, stderr }) => `${name}: ${stderr}`),
    ].join('\n'),
  };
}

/** What is wrong with the launcher's own settings does not keep the services from telling what is wrong with theirs. */
function readOwn(environment: NodeJS.ProcessEnv): { settings: Settings; printed: string; problem: string | null } {
  try {
    const printed = launcherConfiguration.print(withoutEmpty(environment));
    return { settings: readSettings(environment), printed, problem: null };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { settings: readSettings({}), printed: '', problem: error.message };
  }
}

function plannedStores({ dataDir, external, tenantDatabases }: Settings): StoreUrls {
  const ports = readRememberedPorts(join(dataDir, 'ports.json'));
  const at = (scheme: string, store: string): string => `${scheme}://127.0.0.1:${ports.get(store) ?? 0}`;
  const postgres = external.postgres ?? `${at('postgres', 'postgresql')}/tenantry`;
  return {
    postgresAdmin: postgres,
    postgres: withoutCredentials(postgres),
    tenantDatabases: tenantDatabaseUrls(postgres, tenantDatabases),
    redis: external.redis ?? at('redis', 'redis'),
    nats: external.nats ?? at('nats', 'nats'),
    clickhouse: external.clickhouse ?? at('http', 'clickhouse'),
  };
}

/** Before the first start there is none: any key will do, for it is not shown. */
const futureMasterKey = (file: string): string => (existsSync(file) ? keptMasterKey(file) : '0'.repeat(64));
