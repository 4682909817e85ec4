import { newId, newUuid } from '@tenantry/kernel/id.ts';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TenantUnitOfWork } from '../unit-of-work.ts';
import { type NotesTables, openTestDatabases, type TestDatabases } from './open-test-databases.ts';

let world: TestDatabases;
beforeAll(async () => {
  world = await openTestDatabases();
});
afterAll(() => world.close());

type Uow = TenantUnitOfWork<NotesTables>;
type Step = {
  readonly kind: 'execute' | 'enqueue' | 'fail' | 'enqueue a failure' | 'read' | 'throw';
  readonly isAwaited: boolean;
};

const insertion = (uow: Uow, text: string) =>
  uow.sql.insertInto('notes').values({ tenant_id: uow.tenantUuid, id: newUuid(), text });
const failure = (uow: Uow) => sql`select 1 / (0 * length(${uow.tenantUuid}::text))`;

const steps = fc.array(
  fc.record({
    kind: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('execute', 'enqueue', 'read') },
      { weight: 1, arbitrary: fc.constantFrom('fail', 'enqueue a failure', 'throw') },
    ),
    isAwaited: fc.boolean(),
  }),
  { maxLength: 8 },
) as fc.Arbitrary<Step[]>;

describe('Whatever a unit of work asks, awaits, sends along or throws', () => {
  it('all of it is saved, in its order, or nothing; what it reads is what it wrote before', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        const tenant = newId('ten');
        const written: string[] = [];
        const misread: unknown[] = [];
        const work = world.databases.withTenant(tenant, async (uow) => {
          const breath: Promise<unknown>[] = [];
          for (const [index, { kind, isAwaited }] of script.entries()) {
            const text = String(index);
            const before = [...written];
            if (kind === 'execute' || kind === 'enqueue') written.push(text);
            if (kind === 'execute') breath.push(insertion(uow, text).execute());
            if (kind === 'enqueue') uow.enqueue(insertion(uow, text));
            if (kind === 'fail') breath.push(failure(uow).execute(uow.sql));
            if (kind === 'enqueue a failure') uow.enqueue(failure(uow));
            if (kind === 'throw') {
              await Promise.all(breath);
              throw new Error('thrown');
            }
            if (kind === 'read')
              breath.push(
                uow.sql
                  .selectFrom('notes')
                  .select('text')
                  .orderBy('text')
                  .execute()
                  .then((rows) => {
                    const seen = rows.map((row) => row.text);
                    if (seen.join() !== before.join()) misread.push({ before, seen });
                  }),
              );
            if (isAwaited) await Promise.all(breath.splice(0));
          }
          await Promise.all(breath);
        });
        const ended = await work.then(
          () => 'saved',
          (error: unknown) => (error as Error).message,
        );
        const isDoomed = script.some(({ kind }) => ['fail', 'enqueue a failure', 'throw'].includes(kind));
        expect(misread).toEqual([]);
        expect(ended).toEqual(isDoomed ? expect.stringMatching(/^division by zero$|^thrown$/) : 'saved');
        const rows = await world.databases.withTenant.read(tenant, (reader) =>
          reader.sql.selectFrom('notes').select('text').orderBy('text').execute(),
        );
        expect(rows.map(({ text }) => text)).toEqual(isDoomed ? [] : written);
      }),
      { numRuns: 200 },
    );
    expect(
      await world.sql(
        `select query from pg_stat_activity
         where usename = 'users_app' and datname = current_database() and xact_start is not null`,
      ),
    ).toEqual([]);
  });
});

// PostgreSQL's text knows no NUL; lone surrogates are no text at all.
const text = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .filter((each) => !each.includes('\0') && each.isWellFormed());

describe('Any value', () => {
  const read = <Row extends object>(query: ReturnType<typeof sql<Row>>): Promise<Row | undefined> =>
    world.databases.withTenant.read(newId('ten'), async (reader) => (await query.execute(reader.sql)).rows[0]);

  it('comes back as it went: texts, bytes, JSON, whole numbers, and lists with quotes, backslashes and gaps', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          one: text,
          list: fc.array(fc.option(text), { maxLength: 5 }),
          bytes: fc.uint8Array({ maxLength: 20 }),
          json: fc.dictionary(fc.constantFrom('a', 'b', '"'), fc.oneof(text, fc.boolean(), fc.constant(null))),
          big: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
          truth: fc.option(fc.boolean()),
        }),
        async (value) => {
          const row = await read(sql<Record<string, unknown>>`
            select ${value.one}::text as one, ${value.list}::text[] as list, ${Buffer.from(value.bytes)}::bytea as bytes,
              ${value.json}::jsonb as json, ${value.big}::bigint as big, ${value.truth}::boolean as truth`);
          expect(row).toEqual({ ...value, bytes: Buffer.from(value.bytes), json: { ...value.json } });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('also a list of lists, and views of bytes', async () => {
    const nested = [
      ['a"b', null],
      ['\\', '{,}'],
    ];
    const bytes = new Uint8Array([9, 1, 2, 3]).subarray(1);
    expect(
      await read(sql<Record<string, unknown>>`
        select ${nested}::text[] as nested, ${bytes}::bytea as bytes, ${[Buffer.from([0, 255])]}::bytea[] as all`),
    ).toEqual({ nested, bytes: Buffer.from([1, 2, 3]), all: [Buffer.from([0, 255])] });
  });
});
