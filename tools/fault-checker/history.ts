/**
 * A history consists of the entries that a run records and the checker reads. Times are milliseconds from
 * clock.ts.
 */

/** Values of the store's `nodeDownPolicy` option. */
export const MODES = ['error', 'miss', 'failover'] as const;
export type Mode = (typeof MODES)[number];

/** Values of the store's `restartPolicy` option. */
export const RESTART_POLICIES = ['keep', 'purge'] as const;
export type RestartPolicy = (typeof RESTART_POLICIES)[number];

export const NODE_STATES = ['up', 'suspect', 'down', 'returning'] as const;
export type NodeState = (typeof NODE_STATES)[number];

export const SERVER_FAULTS = ['freeze', 'kill', 'restart', 'rollback'] as const;
export const NETWORK_FAULTS = ['cut', 'blackhole', 'delay', 'reset', 'truncate'] as const;
export const FAULT_KINDS = [...SERVER_FAULTS, ...NETWORK_FAULTS] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** First entry: the run's settings, which determine the rules. */
export interface RunEntry {
  readonly type: 'run';
  readonly seed: string;
  readonly mode: Mode;
  readonly restartPolicy: RestartPolicy;
  readonly commandTimeoutMs: number;
  readonly nodes: readonly string[];
  readonly startedAt: number;
}

/** Each key's owner on the ring. The owners must be the same for all clients. */
export interface OwnersEntry {
  readonly type: 'owners';
  readonly owners: Readonly<Record<string, string>>;
}

export type Action = 'read' | 'set' | 'delete' | 'clear';

/**
 * How an operation completed:
 * - `ok`: a read returned a value, a write returned true, or a clear() resolved
 * - `false`: a write returned false
 * - `miss`: a read returned no value
 * - `error`: the call rejected
 * - `pending`: the call has not completed; `completedAt` is when the recording ended
 */
export type Outcome = 'ok' | 'false' | 'miss' | 'error' | 'pending';

/** The part of a call that concerns one key, or a clear(). */
export interface OperationEntry {
  readonly type: 'operation';
  readonly client: string;
  /** Name of the store's method. */
  readonly call: string;
  readonly action: Action;
  /** Undefined for clear(), which affects all keys. */
  readonly key?: string | undefined;
  /** The written value, or the value that was read. Every written value is unique. */
  readonly value?: string | undefined;
  readonly invokedAt: number;
  readonly completedAt: number;
  readonly outcome: Outcome;
  /** The error's code, or its stack if it has no code. */
  readonly error?: string | undefined;
  /** The nodes that clear() did not reach. */
  readonly failedNodes?: readonly string[] | undefined;
  /** Event loop delay in the client's process during the call. */
  readonly eventLoopDelayMs: number;
}

/** A change in a node view. */
export interface StateEntry {
  readonly type: 'state';
  readonly client: string;
  readonly node: string;
  readonly state: NodeState;
  readonly at: number;
}

/** A fault that the nemesis injected. */
export interface FaultEntry {
  readonly type: 'fault';
  readonly kind: FaultKind;
  readonly node: string;
  /** The process whose network had the fault; undefined for a fault of the server. */
  readonly process?: string | undefined;
  readonly from: number;
  readonly to: number;
  /**
   * For a rollback: the time when the old server process was gone. All data that is not in the snapshot was
   * lost then.
   */
  readonly goneAt?: number | undefined;
}

/** A client still did not see a node as up, long after the last fault. */
export interface StuckEntry {
  readonly type: 'stuck';
  readonly client: string;
  readonly node: string;
  readonly waitedMs: number;
}

/** The end of a worker process. */
export interface ExitEntry {
  readonly type: 'exit';
  readonly process: string;
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
  readonly at: number;
}

export type Entry =
  | RunEntry
  | OwnersEntry
  | OperationEntry
  | StateEntry
  | FaultEntry
  | StuckEntry
  | ExitEntry;

export type Log = (entry: Entry) => void;

/** Entries grouped by type. Each list is in the order that the checker needs. */
export interface History {
  readonly run: RunEntry;
  readonly owners: Readonly<Record<string, string>>;
  readonly operations: readonly OperationEntry[];
  /** Sorted by time. */
  readonly states: readonly StateEntry[];
  readonly faults: readonly FaultEntry[];
  readonly stuck: readonly StuckEntry[];
  readonly exits: readonly ExitEntry[];
}

/** @throws Error if the run or the owners are missing, or if clients disagree about the owners */
export function toHistory(entries: readonly Entry[]): History {
  const ofType = <T extends Entry['type']>(type: T) =>
    entries.filter((entry): entry is Extract<Entry, { type: T }> => entry.type === type);
  const [run] = ofType('run');
  const [first, ...others] = ofType('owners').map(({ owners }) => owners);
  if (run === undefined || first === undefined) {
    throw new Error('the history needs an entry of type run and one of type owners');
  }
  if (others.some((owners) => JSON.stringify(owners) !== JSON.stringify(first))) {
    throw new Error('the clients disagree about the owners of keys');
  }
  return {
    run,
    owners: first,
    operations: ofType('operation'),
    states: ofType('state').sort((one, other) => one.at - other.at),
    faults: ofType('fault'),
    stuck: ofType('stuck'),
    exits: ofType('exit'),
  };
}

/** @param text one entry per line; an incomplete last line from a killed process is ignored */
export function parseEntries(text: string): Entry[] {
  const lines = text.split('\n');
  lines.pop();
  return lines.map((line) => JSON.parse(line) as Entry);
}

export const serializeEntries = (entries: readonly Entry[]): string =>
  entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
