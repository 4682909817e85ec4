import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { assemble } from './assemble.ts';
import type { Checked, Definitions } from './definitions.ts';
import { given, scoped, singleton, transient } from './part.ts';

/** What the compiler would refuse; at run time the assembly must refuse it too. */
const assembleUnchecked = (values: object, definitions: Definitions) =>
  assemble(values, definitions as Definitions & Checked<object, Definitions>);

/** Parts that only note when they are opened and closed. */
function journal() {
  const lines: string[] = [];
  return {
    lines,
    open: (name: string) => () => {
      lines.push(`+${name}`);
      return name;
    },
    close: (name: unknown) => {
      lines.push(`-${String(name)}`);
    },
  };
}

describe('The import manager', () => {
  it('builds each part once, whatever the order in which they are named', async () => {
    let made = 0;
    const { parts } = await assemble(
      { base: 2 },
      {
        total: ({ doubled, base }: { doubled: { value: number }; base: number }) => doubled.value + base,
        again: ({ doubled }: { doubled: { value: number } }) => doubled,
        doubled: ({ base }: { base: number }) => {
          made++;
          return { value: base * 2 };
        },
      },
    );
    expect(parts.total).toBe(6);
    expect(parts.again).toBe(parts.doubled);
    expect(parts.base).toBe(2);
    expect(made).toBe(1);
  });

  it('builds everything now, so that what is missing is known at start', async () => {
    let made = false;
    await assemble({}, { lazy: () => (made = true) });
    expect(made).toBe(true);
  });

  it('waits for what takes time, and hands it on as it is', async () => {
    let opened = 0;
    const { parts } = await assemble(
      { url: 'x' },
      {
        greet: ({ connection }: { connection: { name: string } }) => `hello ${connection.name}`,
        connection: singleton(['url'], async ({ url }: { url: string }) => {
          opened++;
          return { name: await Promise.resolve(url) };
        }),
        pool: singleton(['greet', 'connection'], (needs: { greet: string; connection: { name: string } }) => needs),
      },
    );
    expect(parts.greet).toBe('hello x');
    expect(parts.pool).toEqual({ greet: 'hello x', connection: { name: 'x' } });
    expect(parts.pool.connection).toBe(parts.connection);
    expect(opened).toBe(1);
    expectTypeOf(parts.connection).toEqualTypeOf<{ name: string }>();
  });

  it('gives a transient part to each that needs it as one of its own', async () => {
    const { parts } = await assemble(
      {},
      {
        counter: transient([], () => ({ n: 0 })),
        one: singleton(['counter'], ({ counter }: { counter: { n: number } }) => counter),
        other: singleton(['counter'], ({ counter }: { counter: { n: number } }) => counter),
      },
    );
    expect(parts.one).not.toBe(parts.other);
    expect(parts).not.toHaveProperty('counter');
  });
});

describe('A scope', () => {
  type Work = { readonly tenant: string };
  const definitions = {
    principal: given<string>(),
    work: scoped(['principal'], async ({ principal }: { principal: string }): Promise<Work> => ({ tenant: principal })),
    store: scoped(['work', 'base'], ({ work, base }: { work: Work; base: string }) => ({ work, base })),
    base: () => 'base',
  };

  it('has parts of its own and shares the singletons', async () => {
    const assembly = await assemble({}, definitions);
    const [one, other] = await Promise.all([
      assembly.openScope({ principal: 'a' }),
      assembly.openScope({ principal: 'b' }),
    ]);
    expect(one.parts.store).toEqual({ work: { tenant: 'a' }, base: 'base' });
    expect(one.parts.store.work).toBe(one.parts.work);
    expect(other.parts.work).toEqual({ tenant: 'b' });
    expectTypeOf(one.parts.work).toEqualTypeOf<Work>();
  });

  it('is closed by itself, or with the assembly and before its singletons, and is not opened after that', async () => {
    const { lines, open, close } = journal();
    const assembly = await assemble(
      {},
      {
        pool: singleton([], open('pool'), close),
        transaction: scoped(['pool', 'cursor'], open('transaction'), close),
        cursor: transient([], open('cursor'), close),
      },
    );
    const first = await assembly.openScope({});
    await first.close();
    await first.close();
    expect(lines.splice(0)).toEqual(['+pool', '+cursor', '+transaction', '-transaction', '-cursor']);
    await assembly.openScope({});
    const stillOpening = assembly.openScope({});
    await Promise.all([assembly.close(), stillOpening]);
    expect(lines.filter((line) => line === '-transaction')).toHaveLength(2);
    expect(lines.at(-1)).toBe('-pool');
    await expect(assembly.openScope({})).rejects.toThrow('is closed');
  });

  it('that cannot be opened closes what it had, and nothing of the others', async () => {
    const { lines, open, close } = journal();
    const assembly = await assemble(
      {},
      {
        pool: singleton([], open('pool'), close),
        transaction: scoped([], open('transaction'), close),
        broken: scoped(['transaction'], () => {
          throw new Error('no room');
        }),
      },
    );
    await expect(assembly.openScope({})).rejects.toThrow('no room');
    expect(lines).toEqual(['+pool', '+transaction', '-transaction']);
    await assembly.close();
    expect(lines.at(-1)).toBe('-pool');
  });
});

describe('What cannot be put together', () => {
  it('is refused with the chain to what nobody provides, every one of them, before anything is built', async () => {
    const { lines, open } = journal();
    const refused = assembleUnchecked(
      {},
      {
        first: singleton([], open('first')),
        signUp: singleton(['mailer'], ({ mailer }: { mailer: unknown }) => mailer),
        mailer: singleton(['clock'], ({ clock }: { clock: unknown }) => clock),
        scopes: scoped(['unit'], ({ unit }: { unit: unknown }) => unit),
      },
    );
    await expect(refused).rejects.toThrow(
      'Nobody provides clock: signUp → mailer → clock.\nNobody provides unit: scopes → unit.',
    );
    expect(lines).toEqual([]);
  });

  it('names the chain through plain functions too', async () => {
    type Absent = { readonly clock: unknown; readonly mailer: unknown };
    const definitions = {
      signUp: ({ mailer }: Absent) => ({ mailer }),
      mailer: ({ clock }: Absent) => ({ clock }),
    };
    await expect(assembleUnchecked({}, definitions)).rejects.toThrow('Nobody provides clock: signUp → mailer → clock.');
  });

  it('names the whole circle, and only the circle', async () => {
    const needing = (name: string) => singleton([name], () => name);
    const declared = { way: needing('a'), a: needing('b'), b: needing('c'), c: needing('a') };
    await expect(assembleUnchecked({}, declared)).rejects.toThrow('Parts need each other in a circle: a → b → c → a.');
    type Circle = { readonly egg: unknown; readonly hen: unknown };
    const plain = { egg: ({ hen }: Circle) => ({ hen }), hen: ({ egg }: Circle) => ({ egg }) };
    await expect(assembleUnchecked({}, plain)).rejects.toThrow('egg → hen → egg');
    const mixed = { egg: ({ hen }: Circle) => ({ hen }), hen: needing('egg') };
    await expect(assembleUnchecked({}, mixed)).rejects.toThrow('egg → hen → egg');
  });

  it('refuses a singleton that would hold on to a scope, also behind transient parts and from a plain function', async () => {
    const { lines, open } = journal();
    const unit = scoped([], open('unit'));
    const reader = transient(['unit'], ({ unit: held }: { unit: unknown }) => held);
    const cache = singleton(['reader'], ({ reader: held }: { reader: unknown }) => held);
    await expect(assembleUnchecked({}, { cache, reader, unit })).rejects.toThrow(
      'cache lives as long as the assembly and would hold on to unit, which ends with its scope: cache → reader → unit.',
    );
    await expect(assembleUnchecked({}, { cache: ({ unit: held }: { unit: unknown }) => held, unit })).rejects.toThrow(
      'cache → unit',
    );
    await expect(
      assembleUnchecked({}, { cache: singleton(['who'], ({ who }: { who: unknown }) => who), who: given() }),
    ).rejects.toThrow('cache → who');
    expect(lines).toEqual([]);
    // Whatever is scoped itself may have it.
    await assemble({}, { inner: scoped(['reader'], ({ reader: held }: { reader: unknown }) => held), reader, unit });
  });

  it('refuses a name that is there twice, a plain function that needs a transient part, and one that takes everything', async () => {
    await expect(assembleUnchecked({ clock: 1 }, { clock: () => 2 })).rejects.toThrow('clock is provided twice');
    const counter = transient([], () => 0);
    await expect(
      assembleUnchecked({}, { counter, plain: ({ counter: held }: { counter: unknown }) => held }),
    ).rejects.toThrow('define plain with singleton()');
    await expect(assembleUnchecked({}, { greedy: (needs: object) => ({ ...needs }) })).rejects.toThrow(
      'greedy must take what it needs by name',
    );
  });

  it('does not compile', () => {
    const never = (): void => {
      // @ts-expect-error nobody provides a clock
      void assemble({}, { mailer: ({ clock }: { clock: Date }) => clock });
      // @ts-expect-error the clock is no Date
      void assemble({ clock: 1 }, { mailer: ({ clock }: { clock: Date }) => clock });
      // @ts-expect-error the list leaves out the clock
      void singleton(['url'], ({ url, clock }: { url: string; clock: Date }) => [url, clock]);
      // @ts-expect-error nobody provides a clock
      void assemble({}, { mailer: singleton(['clock'], ({ clock }: { clock: Date }) => clock) });
      const unit = scoped([], () => 1);
      // @ts-expect-error a singleton outlives every scope
      void assemble({}, { unit, cache: singleton(['unit'], (needs: { unit: number }) => needs) });
      // @ts-expect-error a plain function is a singleton
      void assemble({}, { unit, cache: (needs: { unit: number }) => needs.unit });
      // @ts-expect-error a scope without its principal
      void assemble({}, { who: given<string>() }).then(({ openScope }) => openScope({}));
      // @ts-expect-error what is scoped is no part of the assembly
      void assemble({}, { unit }).then(({ parts }) => parts.unit);
      void assemble({ clock: new Date() }, { unit, mailer: ({ clock }: { clock: Date }) => clock });
    };
    expect(never).toBeTypeOf('function');
  });
});

describe('The end', () => {
  it('comes in the reverse order of construction, which need not be that of the names', async () => {
    const { lines, open, close } = journal();
    const assembly = await assemble(
      {},
      {
        door: singleton(['pool', 'mesh'], open('door'), close),
        mesh: singleton(['nats'], open('mesh'), close),
        nats: singleton([], open('nats'), close),
        pool: singleton([], open('pool'), close),
      },
    );
    expect(lines.splice(0)).toEqual(['+pool', '+nats', '+mesh', '+door']);
    await Promise.all([assembly.close(), assembly.close()]);
    expect(lines).toEqual(['-door', '-mesh', '-nats', '-pool']);
  });

  it('closes everything even if some of it fails, and tells all of that', async () => {
    const { lines, open, close } = journal();
    const failing = (name: unknown): never => {
      close(name);
      throw new Error(`${String(name)} is stuck`);
    };
    const assembly = await assemble(
      {},
      {
        a: singleton([], open('a'), failing),
        b: singleton([], open('b'), close),
        c: singleton([], open('c'), async (name) => failing(name)),
      },
    );
    const error = await assembly.close().catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors.map(String)).toEqual(['Error: c is stuck', 'Error: a is stuck']);
    expect(lines.slice(3)).toEqual(['-c', '-b', '-a']);
  });

  it('comes at once for what was built when something cannot be built; its error is let through as it is', async () => {
    const { lines, open, close } = journal();
    const fault = new Error('no such bank');
    const bank = singleton(['a', 'b'], () => {
      throw fault;
    });
    const a = singleton([], open('a'), close);
    const b = singleton(['a'], open('b'), close);
    const error = await assemble({}, { bank, b, a, later: singleton([], open('later'), close) }).catch(
      (cause: unknown) => cause,
    );
    expect(error).toBe(fault);
    expect(lines).toEqual(['+a', '+b', '-b', '-a']);
    const stuck = singleton([], open('stuck'), () => {
      throw new Error('stuck');
    });
    const both = await assemble({}, { stuck, ...{ a, b, bank } }).catch((cause: unknown) => cause);
    expect((both as AggregateError).errors).toMatchObject([fault, { message: 'stuck' }]);
    await expect(
      assemble(
        {},
        {
          plain: () => {
            throw fault;
          },
        },
      ),
    ).rejects.toBe(fault);
  });

  it('holds for every graph and every part that fails: each need before its needer, and all of it closed again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 8 }),
        fc.option(fc.nat()),
        fc.infiniteStream(fc.nat()),
        async (edges, failing, order) => {
          const { lines, open, close } = journal();
          const needsOf = edges.map((picks, i) => (i === 0 ? [] : [...new Set(picks.map((pick) => `p${pick % i}`))]));
          const failsAt = failing === null ? -1 : failing % edges.length;
          const parts = needsOf.map((needs, i) => {
            const build = i === failsAt ? () => Promise.reject(new Error('fails')) : async () => open(`p${i}`)();
            return { at: order.next().value, name: `p${i}`, part: singleton(needs, build as () => unknown, close) };
          });
          const definitions = Object.fromEntries(
            parts.toSorted((one, other) => one.at - other.at).map(({ name, part }) => [name, part]),
          );
          const assembly = await assembleUnchecked({}, definitions).catch(() => null);
          expect(assembly === null).toBe(failsAt >= 0);
          await assembly?.close();
          const opened = lines.filter((line) => line.startsWith('+')).map((line) => line.slice(1));
          const closed = lines.filter((line) => line.startsWith('-')).map((line) => line.slice(1));
          expect(closed).toEqual(opened.toReversed());
          expect(new Set(opened).size).toBe(opened.length);
          for (const name of opened) {
            for (const need of needsOf[Number(name.slice(1))] ?? []) {
              expect(opened.indexOf(need)).toBeLessThan(opened.indexOf(name));
              expect(opened).toContain(need);
            }
          }
        },
      ),
    );
  });
});
