import { Closed, IdSchema, InstantSchema, MoneySchema, OneOf, PageQuery } from '@tenantry/contract/schemas.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { compileInput, compileOutput, compileParams } from './validation.ts';

function problemOf(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('It was accepted.');
}
const errorsOf = (work: () => unknown): Record<string, string> =>
  Object.fromEntries((problemOf(work).errors ?? []).map(({ path, message }) => [path, message]));

const Method = Type.Union([
  Closed({ type: Type.Literal('bank_transfer'), bank: OneOf(['bca', 'bni']) }),
  Closed({ type: Type.Literal('qris') }),
]);
const checkBody = compileInput(
  Closed({
    customerId: IdSchema('usr'),
    amount: MoneySchema,
    kind: OneOf(['one', 'two']),
    lines: Type.Array(Closed({ quantity: Type.Integer({ minimum: 1 }) }), { minItems: 1 }),
    method: Type.Optional(Method),
    at: Type.Optional(InstantSchema),
    note: Type.Optional(Type.Union([Type.String({ maxLength: 5 }), Type.Null()])),
  }),
  'body',
);
const good = {
  customerId: 'usr_01h455vb4pex5vsknk084sn02q',
  amount: { amount: '1', currency: 'IDR' },
  kind: 'one',
  lines: [{ quantity: 1 }],
};

describe('A body', () => {
  it('that is right goes through as it came', () => {
    const full = { ...good, method: { type: 'qris' }, at: '2026-11-21T09:30:00.000Z', note: null };
    expect(checkBody(full)).toBe(full);
  });

  it('that is wrong is told every fault at once, each at its place', () => {
    const refusal = problemOf(() =>
      checkBody({
        amount: { amount: 5, currency: 'IDR' },
        kind: 'three',
        lines: [{ quantity: 1 }, { quantity: 0 }],
        isAdmin: true,
      }),
    );
    expect(refusal.kind.code).toBe('validation-failed');
    expect(Object.fromEntries((refusal.errors ?? []).map(({ path, message }) => [path, message]))).toEqual({
      '/customerId': 'is required',
      '/isAdmin': 'is not a field of this request',
      '/amount/amount': 'must be string',
      '/kind': 'must be "one" or "two"',
      '/lines/1/quantity': 'must be >= 1',
    });
    expect(refusal.message).toMatch(/^The body has 5 fault\(s\): /);
  });

  it('hears what a text should look like, not our pattern for it', () => {
    const errors = errorsOf(() => checkBody({ ...good, customerId: 'budi', at: '2026-02-30T00:00:00.000Z' }));
    expect(errors['/customerId']).toContain('usr_01h455vb4pex5vsknk084sn02q');
    expect(errors['/customerId']).not.toMatch(/[\^$[]/);
    expect(errors['/at']).toContain('2026-11-21T09:30:00.000Z');
  });

  it('is taken literally: what is text in JSON is no number', () => {
    expect(errorsOf(() => checkBody({ ...good, lines: [{ quantity: '1' }] }))).toEqual({
      '/lines/0/quantity': 'must be integer',
    });
  });

  it('of one kind among several hears what that kind lacks, not what the others would', () => {
    const faults = (method: unknown) => errorsOf(() => checkBody({ ...good, method }));
    expect(faults({ type: 'bank_transfer' })).toEqual({ '/method/bank': 'is required' });
    expect(faults({ type: 'qris', bank: 'bca' })).toEqual({ '/method/bank': 'is not a field of this request' });
    expect(faults({ type: 'bank_transfer', bank: 'mandiri' })).toEqual({ '/method/bank': 'must be "bca" or "bni"' });
    expect(faults({ type: 'cash' })).toEqual({ '/method/type': 'must be "bank_transfer" or "qris"' });
    expect(Object.keys(faults('qris'))).toEqual(['/method']);
  });

  it.each([null, 'text', 5, [], [good]])('that is %j is refused as a whole', (body) => {
    expect(Object.keys(errorsOf(() => checkBody(body))).length).toBeGreaterThan(0);
  });

  it('with names that a caller made up gets them back as JSON Pointers, and not by the megabyte', () => {
    const { errors = [], message } = problemOf(() => checkBody({ ...good, 'a/b~c': 1, ['x'.repeat(1_000_000)]: 1 }));
    expect(errors.map(({ path }) => path)).toContain('/a~1b~0c');
    expect(JSON.stringify(errors).length + message.length).toBeLessThan(2_000);
  });

  it('with thousands of faults hears of some of them', () => {
    const lines = Array.from({ length: 5_000 }, () => ({ quantity: 0 }));
    expect(problemOf(() => checkBody({ ...good, lines })).errors?.length).toBe(20);
  });

  it('cannot reach a prototype', () => {
    const hostile: unknown = JSON.parse(`{"__proto__":{"isAdmin":true},${JSON.stringify(good).slice(1)}`);
    expect(errorsOf(() => checkBody(hostile))).toEqual({ '/__proto__': 'is not a field of this request' });
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });
});

describe('A query', () => {
  const checkQuery = compileInput(Closed({ ...PageQuery.properties, deep: Type.Optional(Type.Boolean()) }), 'query');

  it('is text that becomes what the schema asks for, with its defaults', () => {
    expect(checkQuery({})).toEqual({ limit: 50 });
    expect(checkQuery({ limit: '7', cursor: '7', deep: 'true' })).toEqual({ limit: 7, cursor: '7', deep: true });
  });

  it.each(['', '0', '201', '1.5', '1e2', '0x10', 'true', ' 5', 'ten', '-1', ['1', '2']])(
    'has no limit of %j',
    (limit) => {
      expect(Object.keys(errorsOf(() => checkQuery({ limit })))).toEqual(['query.limit']);
    },
  );

  it('knows its fields', () => {
    expect(errorsOf(() => checkQuery({ page: '2' }))).toEqual({ 'query.page': 'is not a field of this request' });
  });
});

describe('A path', () => {
  const checkParams = compileParams(Closed({ invoiceId: IdSchema('inv') }));

  it('that names a thing goes through', () => {
    const params = { invoiceId: 'inv_01h455vb4pex5vsknk084sn02q' };
    expect(checkParams(params)).toEqual(params);
  });

  it.each(['usr_01h455vb4pex5vsknk084sn02q', 'inv_', '..', "inv_' or 1=1"])('with %j names nothing', (invoiceId) => {
    expect(problemOf(() => checkParams({ invoiceId })).kind.code).toBe('not-found');
  });
});

describe('An answer of our own', () => {
  const checkAnswer = compileOutput(Closed({ id: Type.String() }), 'billing.read-invoice');

  it('that keeps its contract goes out', () => {
    expect(() => checkAnswer({ id: 'a' })).not.toThrow();
  });

  it.each([{ id: 'a', passwordHash: 'hunter2' }, { id: 5 }, {}, null, undefined])(
    'that is %j is a bug and no problem',
    (answer) => {
      const failure = (() => {
        try {
          checkAnswer(answer);
        } catch (error) {
          return error;
        }
      })();
      expect(failure).toBeInstanceOf(Error);
      expect(failure).not.toBeInstanceOf(Problem);
      expect(String(failure)).toContain('billing.read-invoice');
      expect(String(failure)).not.toContain('hunter2');
    },
  );
});
