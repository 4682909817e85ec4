import { isCurrency, parseMoney } from '@tenantry/kernel/money.ts';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { describe, expect, it } from 'vitest';
import {
  Closed,
  CurrencySchema,
  DisplayNameSchema,
  EmailSchema,
  IdSchema,
  InstantSchema,
  MoneySchema,
  OneOf,
  PageOf,
  PageQuery,
  SlugSchema,
} from './schemas.ts';

const accepts = (schema: TSchema, value: unknown): boolean => Compile(schema).Check(value);

describe('An e-mail address', () => {
  it.each([
    'budi@example.com',
    'a@b.co',
    "o'brien+tag@mail.example.co.id",
    'budi.santoso@xn--exmple-cua.com',
    'josé@example.com',
    `${'a'.repeat(64)}@example.com`,
    'x@1and1.com',
  ])('may be %s', (email) => expect(accepts(EmailSchema, email)).toBe(true));

  it.each([
    '',
    'budi',
    'budi@',
    '@example.com',
    'budi@localhost',
    'budi@example',
    'budi@@example.com',
    'a@b@example.com',
    'budi@example..com',
    'budi@.example.com',
    'budi@example.com.',
    'budi@-example.com',
    'budi@example-.com',
    'budi@127.0.0.1',
    'budi@[127.0.0.1]',
    'budi santoso@example.com',
    ' budi@example.com',
    'budi@example.com ',
    'Budi <budi@example.com>',
    'budi@example.com,eve@example.com',
    'budi@example.com,eve.example.com',
    'budi@example.com;eve.example.com',
    'budi@example.com\nBcc: eve@example.com',
    'budi@example.com\n',
    'budi\u0000@example.com',
    'budi@exam\u0000ple.com',
    '"budi"@example.com',
    `${'a'.repeat(65)}@example.com`,
    `a@${'b'.repeat(64)}.com`,
    `a@${'b.'.repeat(127)}com`,
  ])('may not be %j', (email) => expect(accepts(EmailSchema, email)).toBe(false));

  it('is decided on in no time, whatever is sent', () => {
    const check = Compile(EmailSchema);
    const hostile = [
      `a@${'a.'.repeat(50_000)}`,
      `a@${'a-'.repeat(50_000)}`,
      'a'.repeat(100_000),
      `a@${'a'.repeat(100_000)}`,
    ];
    // A pattern that backtracks exponentially would not come back within the time of a test.
    expect(hostile.map((text) => check.Check(text))).toEqual([false, false, false, false]);
  });
});

describe('Money', () => {
  it.each(['0', '150000', '-1', '0.05', '1.234', '999999999999999'])('may be %s', (amount) => {
    expect(accepts(MoneySchema, { amount, currency: 'KWD' })).toBe(true);
    expect(() => parseMoney({ amount, currency: 'KWD' })).not.toThrow();
  });

  it.each(['', '-', '1.', '.5', '1.2345', '1,5', '1e3', ' 1', '1\n', '1234567890123456', 'NaN', '٣', '--1'])(
    'may not be %j',
    (amount) => expect(accepts(MoneySchema, { amount, currency: 'KWD' })).toBe(false),
  );

  it.each([
    ['a number', { amount: 150_000, currency: 'IDR' }],
    ['without a currency', { amount: '1' }],
    ['in a currency that we do not know', { amount: '1', currency: 'XAU' }],
    ['in lower case', { amount: '1', currency: 'idr' }],
    ['with a field of its own', { amount: '1', currency: 'IDR', minor: '1' }],
    ['a bare text', '150000'],
  ])('is not %s', (_what, value) => expect(accepts(MoneySchema, value)).toBe(false));

  it('has a currency that the kernel can count in', () => {
    for (const code of ['IDR', 'USD', 'EUR', 'SGD', 'JPY', 'KWD', 'AUD', '__proto__', 'constructor'])
      expect(accepts(CurrencySchema, code)).toBe(isCurrency(code));
  });
});

describe('An id', () => {
  it('has the prefix of its kind, and no other', () => {
    expect(accepts(IdSchema('inv'), 'inv_01h455vb4pex5vsknk084sn02q')).toBe(true);
    for (const text of [
      'usr_01h455vb4pex5vsknk084sn02q',
      'inv_81h455vb4pex5vsknk084sn02q',
      'inv_01h455vb4pex5vsknk084sn02Q',
      'xinv_01h455vb4pex5vsknk084sn02q',
      'inv_01h455vb4pex5vsknk084sn02q\n',
      '',
      null,
      7,
    ])
      expect(accepts(IdSchema('inv'), text)).toBe(false);
  });
});

describe('An instant', () => {
  it('is RFC 3339 in UTC with milliseconds, of a day that exists', () => {
    expect(accepts(InstantSchema, '2026-11-21T09:30:00.000Z')).toBe(true);
    expect(accepts(InstantSchema, '2028-02-29T23:59:59.999Z')).toBe(true);
    for (const text of [
      '2026-11-21T09:30:00Z',
      '2026-11-21T09:30:00.000+00:00',
      '2026-11-21 09:30:00.000Z',
      '2026-11-21T09:30:00.0000Z',
      '2026-02-30T09:30:00.000Z',
      '2026-13-01T09:30:00.000Z',
      '2026-11-21T24:30:00.000Z',
      '2026-11-21T09:30:00.000Z\n',
      '2026-11-21',
    ])
      expect(accepts(InstantSchema, text), text).toBe(false);
  });
});

describe('A slug', () => {
  it.each(['abc', 'acme', 'acme-2', 'a0-', 'x'.repeat(40)])('is judged: %s', (slug) => {
    expect(accepts(SlugSchema, slug)).toBe(/^[a-z][a-z0-9-]*[a-z0-9]$/.test(slug));
  });

  it.each(['', 'ab', 'Acme', '1acme', '-acme', 'acme-', 'a cme', 'acme\n', 'x'.repeat(41), 'acmé', '../etc'])(
    'may not be %j',
    (slug) => expect(accepts(SlugSchema, slug)).toBe(false),
  );
});

describe('A name for people', () => {
  it('takes any script and no control characters', () => {
    for (const name of ['Budi', 'Nyoman Ayu', '李雷', 'Ω', 'x'.repeat(120)])
      expect(accepts(DisplayNameSchema, name)).toBe(true);
    for (const name of ['', 'a\nb', 'a\r\nBcc: x', 'a\u0000', '\u007f', 'x'.repeat(121)])
      expect(accepts(DisplayNameSchema, name)).toBe(false);
  });
});

describe('A closed object', () => {
  const Thing = Closed({ kind: OneOf(['one', 'two']) });
  it('refuses what it does not name', () => {
    expect(accepts(Thing, { kind: 'one' })).toBe(true);
    expect(accepts(Thing, { kind: 'three' })).toBe(false);
    expect(accepts(Thing, { kind: 'one', isAdmin: true })).toBe(false);
    expect(accepts(Thing, JSON.parse('{"kind":"one","__proto__":{}}'))).toBe(false);
  });
});

describe('A page', () => {
  it('has data and the cursor of the next, or null', () => {
    const Numbers = PageOf(Closed({}));
    expect(accepts(Numbers, { data: [{}], nextCursor: null })).toBe(true);
    expect(accepts(Numbers, { data: [], nextCursor: 'abc' })).toBe(true);
    expect(accepts(Numbers, { data: [] })).toBe(false);
    expect(accepts(Numbers, { data: [{}], nextCursor: null, total: 1 })).toBe(false);
  });

  it('has between 1 and 200 items', () => {
    for (const limit of [1, 50, 200]) expect(accepts(PageQuery, { limit })).toBe(true);
    for (const limit of [0, -1, 201, 1.5, '50']) expect(accepts(PageQuery, { limit })).toBe(false);
  });
});
