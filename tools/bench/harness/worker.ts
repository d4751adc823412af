/**
 * One contestant's process. Only that contestant's libraries use its heap, event loop and JIT.
 *
 * Run: only by contestant-process.ts, which sends requests over IPC.
 * Output: one response over IPC per request.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { createWorkload, type Workload } from '../../shared/workload.js';
import { contestant } from '../contestants/index.js';
import { scenario } from '../scenarios/index.js';
import type { Contestant, OpenOptions, Subject } from './contestant.js';
import type { Request, Response } from './protocol.js';
import type { MeasureContext, MetricValues } from './scenario.js';

const PROFILE_INTERVAL_US = 200;

class WorkerContext implements MeasureContext {
  readonly subject: Subject;
  round = 0;
  readonly #keyPrefix: string;
  readonly #workloads = new Map<number, Workload>();

  constructor(subject: Subject, { prefix }: Contestant, { namespace }: OpenOptions) {
    this.subject = subject;
    this.#keyPrefix = prefix.addedBy === 'caller' ? namespace + prefix.separator : '';
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

let context: WorkerContext | undefined;

async function handle(request: Request): Promise<MetricValues> {
  if (request.type === 'open') {
    const entrant = contestant(request.contestant);
    const subject = await entrant.open(request.options);
    // Some contestants connect on their first call. One of these contestants fails if other calls arrive
    // before it is connected, so the first call is made alone.
    await subject.get('connects');
    context = new WorkerContext(subject, entrant, request.options);
    return {};
  }
  if (context === undefined) throw new Error(`request "${request.type}" came before "open"`);
  const { prepare, measure } = scenario(request.scenario);
  if (request.type === 'prepare') {
    await prepare?.(context, request.cell);
    return {};
  }
  context.round += 1;
  if (request.type === 'measure') return measure(context, request.cell, request.ms);
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: PROFILE_INTERVAL_US });
  await session.post('Profiler.start');
  const values = await measure(context, request.cell, request.ms);
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  writeFileSync(request.file, JSON.stringify(profile));
  return values;
}

const respond = (response: Response) => process.send?.(response);

process.on('message', (request: Request) => {
  handle(request).then(
    (values) => respond({ type: 'done', values }),
    (error) =>
      respond({ type: 'failed', error: error instanceof Error ? (error.stack ?? '') : String(error) }),
  );
});
// The bench has exited or wants this process to stop.
process.on('disconnect', () => process.exit());
