import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { findOnPath } from '@tenantry/deploy/embedded/find-on-path.ts';
import { runCommand } from '@tenantry/deploy/embedded/run-command.ts';

/** Core 0 is the proxy's alone; everything else, ourselves included, is on core 1. */
export const PROXY_CORE = 0;
export const LOAD_CORE = 1;

const taskset = findOnPath('taskset', process.env['PATH'] ?? '');

/** Null where processes can be bound to cores; else why not. */
export const whyNotPinned =
  availableParallelism() < 2
    ? 'this machine has one core'
    : taskset === undefined
      ? 'there is no taskset (package util-linux)'
      : null;

/** Binds a process that runs, with all its threads, and those of its process group. */
export async function pin(pid: number, core: number): Promise<void> {
  if (whyNotPinned !== null || taskset === undefined) return;
  for (const member of membersOfGroup(pid)) await runCommand(taskset, ['-a', '-c', '-p', String(core), String(member)]);
}

/** proc(5): fields after the name, which may hold spaces and brackets itself. */
function readStat(pid: string): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

const GROUP_FIELD = 2;
const USER_TICKS_FIELD = 11;
const SYSTEM_TICKS_FIELD = 12;
/** USER_HZ: 100 in every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** The process itself, whatever its group, and those that have its id as their group's. */
function membersOfGroup(pid: number): readonly string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((each) => each === String(pid) || readStat(each)[GROUP_FIELD] === String(pid));
}

/** CPU time of a child and whatever it has started, user and system, threads included. */
export function cpuSecondsOf(pid: number): number {
  let ticks = 0;
  for (const member of membersOfGroup(pid)) {
    const fields = readStat(member);
    ticks += Number(fields[USER_TICKS_FIELD] ?? 0) + Number(fields[SYSTEM_TICKS_FIELD] ?? 0);
  }
  return ticks / TICKS_PER_SECOND;
}

export const canReadCpuTime = process.platform === 'linux';
