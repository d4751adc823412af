/** The process of one contestant: nothing but its own libraries shares its heap, its event loop and its JIT. */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { contestant } from '../contestants/index.js';
import { scenario } from '../scenarios/index.js';
import type { Contestant, OpenOptions, Subject } from './contestant.js';
import type { Answer, Order } from './protocol.js';
import type { Numbers, Workbench } from './scenario.js';
import { createWorkload, type Workload } from './workload.js';

const PROFILE_INTERVAL_US = 200;

class Bench implements Workbench {
  readonly subject: Subject;
  round = 0;
  readonly #keyPrefix: string;
  readonly #workloads = new Map<number, Workload>();

  constructor(subject: Subject, { prefix }: Contestant, { namespace }: OpenOptions) {
    this.subject = subject;
    this.#keyPrefix = prefix.by === 'caller' ? namespace + prefix.separator : '';
  }

  readonly workload = (valueBytes: number): Workload => {
    let workload = this.#workloads.get(valueBytes);
    if (workload === undefined) {
      workload = createWorkload(valueBytes, this.#keyPrefix);
      this.#workloads.set(valueBytes, workload);
    }
    return workload;
  };
}

let bench: Bench | undefined;

async function obey(order: Order): Promise<Numbers> {
  if (order.type === 'open') {
    const entrant = contestant(order.contestant);
    const subject = await entrant.open(order.options);
    // Some connect with the first call, and one of them is not ready for several first calls at once.
    await subject.get('connects');
    bench = new Bench(subject, entrant, order.options);
    return {};
  }
  if (bench === undefined) throw new Error('nothing is open');
  if (order.type === 'close') {
    await bench.subject.close();
    return {};
  }
  const { prepare, measure } = scenario(order.scenario);
  if (order.type === 'prepare') {
    await prepare?.(bench, order.cell);
    return {};
  }
  bench.round += 1;
  if (order.type === 'measure') return measure(bench, order.cell, order.ms);
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: PROFILE_INTERVAL_US });
  await session.post('Profiler.start');
  const numbers = await measure(bench, order.cell, order.ms);
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  writeFileSync(order.file, JSON.stringify(profile));
  return numbers;
}

const answer = (message: Answer) => process.send?.(message);

process.on('message', (order: Order) => {
  obey(order).then(
    (numbers) => answer({ type: 'done', numbers }),
    (error) =>
      answer({ type: 'failed', error: error instanceof Error ? (error.stack ?? '') : String(error) }),
  );
});
// Whoever asked is gone.
process.on('disconnect', () => process.exit());
