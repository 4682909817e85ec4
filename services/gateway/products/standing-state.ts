import type { PushedState } from '@tenantry/events/pushed-state.ts';
import { isStanding, type Registered } from './records.ts';

/** What is registered, without what was removed and is still there because its removal has not been told yet. */
export function standingState<Record extends Registered>(state: PushedState<Record>): PushedState<Record> {
  const orGone = (record: Record | undefined): Record | undefined =>
    record !== undefined && isStanding(record) ? record : undefined;
  return {
    ...state,
    get: (key) => orGone(state.get(key)),
    entries: () => new Map([...state.entries()].filter(([, record]) => isStanding(record))),
    onChange: (listener) => state.onChange((key, record) => listener(key, orGone(record))),
    ask: async (key) => orGone(await state.ask(key)),
    refresh: async (key) => orGone(await state.refresh(key)),
  };
}
