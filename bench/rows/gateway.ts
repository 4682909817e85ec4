import { issuePassport, PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import { grantsOf } from '@tenantry/auth/permissions.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import autocannon from 'autocannon';
import { Agent, request } from 'undici';
import type { Stand } from '../stand.ts';
import { timeInTurn } from '../statistics.ts';
import { ms, type Row } from '../table.ts';

const SLICE_SECONDS = 2;
const SLICES = 4;
const PATH = '/v1/me';

/**
 * The same read through the gateway and straight at the service that answers it (with a passport, as the gateway would
 * send). Neighbouring slices, so that the machine's moods hit both.
 */
export async function gatewayRows(stand: Stand): Promise<Row[]> {
  const gatewayUrl = `${stand.system.addresses.gateway}${PATH}`;
  const directUrl = `${stand.serviceUrl(8021)}${PATH}`;
  const bearer = { authorization: `Bearer ${stand.customer.token}` };
  const passport = (): Record<string, string> => ({
    [PASSPORT_HEADER]: issuePassport(
      stand.gatewayKey,
      {
        kind: 'user',
        tenantId: stand.tenant.id as TenantId,
        id: stand.customer.id,
        grants: grantsOf(['member'], false),
        roles: ['member'],
        sessionId: null,
        onBehalfOf: null,
      },
      Math.floor(Date.now() / 1_000),
    ),
  });

  const agent = new Agent({ connections: 1 });
  const get = async (url: string, headers: Record<string, string>): Promise<void> => {
    const answer = await request(url, { headers, dispatcher: agent });
    if (answer.statusCode !== 200) throw new Error(`${url} answered ${answer.statusCode}`);
    await answer.body.dump();
  };
  const fixed = passport();
  const [through, direct] = await timeInTurn(
    1_500,
    () => get(gatewayUrl, bearer),
    () => get(directUrl, fixed),
  );
  await agent.close();

  const rates: { through: number[]; direct: number[]; p99: number[] } = { through: [], direct: [], p99: [] };
  for (let slice = 0; slice < SLICES; slice++) {
    const [a, b] = [await load(gatewayUrl, bearer), await load(directUrl, passport())];
    rates.through.push(a.requests.average);
    rates.p99.push(a.latency.p99);
    rates.direct.push(b.requests.average);
  }
  const [throughRate, directRate] = [median(rates.through), median(rates.direct)];
  return [
    {
      what: 'GET /v1/me through the gateway, 1 connection',
      p50: ms(through.p50),
      p99: ms(through.p99),
      ratio: `${(through.p50 / direct.p50).toFixed(2)} x direct (${ms(direct.p50)}); adds ${ms(through.p50 - direct.p50)} ms p50`,
      budget: '32 ms gateway, 50 ms API',
    },
    {
      what: `GET /v1/me through the gateway, 32 connections: ${Math.round(throughRate)} requests/s`,
      p50: '-',
      p99: ms(median(rates.p99)),
      ratio: `${(throughRate / directRate).toFixed(2)} of direct (${Math.round(directRate)} requests/s)`,
      budget: '-',
    },
  ];
}

async function load(url: string, headers: Record<string, string>) {
  const result = await autocannon({ url, headers, connections: 32, duration: SLICE_SECONDS });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${url}: ${result.non2xx} refused, ${result.errors} failed`);
  return result;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
