import type { Column, Schema, SchemaTable } from './read-schema.ts';

const LINE = 118;

/** services/<name>/schema.sql: the schema as the migrations leave it, each table and column with what it is. */
export function renderSchema(schema: Schema, everywhere: ReadonlySet<string>): string {
  const tables = referredFirst(schema.tables);
  const own = tables.filter(({ name }) => !everywhere.has(name));
  const common = tables.filter(({ name }) => everywhere.has(name));
  return `${[
    [
      `-- The schema of ${schema.service}, as its migrations leave it. Written from the migrated database; to write it anew:`,
      '--   npx vitest run --project service tests/schema -u',
      '-- A table marked "tenant" has row-level security forced: its rows are those of app.tenant_id, to read and to write.',
    ].join('\n'),
    `-- Tables of ${schema.service}`,
    ...own.map(renderTable),
    '-- Tables that every service has',
    ...common.map(renderTable),
    '-- Functions',
    ...schema.functions.map((definition) => `${definition};`),
  ].join('\n\n')}\n`;
}

/** By name, but what others refer to stands before them: it is read, and can be run, from top to bottom. */
function referredFirst(tables: readonly SchemaTable[]): readonly SchemaTable[] {
  const placed: SchemaTable[] = [];
  const isPlaced = (name: string): boolean => placed.some((table) => table.name === name);
  const left = [...tables];
  while (left.length > 0) {
    const next = left.findIndex(({ name, constraints }) =>
      constraints.every((text) =>
        [...text.matchAll(/REFERENCES (\w+)/g)].every(([, to = '']) => to === name || isPlaced(to)),
      ),
    );
    placed.push(...left.splice(Math.max(next, 0), 1));
  }
  return placed;
}

function renderTable(table: SchemaTable): string {
  const members = [
    ...table.columns.map((column) => [...comment(column.comment, '  '), `  ${columnOf(column)}`]),
    ...table.constraints.map((constraint) => [`  ${constraint}`]),
  ];
  const body = members.map((lines, index) => `${lines.join('\n')}${index < members.length - 1 ? ',' : ''}`);
  const after = [...table.indexes, ...table.triggers].map((definition) => `${definition};`);
  return [
    ...comment(table.comment, ''),
    `-- ${table.isTenants ? 'tenant' : 'not under row-level security'}; ${rightsOf(table)}`,
    `create table ${table.name} (`,
    ...body,
    ');',
    ...after,
  ].join('\n');
}

const columnOf = ({ name, type, isRequired, filled }: Column): string =>
  [name, type, isRequired ? 'not null' : '', filled].filter((part) => part !== '').join(' ');

const rightsOf = ({ rights }: SchemaTable): string =>
  rights.map(({ role, rights: some }) => `${role}: ${some.length === 0 ? 'nothing' : some.join(', ')}`).join('; ');

/** Wrapped, so that it can be read beside the code. */
function comment(text: string | null, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of (text ?? '').split(/\s+/).filter((each) => each !== '')) {
    if (line !== '' && `${indent}-- ${line} ${word}`.length > LINE) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '') lines.push(line);
  return lines.map((each) => `${indent}-- ${each}`);
}
