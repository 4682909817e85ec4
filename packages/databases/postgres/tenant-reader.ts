import type { Pool } from 'pg';
import type { Deadline } from './deadline.ts';
import { isConnectionLost, isHungUp, isStalePlan } from './errors.ts';
import { Flight } from './flight.ts';
import { type Answer, type Statement, setTenantReadOnly } from './statement.ts';
import { MAX_CONNECTIONS_TRIED, rollBack } from './tenant-transaction.ts';

/**
 * One statement as a read-only transaction of its own, in one flight: the tenant, the statement, and a Sync that ends
 * both. Read on another connection where the first hung up before it said a word, or had an outdated plan.
 */
export async function readOnce(
  pool: Pool,
  tenantUuid: string,
  statement: Statement,
  deadline: Deadline,
): Promise<Answer> {
  for (let tried = 1; ; tried++) {
    const client = await deadline.connect(pool);
    let flight: Flight | null = null;
    let isClean = false;
    try {
      // What is left of it is known only now: there may have been a queue.
      const statements = [setTenantReadOnly(tenantUuid), ...deadline.limit(), statement];
      flight = new Flight(statements, deadline.answerTimeoutMs());
      client.query(flight);
      const answer = (await flight.done).at(-1);
      // Not so after a statement that opened a transaction: it must not find its way into somebody else's.
      isClean = client.getTransactionStatus() === 'I';
      return answer as Answer;
    } catch (error) {
      const isStale = isStalePlan(error);
      const isWorthAnother = isStale || (isHungUp(error) && flight?.hasHeard === false);
      if (isWorthAnother && tried < MAX_CONNECTIONS_TRIED) continue;
      isClean = !isStale && !isConnectionLost(error) && (await rollBack(client));
      throw error;
    } finally {
      client.release(!isClean);
    }
  }
}
