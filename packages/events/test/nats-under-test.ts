import { join } from 'node:path';
import { findNewerNats } from '@tenantry/deploy/embedded/newer-nats.ts';
import type { ServerProgram } from '@tenantry/deploy/embedded/server-programs.ts';
import { inject } from 'vitest';

export const serversDir =
  process.env['TENANTRY_SERVERS_DIR'] ?? join(import.meta.dirname, '../../../.tenantry/servers');

type UnderTest = { readonly url: string; readonly program: ServerProgram };
let other: UnderTest | null = null;

/** The server that a suite runs on: the one of the whole run, unless its file was told of another one before. */
export const natsUrl = (): string => other?.url ?? inject('natsUrl');
/** What a private one is started from; undefined for what machines have. */
export const natsProgram = (): ServerProgram | undefined => other?.program;

export function testOn(server: UnderTest): void {
  other = server;
}

/** Beside what machines have the newer one, where there is one. */
export function newerNats(): ServerProgram | undefined {
  const found = findNewerNats(serversDir);
  if (found === undefined)
    console.error('The newer NATS server is left out: get it with node boot.mjs deploy/fetch-nats.ts.');
  return found;
}
