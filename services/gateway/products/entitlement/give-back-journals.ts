import type { Logger } from '@tenantry/kit/logger.ts';
import type { GiveBacks } from './give-backs.ts';
import { takeJournals } from './use-journal.ts';

/** What killed processes of this machine had in hand and had sent to nobody is given back; each note until it is. */
export function giveBackJournals(folder: string, giveBacks: Pick<GiveBacks, 'add'>, logger: Logger): void {
  for (const { uses, forget } of takeJournals(folder)) {
    let left = uses.length;
    if (left === 0) forget();
    else logger.info({ uses: left }, 'uses that a killed gateway had in hand are given back');
    for (const use of uses)
      giveBacks.add(use, () => {
        if (--left === 0) forget();
      });
  }
}
