import { Closed, CustomerIdSchema, IdSchema, InstantSchema, MoneySchema, OneOf } from '@tenantry/contract/schemas.ts';
import { type Static, Type } from 'typebox';

export const INVOICE_STATUSES = ['draft', 'open', 'paid', 'void', 'uncollectible'] as const;
export type InvoiceStatus = (typeof INVOICE_STATUSES)[number];

/** When the thing was used, as calendar instants: from the first, up to but not including the second. */
export const PeriodSchema = Closed({ start: InstantSchema, end: InstantSchema });

export const NewInvoiceLine = Closed({
  description: Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f]+$' }),
  quantity: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  /** Without tax. */
  unitPrice: MoneySchema,
  period: Type.Optional(PeriodSchema),
});
export type NewInvoiceLineBody = Static<typeof NewInvoiceLine>;

export const InvoiceLineView = Closed({
  description: Type.String(),
  quantity: Type.Integer(),
  unitPrice: MoneySchema,
  amount: MoneySchema,
  period: Type.Union([PeriodSchema, Type.Null()]),
});

/**
 * Indonesian PPN (PMK 131/2024): 12 % of the "other value" (DPP nilai lain), which is 11/12 of the price. `base` is the
 * net price, `otherBase` the DPP that the law wants shown.
 */
export const TaxView = Closed({
  name: Type.String(),
  rate: Type.String({ description: 'Percent as a decimal string' }),
  base: MoneySchema,
  otherBase: Type.Union([MoneySchema, Type.Null()]),
  amount: MoneySchema,
});

const nullableInstant = Type.Union([InstantSchema, Type.Null()]);

export const InvoiceView = Closed({
  id: IdSchema('inv'),
  status: OneOf(INVOICE_STATUSES),
  number: Type.Union([Type.String(), Type.Null()]),
  customerId: CustomerIdSchema,
  subscriptionId: Type.Union([IdSchema('sub'), Type.Null()]),
  paymentId: Type.Union([IdSchema('pay'), Type.Null()]),
  lines: Type.Array(InvoiceLineView),
  subtotal: MoneySchema,
  tax: MoneySchema,
  taxes: Type.Array(TaxView),
  total: MoneySchema,
  amountPaid: MoneySchema,
  amountRefunded: MoneySchema,
  /** Came in when nothing was owed any more (late, twice): owed back to the customer. */
  amountCredited: MoneySchema,
  finalizedAt: nullableInstant,
  dueAt: nullableInstant,
  paidAt: nullableInstant,
  voidedAt: nullableInstant,
  createdAt: InstantSchema,
});
export type InvoiceViewBody = Static<typeof InvoiceView>;
