import { expectAnswer } from '@tenantry/deploy/demo/api.ts';
import type { Piece } from './find-canaries.ts';
import { inTurns } from './in-turns.ts';
import type { Confidant } from './walk-with-canaries.ts';

type Parameter = { readonly name: string; readonly in: string };
type Operation = { readonly parameters?: readonly Parameter[] };
type ApiDescription = { readonly paths: Readonly<Record<string, { readonly get?: Operation }>> };

type Asking = {
  readonly gateway: string;
  readonly token: string | null;
  /** How whoever asks is called in the places. */
  readonly as: string;
  /** Whose ids are put into the addresses. */
  readonly of: Confidant;
  /** Where lists of `of` go on. */
  readonly cursors: Readonly<Record<string, string>>;
};

/** What is asked with, parameter by parameter: each that a list knows is tried. */
const filtersOf = ({ of, cursors }: Asking, path: string): Readonly<Record<string, string>> => ({
  limit: '200',
  cursor: cursors[path] ?? 'none',
  tenantId: of.ids['tenantId'] ?? '',
  service: 'users',
  consumer: 'users--gateway-registration',
  type: 'users.user.registered.v1',
  state: 'dead',
  feature: 'api-calls',
  from: '2026-01-01T00:00:00Z',
  to: '2100-01-01T00:00:00Z',
});

/** Everything that can be read by GET according to the description of the API, plain and with each filter. Streams excepted. */
export async function readEverythingOf(asking: Asking): Promise<readonly Piece[]> {
  const { gateway, token, as, of } = asking;
  const { paths } = await expectAnswer<ApiDescription>(200, `${gateway}/openapi.json`, 'GET');
  const operations = Object.entries(paths).filter(([path, { get }]) => get !== undefined && path !== '/v1/events');
  const asked = operations.flatMap(([path, { get }]) => {
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => of.ids[name] ?? EXAMPLES[name] ?? 'unknown');
    const filters = filtersOf(asking, path);
    const queries = (get?.parameters ?? []).filter(({ in: where }) => where === 'query').map(({ name }) => name);
    const withFilters = queries.map(
      (name) => `${filled}?${new URLSearchParams({ [name]: filters[name] ?? 'unknown' })}`,
    );
    return [filled, ...withFilters];
  });
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  return inTurns(asked, async (path) => {
    const answer = await fetch(`${gateway}${path}`, { headers });
    const head = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    const body = Buffer.from(await answer.arrayBuffer());
    // What somebody asked with may be said back to them.
    const said = [...Object.values(of.ids), ...Object.values(asking.cursors)].filter((word) => path.includes(word));
    const content = said.reduce((text, word) => text.replaceAll(word, '…'), `${head}\n\n${body.toString('latin1')}`);
    return { place: `${as} reads ${answer.status} ${path}`, content };
  });
}

const EXAMPLES: Readonly<Record<string, string>> = { slug: 'pro', feature: 'api-calls' };

/** Where each list goes on after its first row. */
export async function cursorsOf(gateway: string, token: string): Promise<Readonly<Record<string, string>>> {
  const { paths } = await expectAnswer<ApiDescription>(200, `${gateway}/openapi.json`, 'GET');
  const lists = Object.entries(paths).filter(
    ([path, { get }]) => get?.parameters?.some(({ name }) => name === 'cursor') && !path.includes('{'),
  );
  const found = await inTurns(lists, async ([path]) => {
    const answer = await fetch(`${gateway}${path}?limit=1`, { headers: { authorization: `Bearer ${token}` } });
    const { nextCursor } = (await answer.json()) as { nextCursor?: string | null };
    return [path, nextCursor ?? ''] as const;
  });
  return Object.fromEntries(found.filter(([, cursor]) => cursor !== ''));
}
