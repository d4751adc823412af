import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { RESTART_POLICIES, type RestartPolicy } from './history.js';
import { MODE_NAMES, type Mode } from './modes.js';
import { PARTS, type Part } from './negative-controls.js';

const USAGE = `pnpm check:failures [options]

Injects faults into servers, connections and processes while many clients use the store, then checks what they read.

  --seconds 60            total duration, shared by all modes. A mode needs about 60 seconds to have every kind of fault
  --mode failover         error, miss, failover: the stores' nodeDownPolicy
                          membership: policy error; operators add, remove and weigh servers
                          everything: policy failover; operators add, remove and weigh servers
                          all: one mode after another (default: failover)
  --restart-policy purge  the stores' restartPolicy: ${RESTART_POLICIES.join(', ')} (default: the store's own default, which is
                          purge for these servers). With keep, no server is rolled back to an old snapshot, because
                          the user accepts the loss
  --leave-out fence       the stores leave out a part of the protocol, and the check may fail:
                          ${Object.keys(PARTS).join(', ')}. Without the fence, mode membership fails within a
                          minute. For the others, the tests have schedules, because chance may need too long
  --seed text             repeats the faults and calls of an earlier run, as far as timing allows
  --processes 3           number of worker processes
  --clients 4             number of stores in each worker process
  --history file          checks the history of an earlier run instead of starting one`;

export interface CheckerOptions {
  readonly seconds: number;
  readonly modes: readonly Mode[];
  readonly restartPolicy: RestartPolicy | undefined;
  readonly leftOut: Part | undefined;
  readonly seed: string;
  readonly processCount: number;
  readonly clientCount: number;
  readonly historyFile: string | undefined;
}

/** With `--help`, prints the usage and exits. @throws Error for an unknown option or an invalid value */
export function parseOptions(args: readonly string[]): CheckerOptions {
  const { values } = parseArgs({
    args: args.filter((arg) => arg !== '--'),
    options: {
      help: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '60' },
      mode: { type: 'string', default: 'failover' },
      'restart-policy': { type: 'string' },
      'leave-out': { type: 'string' },
      seed: { type: 'string', default: String(randomInt(1_000_000)) },
      processes: { type: 'string', default: '3' },
      clients: { type: 'string', default: '4' },
      history: { type: 'string' },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit();
  }
  const { mode, 'restart-policy': restartPolicy, 'leave-out': leftOut } = values;
  return {
    seconds: positiveInteger('--seconds', values.seconds),
    modes: mode === 'all' ? MODE_NAMES : [oneOf('--mode', MODE_NAMES, mode)],
    restartPolicy:
      restartPolicy === undefined ? undefined : oneOf('--restart-policy', RESTART_POLICIES, restartPolicy),
    leftOut: leftOut === undefined ? undefined : oneOf('--leave-out', Object.keys(PARTS) as Part[], leftOut),
    seed: values.seed,
    processCount: positiveInteger('--processes', values.processes),
    clientCount: positiveInteger('--clients', values.clients),
    historyFile: values.history,
  };
}

function oneOf<T extends string>(name: string, allowed: readonly T[], value: string): T {
  if (allowed.includes(value as T)) return value as T;
  throw new Error(`${name}: expected one of ${allowed.join(', ')}, got ${value}`);
}

function positiveInteger(name: string, value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new Error(`${name}: expected a whole number of at least 1, got ${value}`);
}
