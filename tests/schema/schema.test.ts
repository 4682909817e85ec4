import { randomBytes } from 'node:crypto';
import { SERVICES_WITH_SCHEMA } from '@tenantry/deploy/migrate/migrate.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { copyTemplate } from '../support/database.ts';
import { readSchema, type Schema } from './read-schema.ts';
import { renderSchema } from './render-schema.ts';

let database: Awaited<ReturnType<typeof copyTemplate>>;
const schemas = new Map<string, Schema>();
let everywhere = new Set<string>();
beforeAll(async () => {
  database = await copyTemplate(inject('postgresUrl'), `t${randomBytes(5).toString('hex')}`);
  for (const service of SERVICES_WITH_SCHEMA) schemas.set(service, await readSchema(database.sql, service));
  const namesOf = (schema: Schema) => new Set(schema.tables.map(({ name }) => name));
  everywhere = [...schemas.values()].map(namesOf).reduce((common, names) => common.intersection(names));
});
afterAll(() => database.drop());

describe.each(SERVICES_WITH_SCHEMA)('services/%s/schema.sql', (service) => {
  const schema = (): Schema => schemas.get(service) ?? { service, tables: [], functions: [] };

  it('is what the migrations make; run this test with -u to write it anew', async () => {
    await expect(renderSchema(schema(), everywhere)).toMatchFileSnapshot(`../../services/${service}/schema.sql`);
  });

  it('says of every table and column what it is: `comment on …` in a migration', () => {
    const silent = schema().tables.flatMap((table) => [
      ...(isSaid(table.comment) ? [] : [table.name]),
      ...table.columns.filter((column) => !isSaid(column.comment)).map(({ name }) => `${table.name}.${name}`),
    ]);
    expect(silent).toEqual([]);
    expect(schema().tables.length).toBeGreaterThan(everywhere.size);
  });

  it('is SQL: what it says can be made of it, and is the same again', async () => {
    const text = renderSchema(schema(), everywhere);
    const again = `again_${service}`;
    await database.sql(`create schema ${again}`);
    // Triggers need their functions, whose bodies are looked at when they run.
    const [tables = '', functions = ''] = text.split('-- Functions\n');
    await database.sql(`set search_path = ${again}; ${functions}`);
    await database.sql(`set search_path = ${again}; ${tables}`);
    await database.sql('reset all');
    const made = await readSchema(database.sql, again);
    const shape = ({ tables: all }: Schema) =>
      all.map(({ name, columns, constraints, indexes }) => ({
        name,
        columns: columns.map(({ comment: _comment, ...column }) => column),
        constraints,
        indexes,
      }));
    expect(shape(made)).toEqual(shape(schema()));
  });
});

const isSaid = (comment: string | null): boolean => comment !== null && comment.trim().length > 3;
