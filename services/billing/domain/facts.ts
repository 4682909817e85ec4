import { formatInstant, parseInstant } from '@tenantry/kernel/instant.ts';
import { parseMoney, toMoneyView } from '@tenantry/kernel/money.ts';
import type { LineFact, TaxFact } from './invoice-events.ts';
import type { InvoiceLine } from './invoice-line.ts';
import type { Tax } from './tax.ts';

/** Lines and taxes as plain JSON and back: what events and rows hold, and what the rules work with. */
export const toLineFact = (line: InvoiceLine): LineFact => ({
  description: line.description,
  quantity: line.quantity,
  unitPrice: toMoneyView(line.unitPrice),
  amount: toMoneyView(line.amount),
  period:
    line.period === null ? null : { start: formatInstant(line.period.start), end: formatInstant(line.period.end) },
});

export const fromLineFact = (fact: LineFact): InvoiceLine => ({
  description: fact.description,
  quantity: fact.quantity,
  unitPrice: parseMoney(fact.unitPrice),
  amount: parseMoney(fact.amount),
  period: fact.period === null ? null : { start: parseInstant(fact.period.start), end: parseInstant(fact.period.end) },
});

export const toTaxFact = (tax: Tax): TaxFact => ({
  name: tax.name,
  rate: tax.rate,
  base: toMoneyView(tax.base),
  otherBase: tax.otherBase === null ? null : toMoneyView(tax.otherBase),
  amount: toMoneyView(tax.amount),
});

export const fromTaxFact = (fact: TaxFact): Tax => ({
  name: fact.name,
  rate: fact.rate,
  base: parseMoney(fact.base),
  otherBase: fact.otherBase === null ? null : parseMoney(fact.otherBase),
  amount: parseMoney(fact.amount),
});
