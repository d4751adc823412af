import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { MODES, type Mode, RESTART_POLICIES, type RestartPolicy } from './history.js';

const USAGE = `pnpm check:failures [options]

Injects faults into servers and connections while many clients use the store, then checks what they read.

  --seconds 60            total duration, shared by all modes
  --mode miss             the stores' nodeDownPolicy: ${MODES.join(', ')}, or all to test one after another
                          (default: the store's own default, checked as error)
  --restart-policy purge  the stores' restartPolicy: ${RESTART_POLICIES.join(', ')}
                          (default: the store's own default, which is purge for these servers)
  --no-hints              the stores record no hints; the check must fail
  --seed text             repeats the faults and calls of an earlier run, as far as timing allows
  --processes 3           number of worker processes
  --clients 4             number of stores in each worker process
  --history file          checks the history of an earlier run instead of starting one`;

export interface CheckerOptions {
  readonly seconds: number;
  /** Undefined means the store's own default. */
  readonly modes: readonly (Mode | undefined)[];
  readonly restartPolicy: RestartPolicy | undefined;
  readonly hints: boolean;
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
      mode: { type: 'string' },
      'restart-policy': { type: 'string' },
      'no-hints': { type: 'boolean', default: false },
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
  const { mode, 'restart-policy': restartPolicy } = values;
  return {
    seconds: positiveInteger('--seconds', values.seconds),
    modes: mode === 'all' ? MODES : [oneOf('--mode', MODES, mode)],
    restartPolicy: oneOf('--restart-policy', RESTART_POLICIES, restartPolicy),
    hints: !values['no-hints'],
    seed: values.seed,
    processCount: positiveInteger('--processes', values.processes),
    clientCount: positiveInteger('--clients', values.clients),
    historyFile: values.history,
  };
}

function oneOf<T extends string>(
  name: string,
  allowed: readonly T[],
  value: string | undefined,
): T | undefined {
  if (value === undefined || allowed.includes(value as T)) return value as T | undefined;
  throw new Error(`${name}: expected one of ${allowed.join(', ')}, got ${value}`);
}

function positiveInteger(name: string, value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new Error(`${name}: expected a whole number of at least 1, got ${value}`);
}
