import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { freePort, isPortFree } from '../embedded/free-port.ts';

/** Stores stay on the port they first got, so that a shell or a browser tab on one of them survives a restart. */
export class RememberedPorts {
  readonly #file: string;
  readonly #ports: Map<string, number>;

  constructor(file: string) {
    this.#file = file;
    this.#ports = readRememberedPorts(file);
  }

  async portFor(name: string): Promise<number> {
    const known = this.#ports.get(name);
    if (known !== undefined && (await isPortFree(known))) return known;
    const port = await freePort();
    this.#ports.set(name, port);
    writeFileSync(this.#file, `${JSON.stringify(Object.fromEntries(this.#ports), null, 2)}\n`, { mode: 0o600 });
    return port;
  }
}

/** A file that was cut short or edited wrongly costs only new ports. */
export function readRememberedPorts(file: string): Map<string, number> {
  if (!existsSync(file)) return new Map();
  try {
    const kept: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof kept !== 'object' || kept === null) return new Map();
    return new Map(Object.entries(kept).filter((entry): entry is [string, number] => Number.isInteger(entry[1])));
  } catch {
    return new Map();
  }
}
