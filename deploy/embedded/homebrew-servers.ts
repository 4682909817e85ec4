import { join } from 'node:path';
import { findOnPath } from './find-on-path.ts';
import { runCommand } from './run-command.ts';
import type { FindServersOptions, ServerPrograms } from './server-programs.ts';
import { StartFailure } from './start-failure.ts';

/** Homebrew keeps its programs in one place and starts nothing by itself; `undefined` where there is no Homebrew. */
export async function installHomebrewServers(
  options: FindServersOptions & { readonly path: string },
): Promise<ServerPrograms | undefined> {
  const brew = findOnPath('brew', options.path);
  if (brew === undefined) return undefined;
  const env = { ...process.env, HOMEBREW_NO_AUTO_UPDATE: '1' };
  options.say?.('Installing redis and nats-server with Homebrew (once).');
  const installed = await runCommand(brew, ['install', 'redis', 'nats-server'], { env });
  if (installed.code !== 0) {
    throw new StartFailure(
      'Homebrew could not install redis and nats-server. Install them by hand, or set REDIS_URL and NATS_URL to running servers.',
      installed.stderr.trim().split('\n').slice(-8),
    );
  }
  const prefix = (await runCommand(brew, ['--prefix'], { env })).stdout.trim();
  return {
    redis: { command: join(prefix, 'bin', 'redis-server') },
    nats: { command: join(prefix, 'bin', 'nats-server') },
  };
}
