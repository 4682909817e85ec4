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
  /** Once, however often it is called. */
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

  let isAway = false;
  let beating = Promise.resolve();
  const loop = (registered: boolean): void => {
    if (stopped) return;
    beating = beat(registered).then(
      () => {
        isAway = false;
        next(true, HEARTBEAT_MS);
      },
      (error: unknown) => {
        // Once per outage: at this pace more would bury everything else.
        if (!isAway) logger.warn({ err: error }, 'the hub cannot be reached; going on without it');
        isAway = true;
        next(registered, RETRY_MS);
      },
    );
  };
  const next = (registered: boolean, delayMs: number): void => {
    if (!stopped) timer = setTimeout(() => loop(registered), delayMs);
  };
  loop(false);

  const leave = async (): Promise<void> => {
    stopped = true;
    clearTimeout(timer);
    // A registration under way would otherwise arrive after our leave and stand until its lease ran out.
    await beating;
    await request('DELETE', `/${announcement.instanceId}`).catch(() => undefined);
  };
  let left: Promise<void> | undefined;
  return { accepted, leave: () => (left ??= leave()) };
}
