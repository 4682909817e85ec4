import { describe, expect, it } from 'vitest';
import { assemble } from './import-manager.ts';

describe('The import manager', () => {
  it('builds each part once, whatever the order in which they are named', () => {
    let made = 0;
    const parts = assemble(
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

  it('builds everything now, so that what is missing is known at start', () => {
    let made = false;
    assemble({}, { lazy: () => (made = true) });
    expect(made).toBe(true);
  });

  it('names the chain to a dependency that nobody provides', () => {
    type Absent = { readonly clock: unknown; readonly mailer: unknown };
    const factories = {
      mailer: ({ clock }: Absent) => ({ clock }),
      signUp: ({ mailer }: Absent) => ({ mailer }),
    };
    expect(() => assemble({} as Absent, factories)).toThrow(/mailer -> clock/);
  });

  it('names the chain of a cycle', () => {
    type Circle = { readonly egg: unknown; readonly hen: unknown };
    const factories = { egg: ({ hen }: Circle) => ({ hen }), hen: ({ egg }: Circle) => ({ egg }) };
    expect(() => assemble({} as Circle, factories)).toThrow(/egg -> hen -> egg/);
  });

  it('lets an error of a factory through as it is', () => {
    const fault = new Error('no such bank');
    const factories = {
      bank: () => {
        throw fault;
      },
    };
    expect(() => assemble({}, factories)).toThrow(fault);
  });
});
