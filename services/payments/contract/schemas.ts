import { Closed, CustomerIdSchema, IdSchema, InstantSchema, MoneySchema, OneOf } from '@tenantry/contract/schemas.ts';
import { type Static, Type } from 'typebox';

export const BankSchema = OneOf(['bca', 'bni', 'bri', 'permata']);

export const PaymentMethodSchema = Type.Union([
  Closed({ type: Type.Literal('bank_transfer'), bank: BankSchema }),
  Closed({ type: Type.Literal('qris') }),
  Closed({ type: Type.Literal('gopay') }),
]);
export type PaymentMethod = Static<typeof PaymentMethodSchema>;

export const PAYMENT_STATUSES = [
  'processing',
  'pending',
  'review',
  'authorized',
  'settled',
  'denied',
  'canceled',
  'expired',
  'partially_refunded',
  'refunded',
  'reversed',
  'charged_back',
] as const;
export type PaymentStatus = (typeof PAYMENT_STATUSES)[number];
export const PaymentStatusSchema = OneOf(PAYMENT_STATUSES);

/** How to pay: of a bank transfer the virtual account, of QRIS the code, of GoPay the link. */
export const InstructionsSchema = Type.Union([
  Closed({ bank: BankSchema, vaNumber: Type.String() }),
  Closed({ qrString: Type.String(), qrImageUrl: Type.Union([Type.String(), Type.Null()]) }),
  Closed({ deeplinkUrl: Type.String(), qrImageUrl: Type.Union([Type.String(), Type.Null()]) }),
]);
export type Instructions = Static<typeof InstructionsSchema>;

const nullable = <const T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

export const PaymentView = Closed({
  id: IdSchema('pay'),
  status: PaymentStatusSchema,
  amount: MoneySchema,
  refundedAmount: MoneySchema,
  method: PaymentMethodSchema,
  instructions: nullable(InstructionsSchema),
  invoiceId: IdSchema('inv'),
  customerId: CustomerIdSchema,
  expiresAt: nullable(InstantSchema),
  settledAt: nullable(InstantSchema),
  createdAt: InstantSchema,
});
export type PaymentViewBody = Static<typeof PaymentView>;

export const RefundView = Closed({
  id: IdSchema('rfd'),
  paymentId: IdSchema('pay'),
  status: Type.Union([Type.Literal('processing'), Type.Literal('succeeded'), Type.Literal('failed')]),
  amount: MoneySchema,
  reason: Type.String(),
  createdAt: InstantSchema,
});
