import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigurationError } from '@tenantry/kit/configuration.ts';
import { isPlainFailure } from '@tenantry/kit/lifecycle/plain-failure.ts';
import { LocalDoors } from '@tenantry/mesh/local-doors.ts';
import { environmentOf } from './environment.ts';
import { gateway, hub, type Part, type RunningPart, services } from './parts.ts';

export const PARTS: readonly Part[] = [hub, ...services, gateway];

/** What is still on its way through the gateway gets this long; then the services end with it, each in its own time. */
const GATEWAY_ENDS_WITHIN_MS = 5_000;
/** Of the others, when one could not be opened. */
const OPENING_PATIENCE_MS = 5_000;

export type RunningSingle = {
  /** By name: `gateway`, `hub`, `users` … */
  readonly urls: Readonly<Record<string, string>>;
  readonly close: () => Promise<void>;
};

/**
 * Hub, services and gateway in one process, each with its own port, log lines, metrics and place in the registry. The hub is
 * there before whoever registers and goes after whoever leaves; the gateway opens last and closes first, so that whoever can
 * ask is answered. One that cannot be opened is named, and closes the others.
 */
export async function openSingle(environment: NodeJS.ProcessEnv): Promise<RunningSingle> {
  checkAll(environment);
  const open = new Map<string, RunningPart>();
  const localDoors = new LocalDoors();
  let isGivenUp = false;
  const openPart = async ({ name, open: openIt }: Part): Promise<void> => {
    const part = await openIt(environmentOf(name, environment), localDoors).catch((cause) => fail(name, cause));
    // Later than anybody waited for it.
    if (isGivenUp) await part.close();
    else open.set(name, part);
  };
  const close = async (): Promise<void> => {
    const closing = open.get(gateway.name)?.close();
    await Promise.race([closing, sleep(GATEWAY_ENDS_WITHIN_MS, undefined, { ref: false })]);
    const ends = await Promise.allSettled([closing, ...services.map(({ name }) => open.get(name)?.close())]);
    const end = await Promise.allSettled([open.get(hub.name)?.close()]);
    const failures = [...ends, ...end].flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be closed.');
  };
  try {
    await openPart(hub);
    const opening = services.map(openPart);
    await Promise.all(opening).catch(async (error: unknown) => {
      await Promise.race([Promise.allSettled(opening), sleep(OPENING_PATIENCE_MS, undefined, { ref: false })]);
      throw error;
    });
    await openPart(gateway);
  } catch (error) {
    isGivenUp = true;
    await close().catch((cause: unknown) => console.error(cause));
    throw error;
  }
  return { urls: Object.fromEntries([...open].map(([name, { url }]) => [name, url])), close };
}

/** All at once: finding out one by one costs a start each. */
function checkAll(environment: NodeJS.ProcessEnv): void {
  const problems = PARTS.flatMap(({ name, check }) => {
    try {
      check(environmentOf(name, environment));
      return [];
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      return [`${name}: ${error.message}`];
    }
  });
  if (problems.length > 0) throw new ConfigurationError(problems.join('\n'));
}

function fail(name: string, cause: unknown): never {
  if (isPlainFailure(cause)) throw new ConfigurationError(`${name}: ${cause.message}`);
  throw new Error(`${name} could not be opened: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}
