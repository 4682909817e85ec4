import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { commandLine } from '../embedded/process-identity.ts';

/** Who listens on a port, as far as we are allowed to know: `pid 123: node server.js`. */
export function portHolder(port: number): string | undefined {
  const pid = process.platform === 'linux' ? holderFromProc(port) : holderFromLsof(port);
  if (pid === undefined) return undefined;
  const command = commandLine(pid) ?? '';
  return `pid ${pid}${command === '' ? '' : `: ${command.slice(0, 120)}`}`;
}

function holderFromLsof(port: number): number | undefined {
  const asked = spawnSync('lsof', ['-nP', '-t', `-iTCP:${port}`, '-sTCP:LISTEN'], { encoding: 'utf8' });
  const pid = Number.parseInt(asked.stdout ?? '', 10);
  return Number.isInteger(pid) ? pid : undefined;
}

// proc(5): /proc/net/tcp gives the socket's inode, and every process's fd folder links to the sockets it holds.
function holderFromProc(port: number): number | undefined {
  const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeningInodes(table, port)));
  if (inodes.size === 0) return undefined;
  return listFolder('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => listFolder(`/proc/${pid}/fd`).some((fd) => inodes.has(linkTarget(`/proc/${pid}/fd/${fd}`))));
}

function listeningInodes(table: string, port: number): string[] {
  const LISTENING = '0A';
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readTable(table)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) === true && fields[3] === LISTENING)
    .map((fields) => `socket:[${fields[9]}]`);
}

function readTable(table: string): string[] {
  try {
    return readFileSync(table, 'utf8').split('\n').slice(1);
  } catch {
    return [];
  }
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkTarget(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}
