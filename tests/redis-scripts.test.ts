import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

// DragonflyDB speaks Redis's protocol, but: scripts may touch declared keys only, it runs Lua 5.4 where Redis runs 5.1,
// and it knows fewer commands (dragonflydb.io/docs: "Scripting with Lua", "Dragonfly API Compatibility").
const ROOT = fileURLToPath(new URL('../', import.meta.url));

const sources = ['packages', 'services']
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
  )
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !/node_modules|\/test\//.test(path))
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));

/** Scripts are texts between backticks that call Redis. */
const scripts = sources.flatMap(({ path, text }) =>
  [...text.matchAll(/`([^`]*\bredis\.p?call\([^`]*)`/g)].map(([, script = '']) => ({ path, script })),
);

/** What scripts of ours use, all of it fully supported there. A new one is looked up before it is added. */
const SUPPORTED = new Set(['DEL', 'GET', 'HDEL', 'HGETALL', 'HSET', 'INCR', 'PEXPIRE', 'PTTL', 'SET', 'TIME']);
const WITHOUT_KEY = new Set(['TIME']);

type Call = { readonly command: string; readonly key: string | undefined };

const callsOf = (script: string): readonly Call[] =>
  [...script.matchAll(/\bredis\.p?call\(\s*'(\w+)'\s*(?:,\s*([\w[\]]+|'[^']*')\s*)?[,)]/g)].map(
    ([, command = '', key]) => ({
      command: command.toUpperCase(),
      key,
    }),
  );

const faultsOf = (script: string): readonly string[] => {
  const calls = callsOf(script);
  const loopsOverKeys = [...script.matchAll(/for \w+, (\w+) in ipairs\(KEYS\)/g)].map(([, name]) => name);
  const faults = calls.flatMap(({ command, key }) => {
    const isDeclared =
      key === undefined ? WITHOUT_KEY.has(command) : /^KEYS\[\w+\]$/.test(key) || loopsOverKeys.includes(key);
    return [
      ...(SUPPORTED.has(command) ? [] : [`${command} is not known to be supported`]),
      ...(isDeclared ? [] : [`${command} takes ${key ?? 'a key'} that is not one of KEYS`]),
    ];
  });
  if ([...script.matchAll(/\bredis\./g)].length !== calls.length)
    faults.push('redis is used in a way that cannot be read');
  for (const gone of ['unpack(', 'table.getn', 'loadstring', 'math.pow', "'%d'"])
    if (script.replaceAll('table.unpack(', '').includes(gone)) faults.push(`${gone} means something else in Lua 5.4`);
  return faults;
};

describe('Scripts for Redis', () => {
  it('are all found', () => {
    // Every place that runs one has its text, or runs it through the one function that takes a text.
    const runners = sources
      .filter(({ text }) => /\.(eval|evalsha)\(|\bdefineScript\(/.test(text))
      .map(({ path }) => path);
    const places = new Set(scripts.map(({ path }) => path));
    expect(runners.filter((path) => !places.has(path))).toEqual(['services/gateway/run-script.ts']);
    expect(scripts).toHaveLength(5);
  });

  it.each(scripts)('run on DragonflyDB as well: $path', ({ script }) => {
    expect(faultsOf(script)).toEqual([]);
  });

  it.each([
    ["redis.call('GET', KEYS[1] .. ':more')", 'GET takes a key that is not one of KEYS'],
    ["redis.call('GET', ARGV[1])", 'GET takes ARGV[1] that is not one of KEYS'],
    ["redis.call('GET', 'a')", "GET takes 'a' that is not one of KEYS"],
    ["redis.call('OBJECT', KEYS[1])", 'OBJECT is not known to be supported'],
    ['redis.replicate_commands()', 'redis is used'],
    ['redis.call(ARGV[1], KEYS[1])', 'redis is used'],
    ["redis.call('SET', KEYS[1], unpack(ARGV))", 'unpack( means something else'],
  ])('would be found out: %s', (script, fault) => {
    expect(faultsOf(script).join()).toContain(fault);
  });
});
