import type { LocalDoors } from '@tenantry/mesh/local-doors.ts';
import type { MeshDoorCounts } from '../lifecycle/mesh-door-counts.ts';
import type { Logger } from '../logger.ts';
import type { Answering } from './answering.ts';
import { createLinkHandler } from './link-handler.ts';
import { RouteFinder } from './route-finder.ts';

/** Well within what a process has for its end. */
const DRAIN_MS = 5_000;
/** What a call over a socket of this machine would come from. */
const HERE = '127.0.0.1';

/** Answers the calls of the other services in this process as if they came over a link. Answers with how to close it. */
export function openLocalDoor(
  doors: LocalDoors,
  instanceId: string,
  answering: Answering,
  logger: Logger,
  counts?: MeshDoorCounts,
): () => Promise<void> {
  const finder = new RouteFinder(answering.routes);
  const door = doors.open(instanceId, {
    handlerFor: (peer) => {
      const answer = createLinkHandler(answering, finder, { peer, remoteAddress: HERE });
      return (call) => {
        counts?.calledLocally(peer.service);
        answer(call);
      };
    },
    onFault: (fault) => logger.error({ err: fault }, 'a call could not be answered'),
  });
  return () => door.drain(DRAIN_MS);
}
