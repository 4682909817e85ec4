import { type Money, type MoneyView, parseMoney } from '@tenantry/kernel/money.ts';
import { validationFailed } from '@tenantry/kernel/problems.ts';

/** An amount as somebody sent it: it has the form of one, but perhaps decimals that its currency does not use. */
export function readMoney(view: MoneyView): Money {
  try {
    return parseMoney(view);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw validationFailed(`The amount is not valid: ${error.message}`, {
      errors: [{ path: '/amount/amount', message: `must be an amount in ${view.currency}` }],
    });
  }
}
