/** What is written down while a run goes on, and what is checked afterwards. All times are those of clock.ts. */

/** What the operations on a node that is down come to; what DRedisStore calls `nodeDownPolicy`. */
export const MODES = ['error', 'miss', 'failover'] as const;
export type Mode = (typeof MODES)[number];

/** What becomes of the data of a server that was restarted; what DRedisStore calls `restartPolicy`. */
export const ON_RESTART = ['keep', 'purge'] as const;
export type RestartPolicy = (typeof ON_RESTART)[number];

export const NODE_STATES = ['up', 'suspect', 'down', 'returning'] as const;
export type NodeState = (typeof NODE_STATES)[number];

export const FAULTS_OF_SERVERS = ['freeze', 'kill', 'restart', 'rollback'] as const;
export const FAULTS_OF_NETWORK = ['cut', 'blackhole', 'delay', 'reset', 'truncate'] as const;
export const FAULT_KINDS = [...FAULTS_OF_SERVERS, ...FAULTS_OF_NETWORK] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** The first entry: under what rules to check the others. */
export interface RunEntry {
  readonly type: 'run';
  readonly seed: string;
  readonly mode: Mode;
  readonly restartPolicy: RestartPolicy;
  readonly commandTimeoutMs: number;
  readonly nodes: readonly string[];
  readonly startedAt: number;
}

/** Who owns what: the ring's word, the same for all clients. */
export interface OwnersEntry {
  readonly type: 'owners';
  readonly owners: Readonly<Record<string, string>>;
}

export type Action = 'read' | 'set' | 'delete' | 'clear';

/**
 * How a call ended: `ok`, with a value or true; `false`; `miss`, a read without a value; `error`, rejected;
 * `pending`, not at all, and `completedAt` says how long it was waited for.
 */
export type Outcome = 'ok' | 'false' | 'miss' | 'error' | 'pending';

/** One call, or what a call over many keys did to one of them. */
export interface OperationEntry {
  readonly type: 'operation';
  readonly client: string;
  /** The store's method. */
  readonly call: string;
  readonly action: Action;
  /** Undefined of clear(), which means all keys. */
  readonly key?: string | undefined;
  /** What was written, or what was read. No value is written twice. */
  readonly value?: string | undefined;
  readonly invokedAt: number;
  readonly completedAt: number;
  readonly outcome: Outcome;
  /** The error's code, or its name where it has none. */
  readonly error?: string | undefined;
  /** The nodes that clear() did not reach. */
  readonly failedNodes?: readonly string[] | undefined;
  /** How late the event loop of the client's process was meanwhile, in milliseconds. */
  readonly lateMs: number;
}

/** From now on, a client sees a node in this state. */
export interface StateEntry {
  readonly type: 'state';
  readonly client: string;
  readonly node: string;
  readonly state: NodeState;
  readonly at: number;
}

/** What the nemesis did. */
export interface FaultEntry {
  readonly type: 'fault';
  readonly kind: FaultKind;
  readonly node: string;
  /** The one process that was cut off; undefined of what befell the server. */
  readonly process?: string | undefined;
  readonly from: number;
  readonly to: number;
  /** Of a rollback: when the server's process was gone, and with it what the snapshot does not hold. */
  readonly goneAt?: number | undefined;
}

/** Long after the last fault was over, a client had not seen a node come back. */
export interface StuckEntry {
  readonly type: 'stuck';
  readonly client: string;
  readonly node: string;
  readonly waitedMs: number;
}

/** The end of a worker's process. */
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

export interface History {
  readonly run: RunEntry;
  readonly owners: Readonly<Record<string, string>>;
  readonly operations: readonly OperationEntry[];
  readonly states: readonly StateEntry[];
  readonly faults: readonly FaultEntry[];
  readonly stuck: readonly StuckEntry[];
  readonly exits: readonly ExitEntry[];
}

/** @throws Error when entries are missing, or clients disagree about who owns what */
export function historyOf(entries: readonly Entry[]): History {
  const ofType = <T extends Entry['type']>(type: T) =>
    entries.filter((entry): entry is Extract<Entry, { type: T }> => entry.type === type);
  const [run] = ofType('run');
  const [first, ...others] = ofType('owners').map(({ owners }) => owners);
  if (run === undefined || first === undefined) throw new Error('the history does not say who owns what');
  if (others.some((owners) => JSON.stringify(owners) !== JSON.stringify(first))) {
    throw new Error('the clients disagree about who owns what');
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

/** @param text one entry to a line; the last line may be cut short, where its writer was killed */
export function entriesOf(text: string): Entry[] {
  const lines = text.split('\n');
  lines.pop();
  return lines.map((line) => JSON.parse(line) as Entry);
}

export const linesOf = (entries: readonly Entry[]): string =>
  entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
