import fc from 'fast-check';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { event, upcastFrom } from './event.ts';
import { Closed, IdSchema, InstantSchema, MoneySchema, OneOf } from './schemas.ts';
import { arbitraryOf } from './test/arbitrary-of.ts';

const Data = Closed({
  invoiceId: IdSchema('inv'),
  total: MoneySchema,
  paidAt: InstantSchema,
  reason: OneOf(['paid', 'waived']),
  lines: Type.Array(Closed({ count: Type.Integer({ minimum: 1 }) })),
  note: Type.Optional(Type.String()),
});
const paid1 = event('billing.invoice.paid.v1', Data);

describe('An event', () => {
  it('is named after its service and aggregate, and knows its version', () => {
    expect(event('billing.credit-note.issued.v12', Data)).toMatchObject({
      service: 'billing',
      aggregate: 'credit-note',
      version: 12,
      upcast: null,
    });
  });

  it.each([
    'billing.invoice.paid.v1',
    'billing.invoice.paid.v3',
    'billing.invoice.settled.v2',
    'users.invoice.paid.v2',
  ] as const)('is upcast from the version right before it: %s is not', (type) => {
    expect(() => event(type, Data, { upcast: upcastFrom(paid1, (data) => data) })).toThrow('the version before it');
  });
});

describe('Values made up for a schema', () => {
  it('are such as it takes, whatever it consists of', () => {
    fc.assert(fc.property(arbitraryOf(Data), (value) => Value.Check(Data, value)));
  });

  it('find an upcast that is not total', () => {
    const paid2 = event('billing.invoice.paid.v2', Closed({ firstCount: Type.Integer() }), {
      upcast: upcastFrom(paid1, ({ lines: [first] }) => ({ firstCount: first?.count as number })),
    });
    const holds = fc.check(
      fc.property(arbitraryOf(Data), (value) => Value.Check(paid2.data, paid2.upcast?.convert(value))),
    );
    expect(holds.failed).toBe(true);
  });
});
