import { deriveClusterToken } from '@tenantry/databases/credentials.ts';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import type { Logger } from '../logger.ts';

export const HEARTBEAT_MS = 2_000;
const RETRY_MS = 500;

/** What an instance says of itself; generation and time of registration are the hub's. */
export type InstanceAnnouncement = Omit<InstanceRecord, 'generation' | 'registeredAt' | 'status'>;

export type Registration = {
  /** Resolves with the first acceptance. */
  readonly accepted: Promise<void>;
  readonly leave: () => Promise<void>;
};

/**
 * Keeps this instance in the registry: registers, beats, and registers again with its full record whenever the hub does
 * not know it (any more), so that a hub that lost everything heals in one beat.
 */
export function registerWithHub(options: {
  readonly hubUrl: string;
  readonly masterKey: string;
  readonly announcement: InstanceAnnouncement;
  readonly logger: Logger;
}): Registration {
  const { announcement, logger } = options;
  const base = `${options.hubUrl}/v1/registry/instances`;
  const authorization = `Bearer ${deriveClusterToken(options.masterKey)}`;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let accept: () => void = () => undefined;
  const accepted = new Promise<void>((resolve) => {
    accept = resolve;
  });

  const request = (method: string, path: string, body?: unknown): Promise<Response> =>
    fetch(`${base}${path}`, {
      method,
      headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      signal: AbortSignal.timeout(2_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  const beat = async (registered: boolean): Promise<boolean> => {
    if (registered) {
      const answer = await request('PUT', `/${announcement.instanceId}/heartbeat`);
      if (answer.ok) return true;
      if (answer.status !== 404) throw new Error(`heartbeat answered ${answer.status}`);
    }
    const answer = await request('POST', '', announcement);
    if (!answer.ok) throw new Error(`registration answered ${answer.status}: ${await answer.text()}`);
    logger.info({ url: announcement.url }, 'registered with the hub');
    accept();
    return true;
  };

  const loop = (registered: boolean): void => {
    if (stopped) return;
    beat(registered).then(
      () => {
        timer = setTimeout(() => loop(true), HEARTBEAT_MS);
      },
      (error: unknown) => {
        logger.warn({ err: error }, 'the hub cannot be reached; going on without it');
        timer = setTimeout(() => loop(registered), RETRY_MS);
      },
    );
  };
  loop(false);

  return {
    accepted,
    async leave() {
      stopped = true;
      clearTimeout(timer);
      await request('DELETE', `/${announcement.instanceId}`).catch(() => undefined);
    },
  };
}
