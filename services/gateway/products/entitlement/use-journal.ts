import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { newUuid } from '@tenantry/kernel/id.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { CountedUse } from './give-back.ts';
import { isRunning, type ProcessName, thisProcess } from './this-process.ts';

/** Room for one use; what does not fit is not noted. */
const SLOT_BYTES = 512;
const FREE = Buffer.from('-');
const SUFFIX = '.uses';

/** A use that is noted. */
export type NotedUse = {
  /** It is settled: the product may hear of it from here on, or it has been given back. */
  readonly settle: () => void;
};

const UNNOTED: NotedUse = { settle: () => undefined };

const fileOf = (folder: string, { machine, pid, startedAt }: ProcessName): string =>
  join(folder, `${machine}.${pid}.${startedAt}.${newUuid()}${SUFFIX}`);

/**
 * The uses that this process has asked to be counted and has sent to nobody yet, in a file of its own. It is written to and
 * never flushed: what a killed process wrote is in the kernel's memory, and what is lost with the machine is not believed
 * (the file names the machine and its start). So a note costs a few microseconds, and only where a use is counted at all.
 *
 * A note is struck out before the first byte goes to a product. Whatever stands here when its process is dead has therefore
 * reached nobody; what is not here may have.
 */
export class UseJournal {
  readonly #file: string | null;
  readonly #logger: Logger;
  readonly #free: number[] = [];
  #slots = 0;
  #fd: number | null = null;

  /** @param folder of all processes of this machine; null notes nothing */
  constructor(folder: string | null, logger: Logger) {
    const process_ = folder === null ? null : thisProcess();
    this.#logger = logger;
    this.#file = folder === null || process_ === null ? null : fileOf(folder, process_);
    if (folder === null || this.#file === null) return;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      this.#fd = openSync(this.#file, 'w+', 0o600);
    } catch (error) {
      logger.warn({ err: error }, 'uses in hand are not noted; those of a killed gateway stay counted');
    }
  }

  /** Before it is counted. */
  note(use: CountedUse): NotedUse {
    const text = Buffer.from(`${JSON.stringify(use)}\n`);
    if (this.#fd === null || text.length > SLOT_BYTES) return UNNOTED;
    const slot = this.#free.pop() ?? this.#slots++;
    if (!this.#write(text, slot)) return UNNOTED;
    let isSettled = false;
    return {
      settle: () => {
        if (isSettled) return;
        isSettled = true;
        if (this.#write(FREE, slot)) this.#free.push(slot);
      },
    };
  }

  /** What is still noted stays for whoever comes next: it could not be given back before the end. */
  close(): void {
    if (this.#fd === null || this.#file === null) return;
    closeSync(this.#fd);
    this.#fd = null;
    if (this.#free.length === this.#slots) rmSync(this.#file, { force: true });
  }

  /** A note that cannot be struck out would give back what may have been used: then there are to be none at all. */
  #write(bytes: Buffer, slot: number): boolean {
    if (this.#fd === null) return false;
    try {
      writeSync(this.#fd, bytes, 0, bytes.length, slot * SLOT_BYTES);
      return true;
    } catch (error) {
      this.#logger.error(
        { err: error },
        'uses in hand cannot be noted any more; those of a killed gateway stay counted',
      );
      this.#discard();
      return false;
    }
  }

  #discard(): void {
    const fd = this.#fd;
    this.#fd = null;
    if (fd === null || this.#file === null) return;
    try {
      ftruncateSync(fd, 0);
      rmSync(this.#file, { force: true });
      closeSync(fd);
    } catch (error) {
      this.#logger.error(
        { err: error, file: this.#file },
        'this file has to be removed: it may give back what was used',
      );
    }
  }
}

/** What dead processes of this machine had in hand. Each file is one's who takes it, until `forget` or its own death. */
export function takeJournals(
  folder: string,
): readonly { readonly uses: readonly CountedUse[]; readonly forget: () => void }[] {
  const me = thisProcess();
  if (me === null) return [];
  return listFiles(folder).flatMap((name) => {
    const owner = ownerOf(name);
    if (owner === null || owner.machine !== me.machine || isRunning(owner)) return [];
    const mine = fileOf(folder, me);
    try {
      renameSync(join(folder, name), mine);
      return [{ uses: readUses(readFileSync(mine)), forget: () => rmSync(mine, { force: true }) }];
    } catch {
      return []; // another process was there first
    }
  });
}

function listFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(SUFFIX));
  } catch {
    return [];
  }
}

function ownerOf(name: string): ProcessName | null {
  const [, machine, pid, startedAt] = /^(.+?-[0-9a-f-]{36})\.(\d+)\.(\d+)\./.exec(name) ?? [];
  return machine === undefined || startedAt === undefined ? null : { machine, pid: Number(pid), startedAt };
}

function readUses(bytes: Buffer): readonly CountedUse[] {
  const uses: CountedUse[] = [];
  for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
    const end = bytes.indexOf('\n', at);
    if (bytes[at] !== 0x7b || end === -1 || end >= at + SLOT_BYTES) continue; // struck out, or half written
    try {
      uses.push(JSON.parse(bytes.toString('utf8', at, end)) as CountedUse);
    } catch {
      // The end of it was never written: its count was not asked for.
    }
  }
  return uses;
}
