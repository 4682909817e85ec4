import { readdirSync, readFileSync } from 'node:fs';
import { expectAnswer } from '@tenantry/deploy/demo/api.ts';
import { createMainJob } from '@tenantry/deploy/demo/main-job.ts';
import {
  type LaunchedSystem,
  launchSystem,
  SYSTEM_OPERATOR_PASSWORD,
} from '@tenantry/tests/support/launched-system.ts';
import { summarize, timeInTurn } from '../statistics.ts';
import { ms, type Row } from '../table.ts';

const SERVICES = ['hub', 'users', 'subscriptions', 'payments', 'notifications', 'billing', 'gateway'];
const SINGLE = ['single'];
const ROUNDS = 20;
const READS = 400;
const WITHOUT_LIMITS = {
  RATE_LIMIT_TENANT_PER_SECOND: '1000000',
  RATE_LIMIT_PRINCIPAL_PER_SECOND: '1000000',
  RATE_LIMIT_ADDRESS_PER_SECOND: '1000000',
};

/**
 * The same services as seven programs and as one, each with stores of its own, both up at the same time and asked in turn:
 * what they take of memory before and after the same work, and how long the main job takes a client.
 */
export async function singleRows(): Promise<Row[]> {
  const several = await launchSystem(WITHOUT_LIMITS);
  const single = await launchSystem(WITHOUT_LIMITS, ['--single']).catch(async (error: unknown) => {
    await several.destroy();
    throw error;
  });
  try {
    const before = [memoryMb(several, SERVICES), memoryMb(single, SINGLE)] as const;
    const [one, other] = [await createClient(several), await createClient(single)];
    const orders: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      orders[0].push(await one.order());
      orders[1].push(await other.order());
    }
    const [severalOrder, singleOrder] = orders.map(summarize) as [
      ReturnType<typeof summarize>,
      ReturnType<typeof summarize>,
    ];
    const [severalRead, singleRead] = await timeInTurn(READS, one.read, other.read);
    const after = [memoryMb(several, SERVICES), memoryMb(single, SINGLE)] as const;
    const against = (a: number, b: number): string => `${(a / b).toFixed(2)} x the seven programs'`;
    return [
      memory('Memory of one process, MB: started', before),
      memory('Memory of one process, MB: after the work below', after),
      {
        what: 'Subscribe (gateway, subscriptions, billing, payments), one process',
        p50: ms(singleOrder.p50),
        p99: ms(singleOrder.p99),
        ratio: against(singleOrder.p50, severalOrder.p50),
        budget: '',
      },
      {
        what: 'GET /v1/me, one process',
        p50: ms(singleRead.p50),
        p99: ms(singleRead.p99),
        ratio: against(singleRead.p50, severalRead.p50),
        budget: '50 ms',
      },
    ];
  } finally {
    await Promise.all([several.destroy(), single.destroy()]);
  }
}

const memory = (what: string, [several, single]: readonly [number, number]): Row => ({
  ...{ what, p50: String(single), p99: '' },
  ratio: `${(single / several).toFixed(2)} x the seven programs' (${several} MB)`,
  budget: '',
});

async function createClient(system: LaunchedSystem) {
  const job = createMainJob(system.addresses);
  const operator = await job.loginOperator(SYSTEM_OPERATOR_PASSWORD);
  const tenant = await job.createTenant(operator.token, 'bench');
  let customers = 0;
  const newCustomer = async () => {
    const email = `budi-${++customers}@example.com`;
    return job.verify(tenant, email, await job.register(tenant, email));
  };
  const reader = await newCustomer();
  const planId = await job.findPlan(reader.token, 'pro');
  return {
    /** Milliseconds until the customer has the number to pay to; the rest of the job goes on in events. */
    order: async (): Promise<number> => {
      const customer = await newCustomer();
      const startedMs = performance.now();
      const order = await job.subscribe(customer, planId);
      const tookMs = performance.now() - startedMs;
      await job.pay(order);
      await job.awaitOutcome(customer, order);
      return tookMs;
    },
    read: () => expectAnswer(200, `${system.addresses.gateway}/v1/me`, 'GET', { token: reader.token }),
  };
}

/**
 * Of these programs and of what they have started, as the gateway starts its workers. Pages that several share are divided
 * among them (proc_pid_smaps(5), Pss): counted whole in each, as resident memory is, the program itself would count seven times.
 */
function memoryMb(system: LaunchedSystem, names: readonly string[]): number {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const ppid = readField(pid, 'status', 'PPid');
    if (ppid !== null) parents.set(pid, ppid);
  }
  const ours = new Set(names.map((name) => system.pidOf(name)));
  for (let isNew = true; isNew; ) {
    isNew = false;
    for (const [pid, ppid] of parents)
      if (ours.has(ppid) && !ours.has(pid)) {
        ours.add(pid);
        isNew = true;
      }
  }
  const kilobytes = [...ours].reduce((sum, pid) => sum + (readField(pid, 'smaps_rollup', 'Pss') ?? 0), 0);
  return Math.round(kilobytes / 1_024);
}

/** Null for a process that has just ended. */
function readField(pid: number, file: string, field: string): number | null {
  try {
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1] ?? 0);
  } catch {
    return null;
  }
}
