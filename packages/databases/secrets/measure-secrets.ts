import type { DatabaseCalls, DatabaseOutcome } from '../database-calls.ts';
import { MAIN_DATABASE } from '../placement.ts';
import type { SecretsEngine } from './secrets-engine.ts';
import { isAway } from './vault/refusal.ts';

/** The same engine, its calls counted like those of any other. */
export function measureSecrets(engine: SecretsEngine, calls: DatabaseCalls): SecretsEngine {
  const meter = (operation: string) => calls.meter('secrets', MAIN_DATABASE, operation);
  const [reads, writes, removals] = [meter('read'), meter('write'), meter('remove')];
  return {
    read: (tenantId, name) => reads.measure(tenantId, outcomeOf, () => engine.read(tenantId, name)),
    write: (tenantId, name, value) => writes.measure(tenantId, outcomeOf, () => engine.write(tenantId, name, value)),
    remove: (tenantId, name) => removals.measure(tenantId, outcomeOf, () => engine.remove(tenantId, name)),
  };
}

/** Of a disk that gives no answer, or a value that does not open, nothing says that it passes; of a Vault that is away something does. */
const outcomeOf = (error: unknown): DatabaseOutcome => (isAway(error) ? 'unavailable' : 'failed');
