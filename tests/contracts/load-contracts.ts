import { readdir } from 'node:fs/promises';
import { deadLetterEndpoints } from '@tenantry/contract/dead-letters.ts';
import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import type { EventDefinition } from '@tenantry/contract/event.ts';
import { SERVICES_WITH_SCHEMA } from '@tenantry/deploy/migrate/migrate.ts';
import type { DefinedProblem } from '@tenantry/kernel/problem.ts';

export type Owned<T> = { readonly service: string; readonly value: T };

export type Contracts = {
  readonly endpoints: readonly Owned<Endpoint>[];
  readonly events: readonly Owned<EventDefinition>[];
  readonly problems: readonly Owned<DefinedProblem>[];
};

const SERVICES = new URL('../../services/', import.meta.url);
/** What others need of a service without needing the service: it lies in the package, and is that service's all the same. */
const SHARED = [
  { service: 'users', file: 'tenant-record.ts' },
  { service: 'users', file: 'session-standing.ts' },
  { service: 'gateway', file: 'registration-changed.ts' },
].map(({ service, file }) => ({ service, url: new URL(`../../packages/contract/${file}`, import.meta.url) }));

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
const isEndpoint = (value: unknown): value is Endpoint =>
  isObject(value) && 'method' in value && 'maxBodyBytes' in value;
const isEvent = (value: unknown): value is EventDefinition =>
  isObject(value) && 'aggregate' in value && 'data' in value && typeof value.type === 'string';
const isProblem = (value: unknown): value is DefinedProblem =>
  typeof value === 'function' && 'kind' in value && isObject(value.kind) && 'category' in value.kind;

const filesIn = async (folder: URL): Promise<URL[]> =>
  (await readdir(folder).catch((): string[] => []))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .toSorted()
    .map((name) => new URL(name, folder));

const exportsOf = async (file: URL): Promise<readonly unknown[]> =>
  Object.values((await import(file.href)) as Readonly<Record<string, unknown>>);

/** Everything that every service has written into its contract, found by looking rather than by a list to keep. */
export async function loadContracts(): Promise<Contracts> {
  const services = (await readdir(SERVICES, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const found: Owned<unknown>[] = [];
  for (const { name: service } of services) {
    const files = await filesIn(new URL(`${service}/contract/`, SERVICES));
    const problems = (await filesIn(new URL(`${service}/`, SERVICES))).filter((file) =>
      file.href.endsWith('/problems.ts'),
    );
    for (const file of [...files, ...problems])
      for (const value of await exportsOf(file)) found.push({ service, value });
  }
  for (const { service, url } of SHARED) for (const value of await exportsOf(url)) found.push({ service, value });
  for (const service of SERVICES_WITH_SCHEMA)
    for (const value of Object.values(deadLetterEndpoints(service))) found.push({ service, value });
  const only = <T>(fits: (value: unknown) => value is T): Owned<T>[] =>
    found.flatMap(({ service, value }) => (fits(value) ? [{ service, value }] : []));
  return { endpoints: only(isEndpoint), events: only(isEvent), problems: only(isProblem) };
}
