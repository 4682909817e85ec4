import type { EventDefinition } from '@tenantry/contract/event.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

/** docs/events.md: by the service that tells them. */
export function renderCatalogue(
  events: readonly EventDefinition[],
  hearers: ReadonlyMap<string, readonly string[]>,
  introduction: string,
): string {
  const sorted = events.toSorted((one, other) => (one.type < other.type ? -1 : 1));
  const services = [...Map.groupBy(sorted, ({ service }) => service)];
  const overview = [
    '| event | heard by |',
    '| --- | --- |',
    ...sorted.map(({ type }) => `| [\`${type}\`](#${anchorOf(type)}) | ${heardBy(hearers, type)} |`),
  ].join('\n');
  const sections = services.map(([service, own]) =>
    [`## Told by ${service}`, ...own.map((definition) => renderEvent(definition, hearers))].join('\n\n'),
  );
  return `${[introduction.trimEnd(), overview, ...sections].join('\n\n')}\n`;
}

const renderEvent = (definition: EventDefinition, hearers: ReadonlyMap<string, readonly string[]>): string =>
  [
    `### ${definition.type}`,
    definition.summary,
    `About: ${definition.aggregate}. Heard by: ${heardBy(hearers, definition.type)}.${
      definition.upcast === null ? '' : ` What was told as \`${definition.upcast.from.type}\` is read as this.`
    }`,
    `<details><summary>JSON Schema of <code>data</code></summary>\n\n\`\`\`json\n${JSON.stringify(plain(definition.data), null, 2)}\n\`\`\`\n\n</details>`,
  ].join('\n\n');

const heardBy = (hearers: ReadonlyMap<string, readonly string[]>, type: string): string =>
  hearers.get(type)?.join(', ') ?? 'nobody inside';

/** As renderers of Markdown make it out of a heading. */
const anchorOf = (type: string): string => type.replaceAll('.', '');

/** Without what typebox keeps beside the schema. */
const plain = (schema: unknown): JsonSchema => JSON.parse(JSON.stringify(schema)) as JsonSchema;
